import { familyOf } from '../../src/forwarding/address.ts';
import { isHeard } from '../../src/forwarding/heard.ts';
import type { Hop, Outcome, Packet, RuleRef, Walk } from '../../src/forwarding/hop.ts';
import { errorFor, rejectionOf } from '../../src/forwarding/icmp-error.ts';
import { type WalkTree, walkAll, walkAllBack, walkError } from '../../src/forwarding/walk.ts';
import { linkHolding, placeAt, type World } from '../../src/forwarding/world.ts';
import type { Family } from '../../src/node/snapshot.ts';
import type { Case, Probe, Space } from './case.ts';

/** What the model says of one probe: every way that chance may take, and what kept it from being certain. */
export interface Prediction {
  branches: Branch[];
  doubts: string[];
}

export interface Branch {
  request: Leg;
  /** Ways of the answer; empty when nobody is there to answer. */
  replies: Leg[];
  /** What whoever stopped the packet says about it. */
  refusal?: Refusal;
  /** The outer packet of a tunnel is translated, there or back. */
  translatesTunnel: boolean;
  /** Rules that translated the request, and where. */
  translatedBy: { space: string; family: Family; by: RuleRef }[];
}

export interface Leg {
  outcome: Outcome;
  hops: Hop[];
  /** Where it was delivered, and the packet there. */
  end?: string;
  arrived?: Packet;
  /** Bytes that its way lets through whole, as far as it goes. */
  mtu?: number;
}

export interface Refusal {
  what: 'reset' | { type: number; code: number };
  /** Whether it is said to get back to who asked, whatever the dice say and whatever rules do that nobody can judge. */
  arrives: boolean;
}

/** Bytes of headers in front of the payload, and of the SYN, whose options every kernel of today sends. */
const headers = { tcp: { 4: 60, 6: 80 }, udp: { 4: 28, 6: 48 }, icmp: { 4: 28, 6: 48 } };

/** The least payload that tells whose it is. */
const leastPayload = 6;

export const packetOf = ({ source = '', destination, protocol, sourcePort, destinationPort, size = 0, fragment }: Probe): Packet => ({
  source,
  destination,
  protocol,
  ...(protocol === 'icmp' ? {} : { sourcePort, destinationPort }),
  length: headers[protocol][destination.includes(':') ? 6 : 4] + (protocol === 'tcp' ? 0 : Math.max(size, leastPayload)),
  dontFragment: fragment !== true,
  uid: 0,
  gid: 0,
});

export const predict = (subject: Case, world: World, probe: Probe): Prediction => {
  const there = walkAll(packetOf(probe), startOf(subject, world, probe.from), world);
  const doubts = doubtsOf(there);
  const branches = waysOf(there).map((walk): Branch => {
    if (walk.outcome === 'delivered' && isHeard(walk, world) === undefined) doubts.push('which sockets listen was not read');
    const back = isMute(walk, world) ? undefined : walkAllBack(walk, world);
    if (back) doubts.push(...doubtsOf(back));
    const refusal = walk.outcome === 'stopped' ? refusalOf(walk, world) : undefined;
    return {
      request: legOf(walk, world),
      replies: back ? waysOf(back).map((way) => legOf(way, world)) : [],
      translatesTunnel: [walk, ...(back ? waysOf(back) : [])].some(({ connections }) =>
        connections.some(({ by, entered }) => by.length > 0 && isTunnels(entered)),
      ),
      ...(refusal ? { refusal } : {}),
      translatedBy: walk.connections.flatMap(({ node, netns, by, original }) =>
        by.map((rule) => ({ space: spaceAt(world, node, netns), family: familyOf(original.destination), by: rule })),
      ),
    };
  });
  return { branches, doubts: [...new Set(doubts)] };
};

/**
 * Who ignores echo requests does not answer them; and the responder, which answers UDP from the address that was asked, cannot do so in IPv6
 * where only a route makes it local (net/ipv6/datagram.c ip6_datagram_send_ctl).
 */
const isMute = (walk: Walk, world: World): boolean => {
  const { packet, arrived = packet, end } = walk;
  if (packet.protocol === 'icmp') return isHeard(walk, world) === false;
  const netns = end && placeAt(world, end.node, end.netns)?.netns;
  return (
    packet.protocol === 'udp' && arrived.destination.includes(':') && netns !== undefined && linkHolding(netns, arrived.destination) === undefined
  );
};

/** VXLAN's ports in cases (generate/overlay.ts, generate/faults.ts); probes ask for none of them. */
const isTunnels = ({ protocol, destinationPort = 0 }: Packet): boolean => protocol === 'udp' && [4789, 4790, 8472].includes(destinationPort);

/** Of copies that go several ways at once, those that arrive are what counts. */
const waysOf = (tree: WalkTree): Walk[] => {
  if ('walk' in tree) return [tree.walk];
  const walks = tree.ways.flatMap(({ next }) => (next ? waysOf(next) : []));
  const arriving = walks.filter(({ outcome }) => outcome === 'delivered' || outcome === 'left');
  return tree.fork.kind === 'copies' && arriving.length > 0 ? arriving : walks;
};

/** The model is certain where no share of its outlook is unknown. */
const doubtsOf = (tree: WalkTree): string[] => {
  if (tree.outlook.unknown <= 1e-9) return [];
  if ('walk' in tree) return [tree.walk.hops.flatMap(({ unsure }) => unsure ?? []).join('; ') || 'unknown without a reason'];
  const below = tree.ways.flatMap(({ next }) => (next ? doubtsOf(next) : ['more ways than the budget allows']));
  return below.length > 0 ? below : [tree.fork.what];
};

const refusalOf = (there: Walk, world: World): Refusal | undefined => {
  const stop = there.hops.findLast((hop) => hop.stop)?.stop;
  if (stop?.reason === 'reject' && rejectionOf(stop.decidedBy ?? '', there.packet.destination.includes(':')) === 'reset')
    return { what: 'reset', arrives: false };
  const icmp = errorFor(there);
  const error = icmp && walkError(there, world);
  return icmp && { what: icmp, arrives: error?.outcome === 'delivered' && error.choices.length === 0 && error.doubts.length === 0 };
};

const legOf = ({ outcome, hops, end, arrived, packet, mtu }: Walk, world: World): Leg => ({
  outcome,
  hops,
  ...(end ? { end: spaceAt(world, end.node, end.netns) } : {}),
  ...(outcome === 'delivered' ? { arrived: arrived ?? packet } : {}),
  ...(mtu ? { mtu: mtu.bytes } : {}),
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
