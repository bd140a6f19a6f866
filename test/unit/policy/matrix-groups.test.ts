import { expect } from 'chai';
import fc from 'fast-check';
import type { ClusterFacts, PodFacts, Protocol } from '../../../src/cluster/facts.ts';
import { parseAddress, parsePrefix } from '../../../src/forwarding/address.ts';
import { type Engine, engineOf, partyOfPod } from '../../../src/policy/engine.ts';
import { judgeBoth } from '../../../src/policy/judge.ts';
import { outsideClasses, podClasses } from '../../../src/policy/matrix/classes.ts';
import { differenceOf } from '../../../src/policy/matrix/diff.ts';
import { groupsOf } from '../../../src/policy/matrix/groups.ts';
import { matrixOf } from '../../../src/policy/matrix/matrix.ts';
import { podNamer } from '../../../src/policy/matrix/names.ts';
import { addressIn, regionNames, regionsOf } from '../../../src/policy/matrix/regions.ts';
import { holds, portSetText } from '../../../src/policy/port-set.ts';
import { cluster, factsOfCluster } from './random.ts';
import { cellOf, factsOf, podOf } from './world.ts';

const prefixes = (...texts: string[]): Parameters<typeof regionsOf>[1] => texts.flatMap((text) => parsePrefix(text) ?? []);

describe('addresses outside', () => {
  it('are told apart by the innermost block they are in', () => {
    const regions = regionsOf(4, prefixes('10.0.0.0/8', '10.1.0.0/16', '10.1.2.0/24', '192.168.0.0/16', '10.0.0.0/8', 'fd00::/8'));
    expect(regions.map(({ block, parent }) => [block, parent?.block])).to.deep.equal([
      ['0.0.0.0/0', undefined],
      ['10.0.0.0/8', '0.0.0.0/0'],
      ['10.1.0.0/16', '10.0.0.0/8'],
      ['10.1.2.0/24', '10.1.0.0/16'],
      ['192.168.0.0/16', '0.0.0.0/0'],
    ]);
    const [all, ten, , inner] = regions;
    expect(regionNames(regions)).to.deep.equal(['0.0.0.0/0']);
    expect(regionNames(regions.filter((one) => one !== ten))).to.deep.equal(['0.0.0.0/0 except 10.0.0.0/8', '10.1.0.0/16']);
    expect(regionNames([all, inner].flatMap((one) => one ?? []))).to.deep.equal(['0.0.0.0/0 except 10.0.0.0/8, 192.168.0.0/16', '10.1.2.0/24']);
  });

  it('have one that stands for each region, where the smaller blocks leave one', () => {
    const regions = regionsOf(4, prefixes('10.0.0.0/31', '10.0.0.0/32', '10.0.0.1/32', '10.0.0.2/31', '10.0.0.2/32'));
    const found = regions.map((region) => [region.block, addressIn(region)]);
    const value = (text: string): bigint => BigInt(parseAddress(text)?.value ?? -1);
    expect(found).to.deep.equal([
      ['0.0.0.0/0', value('0.0.0.0')],
      ['10.0.0.0/31', undefined],
      ['10.0.0.0/32', value('10.0.0.0')],
      ['10.0.0.1/32', value('10.0.0.1')],
      ['10.0.0.2/31', value('10.0.0.3')],
      ['10.0.0.2/32', value('10.0.0.2')],
    ]);
  });
});

describe('sets of pods', () => {
  it('are named by namespaces and workloads where they have all of theirs', () => {
    const pods = ['shop/a app=a', 'shop/b app=b', 'other/c app=c'].map(podOf);
    const nameOf = podNamer(pods);
    expect(nameOf(pods)).to.deep.equal(['all pods']);
    expect(nameOf(pods.slice(0, 2))).to.deep.equal(['all pods of shop']);
    expect(nameOf(pods.slice(1))).to.deep.equal(['other/c', 'shop/b']);
  });
});

const randomFacts = cluster.map(factsOfCluster);

const PACKETS: [Protocol, number?][] = [['tcp', 80], ['tcp', 81], ['udp', 53], ['sctp', 80], ['icmp']];

const judged = (engine: Engine, from: PodFacts, to: PodFacts, [protocol, port]: [Protocol, number?]): boolean => {
  const flow = { from: partyOfPod(engine, from), to: partyOfPod(engine, to), protocol, ...(port === undefined ? {} : { port }) };
  return judgeBoth(engine, flow).verdict === 'allow';
};

/** Whether a name of a change is this pod's, too. */
const covers = (names: readonly string[], { namespace, name }: PodFacts): boolean =>
  names.some((one) => one === 'all pods' || one === `all pods of ${namespace}` || one === `${namespace}/${name}`);

describe('groups of a matrix', () => {
  it('say of every pair of their pods what the matrix says', () => {
    fc.assert(
      fc.property(randomFacts, (facts) => {
        const engine = engineOf(facts, 'antrea');
        const matrix = matrixOf(engine, [...podClasses(engine, facts.pods), ...outsideClasses(engine, 4)]);
        const groups = groupsOf(matrix);
        expect(groups.flatMap(({ classes }) => classes).sort((a, b) => a - b)).to.deep.equal([...matrix.classes.keys()]);
        for (const one of groups)
          for (const other of groups) {
            const text = portSetText(cellOf(matrix, one.classes[0] ?? 0, other.classes[0] ?? 0));
            for (const from of one.classes) for (const to of other.classes) expect(portSetText(cellOf(matrix, from, to))).to.equal(text);
          }
      }),
      { numRuns: 25 },
    );
  });
});

describe('a diff', () => {
  it('has exactly the pairs whose verdict changes', () => {
    fc.assert(
      fc.property(randomFacts, fc.nat(), (facts, seed) => {
        const objects = facts.policies?.objects ?? [];
        const left = objects.filter((_, index) => index !== seed % Math.max(1, objects.length));
        const after: ClusterFacts = { ...facts, ...(facts.policies ? { policies: { ...facts.policies, objects: left } } : {}) };
        const [was, is] = [engineOf(facts, 'antrea'), engineOf(after, 'antrea')];
        const { changes } = differenceOf(was, is);
        for (const from of facts.pods)
          for (const to of facts.pods) {
            if (from === to) continue;
            const between = changes.filter((change) => covers(change.from, from) && covers(change.to, to));
            for (const packet of PACKETS) {
              const [before, later] = [judged(was, from, to, packet), judged(is, from, to, packet)];
              expect(between.some(({ lost }) => holds(lost, ...packet))).to.equal(before && !later);
              expect(between.some(({ gained }) => holds(gained, ...packet))).to.equal(!before && later);
            }
          }
        if (left.length === objects.length) expect(changes).to.deep.equal([]);
      }),
      { numRuns: 20 },
    );
  });

  it('of nothing is nothing', () => {
    const facts = factsOf({ pods: ['shop/web app=web 10.0.0.4', 'shop/db app=db 10.0.0.5'] });
    expect(differenceOf(engineOf(facts), engineOf(facts)).changes).to.deep.equal([]);
  });
});
