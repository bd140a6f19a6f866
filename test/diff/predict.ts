import type { Hop, Packet, Walk } from '../../src/forwarding/hop.ts';
import { walk, walkBack } from '../../src/forwarding/walk.ts';
import { placeAt, type World } from '../../src/forwarding/world.ts';
import type { Case, Probe, Space } from './case.ts';

/** One way that the model says the packet may take, and its answer's way. */
export interface Branch {
  request: Leg;
  /** Absent when nobody is there to answer. */
  reply?: Leg;
}

export interface Leg {
  outcome: Walk['outcome'];
  hops: Hop[];
  /** Where it was delivered, and the packet there. */
  end?: string;
  arrived?: Packet;
  /** Reasons for which the model is not certain. */
  unsure: string[];
}

/** What the model says of one probe: every branch that chance may take. */
export const predict = (subject: Case, world: World, probe: Probe): Branch[] => {
  const from = startOf(subject, world, probe.from);
  const packet: Packet = {
    source: probe.source ?? '',
    destination: probe.destination,
    protocol: probe.protocol,
    ...(probe.protocol === 'icmp' ? {} : { sourcePort: probe.sourcePort, destinationPort: probe.destinationPort }),
  };
  const first = walk(packet, from, world);
  const walks =
    first.choices.length === 0 ? [first] : [first, ...podAddresses(subject, world).map((endpoint) => walk(packet, from, world, { endpoint }))];
  return walks.map((there) => branchOf(there, walkBack(there, world), world));
};

const branchOf = (there: Walk, back: Walk | undefined, world: World): Branch => ({
  request: legOf(there, world),
  ...(back ? { reply: legOf(back, world) } : {}),
});

const legOf = ({ outcome, hops, end, arrived, packet }: Walk, world: World): Leg => ({
  outcome,
  hops,
  ...(end ? { end: spaceAt(world, end.node, end.netns) } : {}),
  ...(outcome === 'delivered' ? { arrived: arrived ?? packet } : {}),
  unsure: hops.flatMap(({ unsure }) => unsure ?? []),
});

/** A namespace's name in the case: a host's is its node's, a pod's that of its mount. */
export const spaceAt = (world: World, node: string, inode: string): string => {
  const netns = placeAt(world, node, inode)?.netns;
  return netns?.role === 'host' ? node : (netns?.pinnedAt[0]?.replace('/run/netns/', '') ?? '');
};

const startOf = ({ spaces }: Case, world: World, name: string): { node: string; netns: string } => {
  const space = spaces.find((one): one is Exclude<Space, { role: 'outside' }> => one.name === name && one.role !== 'outside');
  const netns = world.snapshots
    .find(({ node }) => node === space?.node)
    ?.namespaces.find(({ role, pinnedAt }) => (space?.role === 'host' ? role === 'host' : pinnedAt.includes(`/run/netns/${name}`)));
  if (!space || !netns) throw new Error(`the case has no space ${name} that the model knows`);
  return { node: space.node, netns: netns.inode };
};

const podAddresses = ({ spaces }: Case, { snapshots }: World): string[] => {
  const pods = new Set(spaces.flatMap(({ name, role }) => (role === 'pod' ? `/run/netns/${name}` : [])));
  return snapshots
    .flatMap(({ namespaces }) => namespaces)
    .filter(({ pinnedAt }) => pinnedAt.some((path) => pods.has(path)))
    .flatMap(({ links }) => links.flatMap(({ addresses }) => addresses.flatMap(({ scope, address }) => (scope === 'global' ? address : []))));
};
