import type { Way } from '../../capture/ways.ts';
import type { Endpoint } from '../../cluster/endpoint.ts';
import type { ClusterFacts } from '../../cluster/facts.ts';
import { familyOf } from '../../forwarding/address.ts';
import type { Packet } from '../../forwarding/hop.ts';
import { walk, walkBack } from '../../forwarding/walk.ts';
import { hostNetns } from '../../forwarding/world.ts';
import type { NodeSnapshot } from '../../node/snapshot.ts';
import type { Question } from '../plan.ts';

/** A Service with more endpoints than this is followed to its first ones. */
const MOST_ENDPOINTS = 8;

/** The inode packets of this endpoint start from, with its node. */
const startOf = ({ node, pod }: Endpoint, snapshots: NodeSnapshot[]): { node: string; netns: string } | undefined => {
  const name = node?.name ?? pod?.node;
  const snapshot = snapshots.find((candidate) => candidate.node === name);
  const netns = snapshot && (node || pod?.hostNetwork ? hostNetns(snapshot) : snapshot.namespaces.find(({ podUid }) => podUid === pod?.uid));
  return snapshot && netns ? { node: snapshot.node, netns: netns.inode } : undefined;
};

/** Where the kernel picks one of several endpoints, each of them in its turn. */
const endpointsFor = ({ to, destination }: Pick<Question, 'to' | 'destination'>): (string | undefined)[] => {
  if (to.kind !== 'service') return [undefined];
  const ips = to.backends.flatMap((pod) => pod.ips.find((ip) => familyOf(ip) === familyOf(destination)) ?? []);
  return ips.length === 0 ? [undefined] : ips.slice(0, MOST_ENDPOINTS);
};

/** The ways that packets of this question may take, there and back, as the nodes' kernels would send them; without any where the source's namespace was not read. */
export const predictWays = (question: Question, facts: ClusterFacts, snapshots: NodeSnapshot[]): Way[] => {
  const { from, source, destination, protocol, port } = question;
  const start = startOf(from, snapshots);
  if (!start) return [];
  const world = { facts, snapshots };
  const packet: Packet = { source, destination, protocol, ...(port === undefined ? {} : { destinationPort: port }) };
  return endpointsFor(question).map((endpoint) => {
    const there = walk(packet, start, world, endpoint === undefined ? {} : { endpoint });
    const back = walkBack(there, world);
    return { there, ...(back ? { back } : {}) };
  });
};
