import { sameAddress } from '../../src/forwarding/address.ts';
import type { Hop, StopReason } from '../../src/forwarding/hop.ts';
import type { World } from '../../src/forwarding/world.ts';
import type { Case, Probe } from './case.ts';
import type { Verdict } from './compare.ts';
import type { Attempt, Sighting } from './observe.ts';
import { type Branch, type Leg, packetOf, spaceAt } from './predict.ts';

/**
 * Between virtual devices checksums are left for later (CHECKSUM_PARTIAL); translating the outer packet of a tunnel then writes a wrong one
 * into its UDP header, whose own was computed around the unfinished one inside (net/core/utils.c inet_proto_csum_replace4 and the local
 * checksum offload of net/ipv4/udp.c udp_set_csum). Whether somebody looks at it on the way decides whether the packet arrives.
 */
const brokenChecksum = 'the outer packet of a tunnel is translated, which breaks its UDP checksum where offloading left one open';

/** What a node learned after it was read: only where a probe is alone, as others' probes make neighbours ask. */
const introducedItself = 'a neighbour that answers no question asked one itself, and so made itself known, after the node was read';

/** EMSGSIZE of include/uapi/asm-generic/errno.h */
export const tooLong = 90;

/**
 * A packet that does not fit its way tells its sender so, by an ICMP error or from a tunnel of the same node (net/ipv4/route.c
 * __ip_rt_update_pmtu, ip_tunnel_core.c skb_tunnel_check_pmtu): the next one to there is refused by the system call.
 */
const learnedSize = 'its sender had learned from a packet before that it does not fit its way';

/** What its sender alone may cut: the first is lost and says how much fits, the next come through in pieces (net/ipv6/route.c rt6_update_pmtu, net/ipv4/route.c). */
const cutFromThenOn = 'its sender had learned from a packet before how much fits, and cut it';

/** What a sender may have learned: that its way is too narrow for it. */
interface Lesson {
  leg: Leg;
  sender: string | undefined;
  what: 'request' | 'reply';
}

/** IPv6 is cut by its sender; an IPv4 probe may not be, its answer may. */
const lessonsOf = ({ from, destination }: Probe, { request, replies }: Branch): Lesson[] => [
  ...(destination.includes(':') ? [{ leg: request, sender: from, what: 'request' as const }] : []),
  ...replies.map((leg) => ({ leg, sender: request.end, what: 'reply' as const })),
];

/** It was told, of an attempt before, and what it sent from then on is smaller. */
const isHeeded = ({ leg, sender, what }: Lesson, before: Attempt[], { sightings }: Attempt): boolean => {
  const stop = leg.hops.at(-1)?.stop;
  if (stop?.reason !== 'too-big' || stop.facts.told !== 'icmp') return false;
  const told = before.some((attempt) => (what === 'request' && attempt.errno === tooLong) || attempt.sightings.some(tellsSize(sender, what)));
  const sent = sightings.filter((one) => one.what === what && one.space === sender && one.kind === 'out' && one.depth === 0);
  return told && sent.length > 0 && sent.every(({ length = 0 }) => length < Number(stop.facts.length));
};

const tellsSize =
  (sender: string | undefined, about: Lesson['what']) =>
  ({ space, kind, what, icmp, depth }: Sighting): boolean =>
    what === `error of ${about}` && kind === 'delivered' && depth === 0 && space === sender && ['3/4', '2/0'].includes(`${icmp?.type}/${icmp?.code}`);

/** Whether somebody out there answers for a next hop, no node's tables tell; where nobody does, no rule on the frame's way out is asked. */
const cameToNoRule = 'nobody out there answered for its next hop, so that it never came to the rule on its way out';

/**
 * A host without a route for what it forwards tells each sender so about five times, then once a second (net/ipv4/route.c ip_error, ip_rt_error_burst and
 * ip_rt_error_cost): no setting of a namespace lifts that, and other probes of the case use it up, too.
 */
const toldOftenEnough = 'a node that has no route told its sender so before, and tells nobody more than some five times in a row';

const noRoutes: ReadonlySet<string | undefined> = new Set<StopReason>(['no-route', 'unreachable', 'prohibit']);

const isSaidNoMore = ({ from, destination }: Probe, { request: { hops } }: Branch, before: Attempt[], { errno, sightings }: Attempt): boolean =>
  !destination.includes(':') &&
  noRoutes.has(hops.at(-1)?.stop?.reason) &&
  errno === 0 &&
  sightings.every(({ what }) => what !== 'error of request') &&
  before.some((attempt) =>
    attempt.sightings.some(
      ({ what, kind, space, depth, icmp }) =>
        what === 'error of request' &&
        kind === 'delivered' &&
        space === from &&
        depth === 0 &&
        ['3/0', '3/1', '3/13'].includes(`${icmp?.type}/${icmp?.code}`),
    ),
  );

interface Unexplained {
  subject: Case;
  world: World;
  probe: Probe;
  branches: Branch[];
  attempt: Attempt;
  /** Attempts of the same probe. */
  before: Attempt[];
}

/** What the model cannot foresee and the test knows: undefined where nothing of that is to be seen. */
export const explanation = ({ subject: { probes }, world, probe, branches, attempt, before }: Unexplained): Verdict | undefined => {
  const { asked = [], errno, sightings, silences } = attempt;
  if (branches.some(({ translatesTunnel }) => translatesTunnel)) return { kind: 'explained', reason: brokenChecksum };
  const { length = 0 } = packetOf(probe);
  const isNarrow = branches.some(({ request: { mtu = length } }) => mtu < length);
  if (errno === tooLong && isNarrow && sightings.every(({ what }) => what !== 'request')) return { kind: 'explained', reason: learnedSize };
  const heeds = branches.flatMap((branch) => lessonsOf(probe, branch)).some((lesson) => isHeeded(lesson, before, attempt));
  if (heeds) return { kind: 'explained', reason: cutFromThenOn };
  if (branches.some((branch) => isSaidNoMore(probe, branch, before, attempt))) return { kind: 'explained', reason: toldOftenEnough };
  const stopsOut = branches
    .flatMap(({ request: { hops } }) => hops.slice(-1))
    .filter(({ direction, stop }) => direction === 'out' && (stop?.reason === 'rule' || stop?.reason === 'queue'));
  if (stopsOut.some((hop) => silences.includes(`${spaceAt(world, hop.node, hop.netns ?? '')}/${hop.interface}`)))
    return { kind: 'explained', reason: cameToNoRule };
  const silent = branches.flatMap(({ request, replies }) => [request, ...replies].flatMap(({ hops }) => silentAddress(hops.at(-1)) ?? []));
  return probes.length === 1 && silent.some((address) => asked.some((asker) => sameAddress(asker, address)))
    ? { kind: 'explained', reason: introducedItself }
    : undefined;
};

const silentAddress = (hop: Hop | undefined): string | undefined => (hop?.stop?.reason === 'no-neighbour' ? hop.stop.facts.address : undefined);
