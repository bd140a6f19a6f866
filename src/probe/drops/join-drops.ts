import type { Drop, DropResult, Sighting, TapResult } from '../observation.ts';
import { ETHERTYPE } from '../tap/link-layer.ts';
import { clockOffset } from './clock.ts';
import { isCopy } from './copies.ts';
import { type DeviceEvent, type FreeEvent, parseTrace, type Trace } from './parse-trace.ts';

/**
 * Which of the probes' packets the kernel dropped, where and why. A trace knows a packet by its buffer, device, length and time; a capture
 * knows what it is. The two meet where a device event and a sighting are the same moment of the same packet; from there the buffer's life
 * is followed to its end.
 */

/** A device event and a sighting this close, on one clock, are the same packet: the tap is a few microseconds away, probes milliseconds. */
const SAME_MOMENT = 250e-6;

/** A packet dropped later than this was waiting for something: only for a neighbour does the kernel hold one (drivers' rings and qdiscs do not drop it then). */
const AT_ONCE = 0.002;
const WAITS_FOR_NEIGHBOUR = /^(neigh_|arp_error_report|ndisc_error_report|__neigh_|ip6?_dst_|dst_)/;

/** Asked between a device's event and its captures (net/core/dev.c __netif_receive_skb_core). */
const GENERIC_XDP = /^(do_xdp_generic|netif_receive_generic_xdp)/;

/** Ethernet header with or without a VLAN tag. */
const LINK_HEADERS = [0, 14, 18];

const isSame = (event: DeviceEvent, sighting: Sighting): boolean =>
  event.device === sighting.interface &&
  (event.kind === 'queue') === (sighting.direction === 'out') &&
  LINK_HEADERS.some((header) => event.length === sighting.wireLength + header);

/** A processor that was taken away in between makes the two this far apart; then they are the same only when nothing else can be. */
const TAKEN_AWAY = 5e-3;

interface Pair {
  event: DeviceEvent;
  sighting: Sighting;
  apart: number;
}

/** How many of these pairs each member has. */
const countBy = <Key>(pairs: Pair[], member: (pair: Pair) => Key): Map<Key, number> => {
  const counts = new Map<Key, number>();
  for (const pair of pairs) counts.set(member(pair), (counts.get(member(pair)) ?? 0) + 1);
  return counts;
};

/** Pairs each event with the nearest sighting that can be it. */
export const identify = (events: DeviceEvent[], sightings: Sighting[], offset: number): Map<DeviceEvent, Sighting> => {
  const byDevice = Map.groupBy(sightings, ({ interface: name }) => name);
  const pairs = events.flatMap((event) =>
    (byDevice.get(event.device) ?? [])
      .filter((sighting) => isSame(event, sighting))
      .map((sighting): Pair => ({ event, sighting, apart: Math.abs(event.time + offset - sighting.time) }))
      .filter(({ apart }) => apart < TAKEN_AWAY),
  );
  const found = new Map<DeviceEvent, Sighting>();
  const taken = new Set<Sighting>();
  const isOpen = ({ event, sighting }: Pair): boolean => !found.has(event) && !taken.has(sighting);
  const take = ({ event, sighting }: Pair): void => {
    found.set(event, sighting);
    taken.add(sighting);
  };
  for (const pair of pairs.filter(({ apart }) => apart < SAME_MOMENT).sort((a, b) => a.apart - b.apart)) if (isOpen(pair)) take(pair);
  const left = pairs.filter(isOpen);
  const [ofEvent, ofSighting] = [countBy(left, ({ event }) => event), countBy(left, ({ sighting }) => sighting)];
  for (const pair of left) if (ofEvent.get(pair.event) === 1 && ofSighting.get(pair.sighting) === 1) take(pair);
  return found;
};

/** A kfree_skb with the last two device events of the same buffer before it. */
interface End {
  free: FreeEvent;
  last: DeviceEvent;
  before?: DeviceEvent;
}

const ends = ({ events }: Trace): End[] => {
  const lives = new Map<string, DeviceEvent[]>();
  return events.flatMap((event) => {
    if (event.kind !== 'free') {
      lives.set(event.skb, [event, ...(lives.get(event.skb) ?? [])].slice(0, 2));
      return [];
    }
    const [last, before] = lives.get(event.skb) ?? [];
    lives.delete(event.skb);
    return last ? [{ free: event, last, ...(before ? { before } : {}) }] : [];
  });
};

export const functionOf = ({ stack, location }: FreeEvent): string => stack[0] ?? location;

const heldBack = (free: FreeEvent): boolean => [free.location, ...free.stack.slice(0, 3)].some((name) => WAITS_FOR_NEIGHBOUR.test(name));

/** A life whose buffer was freed unseen and given to another packet would end in that one's drop: it must end soon, or while waiting. */
export const belongs = (free: FreeEvent, last: DeviceEvent): boolean => free.time - last.time < AT_ONCE || heldBack(free);

const TUNNELS = /vxlan|geneve|tunnel|_tnl_|^(ipip|sit|wg|gre|ipgre|ip6gre)_/;

/**
 * A buffer that was freed unseen may be another packet's within microseconds: one of the other family is not ours, unless a tunnel has
 * wrapped it meanwhile. Frames of neither family (a VLAN's, a probe's without a network header) say nothing.
 */
