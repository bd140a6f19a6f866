import { expect } from 'chai';
import fc from 'fast-check';
import type { ClusterFacts, Protocol } from '../../../src/cluster/facts.ts';
import { type Engine, engineOf, partyOfPod } from '../../../src/policy/engine.ts';
import { judgeBoth } from '../../../src/policy/judge.ts';
import { podClasses } from '../../../src/policy/matrix/classes.ts';
import { matrixOf } from '../../../src/policy/matrix/matrix.ts';
import { holds, isNothing, portSetText, subtract } from '../../../src/policy/port-set.ts';
import { reach, reachOf } from '../../../src/policy/reach.ts';
import { bruteSide } from './brute-force.ts';
import { cluster, factsOfCluster, networkPolicy, points, type RandomCluster } from './random.ts';
import { cellOf } from './world.ts';

const PLUGIN = 'kube-network-policies';

const engine = (facts: ClusterFacts): Engine => engineOf(facts, PLUGIN);

const pairs = (own: Engine): [from: number, to: number][] =>
  own.world.pods.flatMap((_, from) => own.world.pods.flatMap((__, to): [number, number][] => (from === to ? [] : [[from, to]])));

const party = (own: Engine, index: number): ReturnType<typeof partyOfPod> => partyOfPod(own, own.world.pods[index] as ClusterFacts['pods'][number]);

const texts = (own: Engine): string[] => pairs(own).map(([from, to]) => portSetText(reach(own, party(own, from), party(own, to))));

describe('the judgement of random clusters', () => {
  it('is that of a reading from scratch, packet by packet, at both ends', () => {
    fc.assert(
      fc.property(cluster, (random) => {
        const own = engine(factsOfCluster(random));
        expect(own.unreadable).to.deep.equal([]);
        for (const [from, to] of pairs(own)) {
          const [source, destination] = [random.pods[from], random.pods[to]];
          if (!source || !destination) continue;
          for (const { protocol, port } of points) {
            const flow = { from: party(own, from), to: party(own, to), protocol: protocol.toLowerCase() as Protocol, port };
            const { sides } = judgeBoth(own, flow);
            const expected = (['Egress', 'Ingress'] as const).map((direction) =>
              bruteSide(direction, { from: source, to: destination, protocol, port }, random.world) ? 'allow' : 'deny',
            );
            expect(
              sides.map(({ verdict }) => verdict),
              `pod${from} → pod${to} ${protocol} ${port}`,
            ).to.deep.equal(expected);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it('is the same for one packet as for all of them at once', () => {
    fc.assert(
      fc.property(cluster, (random) => {
        const own = engine(factsOfCluster(random));
        for (const [from, to] of pairs(own)) {
          const [a, b] = [party(own, from), party(own, to)];
          const sets = [reachOf(own, 'egress', a, b), reachOf(own, 'ingress', a, b)];
          for (const { protocol, port } of points) {
            const { sides } = judgeBoth(own, { from: a, to: b, protocol: protocol.toLowerCase() as Protocol, port });
            const single = sides.map(({ verdict }) => verdict === 'allow');
            expect(sets.map((set) => holds(set, protocol.toLowerCase() as Protocol, port))).to.deep.equal(single);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it('is the same in a matrix of classes as pair by pair', () => {
    fc.assert(
      fc.property(cluster, (random) => {
        const own = engine(factsOfCluster(random));
        const classes = podClasses(own, own.world.pods);
        const matrix = matrixOf(own, classes);
        const classOf = own.world.pods.map((pod) => classes.findIndex(({ pods }) => pods.includes(pod)));
        for (const [from, to] of pairs(own)) {
          const cell = cellOf(matrix, classOf[from] as number, classOf[to] as number);
          expect(portSetText(cell), `pod${from} → pod${to}`).to.equal(portSetText(reach(own, party(own, from), party(own, to))));
        }
      }),
      { numRuns: 200 },
    );
  });

  it('does not depend on the order of the objects', () => {
    const shuffled = cluster.chain((random) =>
      fc.record({
        random: fc.constant(random),
        networkPolicies: fc.shuffledSubarray(random.world.networkPolicies, { minLength: random.world.networkPolicies.length }),
        clusterPolicies: fc.shuffledSubarray(random.world.clusterPolicies, { minLength: random.world.clusterPolicies.length }),
      }),
    );
    fc.assert(
      fc.property(shuffled, ({ random, networkPolicies, clusterPolicies }) => {
        const other: RandomCluster = { ...random, world: { ...random.world, networkPolicies, clusterPolicies } };
        expect(texts(engine(factsOfCluster(other)))).to.deep.equal(texts(engine(factsOfCluster(random))));
      }),
      { numRuns: 100 },
    );
  });

  it('loses nothing by a further NetworkPolicy for pods that are isolated already', () => {
    fc.assert(
      fc.property(cluster, networkPolicy, (random, more) => {
        const isolating = {
          metadata: { name: 'isolate', namespace: more.metadata.namespace },
          spec: { podSelector: {}, policyTypes: ['Ingress', 'Egress'] },
        };
        const before: RandomCluster = { ...random, world: { ...random.world, networkPolicies: [...random.world.networkPolicies, isolating] } };
        const after: RandomCluster = { ...before, world: { ...before.world, networkPolicies: [...before.world.networkPolicies, more] } };
        const [one, other] = [engine(factsOfCluster(before)), engine(factsOfCluster(after))];
        for (const [from, to] of pairs(one)) {
          const lost = subtract(reach(one, party(one, from), party(one, to)), reach(other, party(other, from), party(other, to)));
          expect(isNothing(lost), `pod${from} → pod${to}`).to.equal(true);
        }
      }),
      { numRuns: 100 },
    );
  });
});
