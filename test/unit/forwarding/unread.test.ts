import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Packet } from '../../../src/forwarding/hop.ts';
import { certain, predict, type Result } from '../../../src/forwarding/predict.ts';
import type { World } from '../../../src/forwarding/world.ts';
import { parseCollection } from '../../../src/node/parse-collection.ts';
import type { RawCollection } from '../../../src/node/raw.ts';
import type { NodeSnapshot } from '../../../src/node/snapshot.ts';
import { type Fixture, judgeFixture, readFixture } from '../../diff/fixture.ts';
import { type Cut, type CutAt, cutCollection, cutSnapshot, cuts, namesIn, sectionsOfSnapshots } from './cuts.ts';
import { alike, type RealWorld, type RecordedScenario, recordedScenario, scenarios, startOfTruth } from './real-nodes.ts';
import { recorded, startOf } from './recordings.ts';

/** One recording of each network plugin, and each data plane of Calico's; with a drop in it where there is one. */
const recordings = [
  'calico/policy-drop',
  'calico/nft-policy-drop',
  'cilium/policy-drop',
  'kube-ovn-1.12/masquerade-missing',
  'kube-ovn-1.16/healthy',
  'ovn-kubernetes/peerpod-mac-mismatch',
];

/** One of so many, so that the whole takes seconds. */
const sample = <Item>(items: Item[], of: number): Item[] => items.filter((_, at) => at % of === 0);

/** Ways of one question: what the budget of a walk allows, and the first. */
const MOST_WAYS = 65;

/** What is said wrongly of connections that were really tried, or said to be unknown without a reason. */
const faultsOf = (world: RealWorld): string[] =>
  world.truth.flatMap(({ src, dst, dst_ip: destination, proto: protocol, port, result }) => {
    const start = startOfTruth(world, src);
    if (!start) return [];
    const ports = protocol === 'icmp' ? {} : { sourcePort: 61440, destinationPort: port };
    const { forecast, doubts, ways } = predict({ source: '', destination, protocol, ...ports }, start, world);
    const predicted: Result = certain(forecast);
    const label = `${src} → ${dst} ${protocol} ${port}`;
    if (ways.length > MOST_WAYS) return `${label}: ${ways.length} ways`;
    if (predicted === 'unknown') return doubts.length > 0 ? [] : `${label}: unknown, and nobody says why`;
    return alike(predicted) === alike(result) ? [] : `${label}: ${predicted}, and was ${result}`;
  });

const parsed = new WeakMap<RawCollection, NodeSnapshot>();

/** What a cut leaves as it was is read once. */
const snapshotOf = (raw: RawCollection): NodeSnapshot => {
  const snapshot = parsed.get(raw) ?? parseCollection(raw);
  parsed.set(raw, snapshot);
  return snapshot;
};

/** Undefined where there is no such section. */
const cutScenario = ({ collections, facts, truth }: RecordedScenario, cut: Cut, at: CutAt): RealWorld | undefined => {
  const left = collections.map((raw) => cutCollection(raw, cut, at));
  return left.every((raw, place) => raw === collections[place]) ? undefined : { snapshots: left.map(snapshotOf), facts, truth };
};

const expectNoFaults = (world: RealWorld | undefined, label: string): void => {
  if (world) expect(faultsOf(world), label).to.deep.equal([]);
};

if (scenarios().length === 0) it.skip('recordings of real nodes: none lie beside the project', () => undefined);

for (const title of scenarios().filter((scenario) => recordings.includes(scenario))) {
  describe(`a reading of ${title} that is not whole`, () => {
    const whole = recordedScenario(title);
    const scenario = { ...whole, truth: sample(whole.truth, 2) };
    const sections = namesIn(scenario.collections);

    for (const cut of cuts) {
      it(`any section ${cut}: nothing is predicted wrong, or unknown without a reason`, function () {
        this.timeout(60_000);
        // these recordings have no heading in front of their sockets, by which a namespace without any is told from one that was not asked
        const some = sections.filter((one) => cut !== 'emptied' || one !== 'sockets');
        for (const name of some) expectNoFaults(cutScenario(scenario, cut, { name }), name);
      });
    }

    it('any section halved in one namespace alone: nothing either', function () {
      this.timeout(60_000);
      const places = new Set(scenario.collections.flatMap((raw) => raw.sections.flatMap(({ netns }) => netns ?? [])));
      for (const name of sections) {
        for (const netns of places) expectNoFaults(cutScenario(scenario, 'halved', { name, netns }), `${name} of ${netns}`);
      }
    });

    it('says of every section that was halved that it was', () => {
      for (const raw of scenario.collections) {
        for (const section of raw.sections.filter(({ text }) => text.trim().length > 2)) {
          const { problems } = parseCollection(cutCollection(raw, 'halved', section));
          expect(
            problems.map(({ section: told, netns }) => `${told} ${netns}`),
            section.text.slice(0, 80),
          ).to.include(`${section.name} ${section.netns}`);
        }
      }
    });
  });
}

for (const name of ['flannel-vxlan-iptables-dual', 'flannel-hostgw-nftables-dual']) {
  describe(`the recorded cluster ${name}, not read whole`, () => {
    const world = recorded(name);
    const pods = world.facts.pods.filter(({ hostNetwork }) => !hostNetwork).slice(0, 4);
    const targets = [...pods.flatMap(({ ips }) => ips), ...world.facts.services.flatMap(({ clusterIps }) => clusterIps)];
    const answersIn = (asked: World): Result[] =>
      pods.flatMap((pod) =>
        targets.map((destination) => {
          const packet: Packet = { source: '', destination, protocol: 'tcp', sourcePort: 61440, destinationPort: 80 };
          return certain(predict(packet, startOf(asked, pod), asked).forecast);
        }),
      );
    const whole = answersIn(world);

    for (const section of sectionsOfSnapshots) {
      it(`${section}: what is certain still is what it was`, () => {
        for (const share of [0, 0.5]) {
          const left = answersIn({ ...world, snapshots: world.snapshots.map((snapshot) => cutSnapshot(snapshot, section, share)) });
          // what nobody could say of the whole is no measure
          const others = left.filter((answer, at) => answer !== 'unknown' && whole[at] !== 'unknown' && answer !== whole[at]);
          expect(others, `${share}`).to.deep.equal([]);
        }
      });
    }
  });
}

const directory = join(import.meta.dirname, '../../fixtures/diff');

describe('what a kernel did, asked of nodes that were not read whole', () => {
  const files = existsSync(directory) ? readdirSync(directory).filter((name) => !name.startsWith('explained-')) : [];
  const some: Fixture[] = sample(files.sort(), 4).map((name) => readFixture(join(directory, name)));

  for (const section of sectionsOfSnapshots) {
    it(`${section}: is not contradicted`, function () {
      this.timeout(60_000);
      for (const fixture of some) {
        for (const share of [0, 0.5]) {
          const verdicts = judgeFixture({ ...fixture, snapshots: fixture.snapshots.map((snapshot) => cutSnapshot(snapshot, section, share)) });
          expect(
            verdicts.filter(({ kind }) => kind === 'disagree'),
            `${fixture.seen}, ${share}`,
          ).to.deep.equal([]);
        }
      }
    });
  }
});
