import { expect } from 'chai';
import type { Protocol } from '../../../src/cluster/facts.ts';
import { type Engine, engineOf, partyOfPod } from '../../../src/policy/engine.ts';
import { judgeBoth } from '../../../src/policy/judge.ts';
import { podClasses } from '../../../src/policy/matrix/classes.ts';
import { matrixOf } from '../../../src/policy/matrix/matrix.ts';
import type { Party } from '../../../src/policy/party.ts';
import { holds } from '../../../src/policy/port-set.ts';
import { type AssistantCase, type CyclonusCase, factsOfVectors, hasVectors, objectOf, readVectors } from './vectors.ts';
import { cellOf } from './world.ts';

const PLUGIN = 'antrea';
const SIDES = ['egress', 'ingress'] as const;

const partiesOf = (engine: Engine): Map<string, Party> =>
  new Map(engine.world.pods.map((pod) => [`${pod.namespace}/${pod.name}`, partyOfPod(engine, pod)]));

const found = <Thing>(thing: Thing | undefined): Thing => {
  if (thing === undefined) throw new Error('the vectors name something that they lack');
  return thing;
};

const parse = (portProtocol: string): { protocol: Protocol; port: number } => {
  const [protocol = '', port] = portProtocol.split('/');
  return { protocol: protocol.toLowerCase() as Protocol, port: Number(port) };
};

/** Points that are neither a pod to itself nor not probed. */
const isProbed = (point: string | undefined): boolean => point === '.' || point === 'X';

const engineOfStep = ({ namespaces, pods, policies }: CyclonusCase['steps'][number]): Engine =>
  engineOf(
    factsOfVectors(
      namespaces,
      pods,
      (policies ?? []).map((policy, index) => objectOf('networking.k8s.io/v1', 'NetworkPolicy', policy, `p${index}`)),
    ),
    PLUGIN,
  );

describe('the verdicts that cyclonus publishes', function () {
  if (!hasVectors('cyclonus-generator')) {
    it('are not beside this checkout');
    return;
  }
  this.timeout(30_000);
  const cases = readVectors<CyclonusCase>('cyclonus-generator');

  it('are ours: 109,956 points at the source, at the destination, and both together', () => {
    const wrong: string[] = [];
    let points = 0;
    for (const { id, steps } of cases) {
      for (const step of steps) {
        const engine = engineOfStep(step);
        expect(engine.unreadable, `case ${id}`).to.deep.equal([]);
        const parties = partiesOf(engine);
        for (const expected of step.expected) {
          const packet = parse(expected.portProtocol);
          for (const [row, from] of step.order.entries()) {
            for (const [column, to] of step.order.entries()) {
              if (!isProbed(expected.combined[row]?.[column])) continue;
              points++;
              const verdict = judgeBoth(engine, { from: found(parties.get(from)), to: found(parties.get(to)), ...packet });
              const said = [...SIDES.map((side) => expected[side][row]?.[column]), expected.combined[row]?.[column]].join('');
              const ours = [...verdict.sides.map((side) => side.verdict), verdict.verdict].map((word) => (word === 'allow' ? '.' : 'X')).join('');
              if (said !== ours) wrong.push(`case ${id}: ${from} → ${to} ${expected.portProtocol}: ${said}, ours ${ours}`);
            }
          }
        }
      }
    }
    expect({ points, wrong }).to.deep.equal({ points: 109_956, wrong: [] });
  });

  it('are ours in a matrix, too', () => {
    const wrong: string[] = [];
    for (const { id, steps } of cases) {
      for (const step of steps) {
        const engine = engineOfStep(step);
        const classes = podClasses(engine, engine.world.pods);
        const matrix = matrixOf(engine, classes);
        const classOf = new Map(classes.flatMap(({ pods }, index) => pods.map((pod): [string, number] => [`${pod.namespace}/${pod.name}`, index])));
        for (const expected of step.expected) {
          const { protocol, port } = parse(expected.portProtocol);
          for (const [row, from] of step.order.entries()) {
            for (const [column, to] of step.order.entries()) {
              const point = expected.combined[row]?.[column];
              if (!isProbed(point)) continue;
              const ours = holds(cellOf(matrix, found(classOf.get(from)), found(classOf.get(to))), protocol, port) ? '.' : 'X';
              if (point !== ours) wrong.push(`case ${id}: ${from} → ${to} ${expected.portProtocol}: ${point}, ours ${ours}`);
            }
          }
        }
      }
    }
    expect(wrong).to.deep.equal([]);
  });
});

describe('the verdicts that policy-assistant publishes', () => {
  if (!hasVectors('policy-assistant-integration')) {
    it('are not beside this checkout');
    return;
  }
  const ADMIN = 'policy.networking.k8s.io/v1alpha1';
  let points = 0;
  for (const one of readVectors<AssistantCase>('policy-assistant-integration')) {
    it(`are ours: ${one.name}`, () => {
      const engine = engineOf(
        factsOfVectors(one.namespaces, one.pods, [
          ...(one.networkPolicies ?? []).map((policy, index) => objectOf('networking.k8s.io/v1', 'NetworkPolicy', policy, `np${index}`)),
          ...(one.adminNetworkPolicies ?? []).map((policy, index) => objectOf(ADMIN, 'AdminNetworkPolicy', policy, `anp${index}`)),
          ...(one.baselineAdminNetworkPolicy ? [objectOf(ADMIN, 'BaselineAdminNetworkPolicy', one.baselineAdminNetworkPolicy, 'default')] : []),
        ]),
        PLUGIN,
      );
      const parties = partiesOf(engine);
      const packets = [...new Set(one.pods.flatMap(({ ports }) => ports.map(({ protocol, port }) => `${protocol}/${port}`)))];
      const wrong: string[] = [];
      for (const from of parties.keys()) {
        for (const to of parties.keys()) {
          if (from === to) continue;
          for (const packet of packets) {
            points++;
            const { protocol, port } = parse(packet);
            const isListed = (list: AssistantCase['nonDefaultEgress']): boolean =>
              (list ?? []).some(({ From, To, Port, Protocol: own }) => From === from && To === to && Port === port && own.toLowerCase() === protocol);
            const said = [
              (one.defaultEgress === 'allowed') !== isListed(one.nonDefaultEgress),
              (one.defaultIngress === 'allowed') !== isListed(one.nonDefaultIngress),
            ].map((allowed) => (allowed ? 'allow' : 'deny'));
            const ours = judgeBoth(engine, { from: found(parties.get(from)), to: found(parties.get(to)), protocol, port }).sides.map(
              ({ verdict }) => verdict,
            );
            if (said.join() !== ours.join()) wrong.push(`${from} → ${to} ${packet}: ${said}, ours ${ours}`);
          }
        }
      }
      expect({ unreadable: engine.unreadable, wrong }).to.deep.equal({ unreadable: [], wrong: [] });
    });
  }

  it('are 1,090 points', () => expect(points).to.equal(1090));
});
