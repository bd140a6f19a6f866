import type { ClusterFacts } from '../cluster/facts.ts';
import { identifyCni } from '../cni/identity.ts';
import { inPrefix, sameAddress } from '../forwarding/address.ts';
import type { Hop, Stop, Walk } from '../forwarding/hop.ts';
import { hostNetns, linkHolding, placeAt } from '../forwarding/world.ts';
import type { NodeSnapshot } from '../node/snapshot.ts';
import { DIRECTIONS, type Evidence, type Leg, netnsOfPod } from './evidence.ts';

/** Where the model ends a probe or its reply. */
export interface ModelStop {
  leg: Leg;
  walk: Walk;
  direction: 'there' | 'back';
  hop: Hop;
  /** Position in its walk. */
  index: number;
  stop: Omit<Stop, 'reason'> & { reason: Stop['reason'] | 'kept' };
}

/** The first end on the way there and back. */
export const stopOf = (evidence: Evidence, leg: Leg): ModelStop | undefined => {
  for (const direction of DIRECTIONS) {
    const walk = leg[direction];
    const index = walk?.hops.findIndex((hop) => hop.stop !== undefined) ?? -1;
    const hop = walk?.hops[index];
    const last = walk ? walk.hops.length - 1 : -1;
    const keeper = walk && (hop === undefined || hop.stop?.reason === 'astray') && kept(evidence, leg, direction, walk);
    if (keeper) return { leg, walk, direction, index: last, ...keeper };
    if (walk && hop?.stop) return { leg, walk, direction, hop, index, stop: hop.stop.because ?? hop.stop };
    const astray = walk && strayed(evidence, walk);
    if (walk && astray) return { leg, walk, direction, index: last, ...astray };
  }
  return undefined;
};

/** The inode of the namespace that the packet is meant for: of the asker on the way back, of the target pod on the way there. */
const meantFor = (evidence: Evidence, { there, probe }: Leg, direction: ModelStop['direction']): string | undefined => {
  if (direction === 'back') return there?.hops[0]?.netns;
  const { pod } = evidence.to;
  return pod?.ips.some((ip) => sameAddress(ip, probe.request.destination)) ? netnsOfPod(evidence, pod)?.netns.inode : undefined;
};

/** A node that holds the address itself delivers to itself and passes nothing on. */
const kept = (
  evidence: Evidence,
  leg: Leg,
  direction: ModelStop['direction'],
  { end, arrived, hops }: Walk,
): Pick<ModelStop, 'hop' | 'stop'> | undefined => {
  const hop = hops.at(-1);
  const wanted = meantFor(evidence, leg, direction);
  const place = end && placeAt(evidence, end.node, end.netns);
  if (!hop || !arrived || wanted === undefined || place?.netns.role !== 'host' || place.netns.inode === wanted) return undefined;
  const { destination } = arrived;
  const name = linkHolding(place.netns, destination)?.name ?? hop.interface;
  const message = `${place.snapshot.node} holds ${destination} itself, on ${name}, and keeps what is sent there`;
  return { hop, stop: { reason: 'kept', message, facts: { address: destination, interface: name, node: place.snapshot.node } } };
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
export const strayed = (
  { facts, snapshots }: Pick<Evidence, 'facts' | 'snapshots'>,
  { outcome, hops }: Walk,
): Pick<ModelStop, 'hop' | 'stop'> | undefined => {
  const hop = hops.at(-1);
  const snapshot = snapshots.find(({ node }) => node === hop?.node);
  if (outcome !== 'left' || !hop || !snapshot || hop.tunnel) return undefined;
  const { destination } = hop.packet;
  const owner = facts.nodes.find(({ podCidrs }) => podCidrs.some((cidr) => inPrefix(cidr, destination)));
  if (!owner || !(owner.name === hop.node || nodesRoutePods(facts, snapshots) || identifyCni(snapshot, facts).name === 'flannel')) return undefined;
  const message = `${destination} is the address of a pod on ${owner.name}, but the packet leaves ${hop.node} by ${hop.interface} for somewhere else`;
  return { hop, stop: { reason: 'no-route', message, facts: { destination, owner: owner.name } } };
};