export const isFamilyOf = ({ protocol, stack }: FreeEvent, { packet: { destination }, outer }: Sighting): boolean => {
  const is6 = (outer?.destination ?? destination).includes(':');
  const other = is6 ? ETHERTYPE.ipv4 : ETHERTYPE.ipv6;
  return protocol !== other || stack.some((name) => TUNNELS.test(name));
};

/**
 * Each echo reply is given to raw sockets, where ping takes it, and then freed for want of a ping socket (net/ipv4/ping.c ping_rcv). An echo
 * request that arrived is freed as dropped where its reply could not be sent (icmpv6_echo_reply in net/ipv6/icmp.c).
 */
const isDelivery = (free: FreeEvent, { what }: Sighting): boolean =>
  (what === 'reply' && functionOf(free) === 'ping_rcv') ||
  (what === 'request' && functionOf(free) === 'icmpv6_rcv' && (free.reason ?? 'NOT_SPECIFIED') === 'NOT_SPECIFIED');

/** The place where the packet ended, and what a capture knows of it. */
interface Recognised extends Pick<Drop, 'netns' | 'direction' | 'tunnelled' | 'wireLength'> {
  sighting: Sighting;
  device: string;
}

/** The netns of a device that took over a packet seen at this place of the same node; undefined where that is not known. */
export type CrossedTo = (from: Sighting, device: string) => string | undefined;

const isBeforeCaptures = (free: FreeEvent): boolean => [free.location, ...free.stack.slice(0, 3)].some((name) => GENERIC_XDP.test(name));

/**
 * A capture sees a packet as a device receives it or, behind the queue, as it leaves. So one that the queue drops was handed to the device
 * (__dev_queue_xmit in net/core/dev.c) and is known only from the place before; as is one that an XDP program drops.
 */
const recognise = (known: Map<DeviceEvent, Sighting>, { free, last, before }: End, crossedTo: CrossedTo): Recognised | undefined => {
  const sighting = known.get(last);
  if (sighting) {
    const { netns, interface: device, direction, wireLength } = sighting;
    return { sighting, netns, device, direction, wireLength, tunnelled: sighting.outer !== undefined };
  }
  const earlier = before && last.time - before.time < AT_ONCE ? known.get(before) : undefined;
  if (!earlier) return undefined;
  if (last.kind === 'queue') {
    const { netns, wireLength } = earlier;
    return { sighting: earlier, netns, device: last.device, direction: 'out', wireLength, tunnelled: earlier.outer !== undefined };
  }
  const netns = isBeforeCaptures(free) ? crossedTo(earlier, last.device) : undefined;
  if (netns === undefined) return undefined;
  const tunnelled = earlier.outer !== undefined && last.length !== earlier.packet.length;
  return { sighting: earlier, netns, device: last.device, direction: 'in', wireLength: last.length, tunnelled };
};

const dropOf = (node: string, free: FreeEvent, { sighting, netns, device, direction, tunnelled, wireLength }: Recognised, offset: number): Drop => ({
  node,
  netns,
  interface: device,
  direction,
  time: free.time + offset,
  probe: sighting.probe ?? '',
  attempt: sighting.attempt ?? -1,
  what: sighting.what,
  packet: sighting.packet,
  tunnelled,
  wireLength,
  ...(free.reason === undefined ? {} : { reason: free.reason }),
  function: functionOf(free),
  stack: free.stack,
});

/**
 * The same packet at a later place: then what was freed was a copy (flooding, a mirror). What came in goes on within its namespace only;
 * what a bridge gives to its other ports meanwhile is no sequel of it.
 */
const wentOn = (sightings: Sighting[], at: Sighting, free: number): boolean =>
  sightings.some(
    ({ probe, attempt, what, time, interface: name, netns }) =>
      probe === at.probe &&
      attempt === at.attempt &&
      what === at.what &&
      time > at.time &&
      time < free + AT_ONCE &&
      (netns === at.netns ? name !== at.interface : at.direction === 'out'),
  );

/** `taps` are this node's captures, joined to the probes. */
export const joinDrops = (node: string, text: string | undefined, taps: TapResult[], crossedTo: CrossedTo): DropResult => {
  const nothing = { node, drops: [], lostEvents: 0 };
  if (text === undefined) return { ...nothing, notTraced: 'the kernel was not asked' };
  const trace = parseTrace(text);
  if (typeof trace === 'string') return { ...nothing, notTraced: trace };
  const sightings = taps.filter((tap) => tap.node === node).flatMap((tap) => tap.sightings);
  const devices = trace.events.filter((event) => event.kind !== 'free');
  const offset = clockOffset(trace.anchors, devices, sightings, isSame);
  if (offset === undefined)
    return { ...nothing, lostEvents: trace.lostEvents, notTraced: 'its clock could not be matched with that of the captures' };
  const known = identify(devices, sightings, offset);
  const drops = ends(trace).flatMap((end) => {
    const { free, last } = end;
    if (isCopy(free)) return [];
    const found = belongs(free, last) ? recognise(known, end, crossedTo) : undefined;
    if (!found || !isFamilyOf(free, found.sighting) || isDelivery(free, found.sighting) || wentOn(sightings, found.sighting, free.time + offset))
      return [];
    return [dropOf(node, free, found, offset)];
  });
  return { node, drops, lostEvents: trace.lostEvents };
};
