import type { ClusterFacts } from '../cluster/facts.ts';
import { identifyCni } from '../cni/identity.ts';
import { inPrefix } from '../forwarding/address.ts';
import type { Hop, Stop, Walk } from '../forwarding/hop.ts';
import { hostNetns } from '../forwarding/world.ts';
import type { NodeSnapshot } from '../node/snapshot.ts';
import type { Evidence, Leg } from './evidence.ts';

/** Where the model ends a probe or its reply. */
export interface ModelStop {
  leg: Leg;
  walk: Walk;
  direction: 'there' | 'back';
  hop: Hop;
  /** Position in its walk. */
  index: number;
  stop: Stop;
}

/** The first end on the way there and back. */
export const stopOf = (evidence: Evidence, leg: Leg): ModelStop | undefined => {
  for (const direction of ['there', 'back'] as const) {
    const walk = leg[direction];
    const index = walk?.hops.findIndex((hop) => hop.stop !== undefined) ?? -1;
    const hop = walk?.hops[index];
    if (walk && hop?.stop) return { leg, walk, direction, hop, index, stop: hop.stop.because ?? hop.stop };
    const astray = walk && strayed(evidence, walk);
    if (walk && astray) return { leg, walk, direction, index: walk.hops.length - 1, ...astray };
  }
  return undefined;
};

/** Some node has a route of its own to the pods of another: then that is how it works here, and not by the network between the nodes. */
const nodesRoutePods = ({ nodes }: ClusterFacts, snapshots: NodeSnapshot[]): boolean =>
  snapshots.some((snapshot) => {
    const foreign = nodes.filter(({ name }) => name !== snapshot.node).flatMap(({ podCidrs }) => podCidrs);
    return (
      hostNetns(snapshot)?.routes.some(
        ({ destination, gateway, type }) => type === 'unicast' && gateway !== undefined && foreign.includes(destination),
      ) ?? false
    );
  });

/**
 * A packet to a pod that leaves by the default route: certainly wrong on the pod's own node, and anywhere the nodes route pods themselves.
 * Elsewhere the network between them may well know the pods (cloud routes, BGP).
 */
const strayed = ({ facts, snapshots }: Evidence, { outcome, hops }: Walk): Pick<ModelStop, 'hop' | 'stop'> | undefined => {
  const hop = hops.at(-1);
  const snapshot = snapshots.find(({ node }) => node === hop?.node);
  if (outcome !== 'left' || !hop || !snapshot || hop.tunnel) return undefined;
  const { destination } = hop.packet;
  const owner = facts.nodes.find(({ podCidrs }) => podCidrs.some((cidr) => inPrefix(cidr, destination)));
  if (!owner || !(owner.name === hop.node || nodesRoutePods(facts, snapshots) || identifyCni(snapshot, facts).name === 'flannel')) return undefined;
  const message = `${destination} is the address of a pod on ${owner.name}, but the packet leaves ${hop.node} by ${hop.interface} for somewhere else`;
  return { hop, stop: { reason: 'no-route', message, facts: { destination, owner: owner.name } } };
};
