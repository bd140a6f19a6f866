import { hostPort, sameAddress } from './address.ts';
import { invert, isDrawn, tupleOf } from './conntrack.ts';
import { explore, type RunTree } from './explore.ts';
import { doubt, type Flight, translationsOf, type WalkOptions } from './flight.ts';
import { type Fork, leadsToEndpoints, type Taken } from './fork.ts';
import { isHeard } from './heard.ts';
import type { Hop, Packet, Stop, Walk } from './hop.ts';
import { errorFor } from './icmp-error.ts';
import { type Departure, type Run, run, type Start } from './journey.ts';
import { decisive, exemplary, type Outlook, outlookOf } from './outlook.ts';
import { isLocal } from './route/address-type.ts';
import { select6 } from './route/source.ts';
import { linkNamed, type Place, placeAt, type World } from './world.ts';

export type { Start } from './journey.ts';

/** Runs spent on what nobody knows, before the rest of it is left unknown. */
const BUDGET = 64;

/**
 * Predicts the way of a packet from a netns, as the kernels of the snapshots would send it. An empty source is chosen by the route. Where
 * dice are rolled, one way is shown: to `options.endpoint`, else to the first endpoint, else the likeliest. Where a rule could not be
 * judged, both its answers are tried; only if they end differently is the walk in doubt, and then the brighter one is shown.
 */
export const walk = (packet: Packet, start: Start, world: World, options: WalkOptions = {}): Walk =>
  single(departure(packet, start, world, 'request', options));

/** The way of the answer to a walk that arrived, or left the cluster with an address that can be answered; else undefined. */
export const walkBack = (there: Walk, world: World): Walk | undefined => {
  const from = answering(there, world);
  return from && checkAnswer(single(answer(there, from, world)), there);
};

/** All ways a packet can take, each with its share. */
export const walkAll = (packet: Packet, start: Start, world: World, options: WalkOptions = {}): WalkTree =>
  treeOf(whole(departure(packet, start, world, 'request', options)), (one) => one);

/** All ways of the answer to one way there. `heard`: whether somebody listens, where the asker knows better. */
export const walkAllBack = (there: Walk, world: World, heard = isHeard(there, world)): WalkTree | undefined => {
  const from = answering(there, world);
  if (!from) return undefined;
  const tree = whole(answer(there, from, world, heard));
  return treeOf(tree, (back) => checkAnswer(back, there));
};

/** The ICMP error that a stopped packet makes whoever stopped it send, on its way to the sender; undefined where nobody is told. */
export const walkError = (there: Walk, world: World): Walk | undefined => {
  const { stopped } = there;
  const icmp = errorFor(there);
  if (!stopped || !icmp || there.hops.at(-1)?.stop?.facts.lost !== undefined) return undefined;
  const { source: destination, destination: asked, length } = stopped.packet;
  const place = placeAt(world, stopped.node, stopped.netns);
  // from the address that was asked where that is this host's own, IPv6 else from one of the device it came in by (icmp_route_lookup, icmp6_send)
  const source = place && isLocal(place, asked) ? asked : asked.includes(':') ? (addressOf(there, destination, place) ?? '') : '';
  const packet: Packet = {
    source,
    destination,
    protocol: 'icmp',
    icmp,
    dontFragment: false,
    ...(length === undefined ? {} : { length: errorLength(length, asked) }),
  };
  const from = departure(packet, { node: stopped.node, netns: stopped.netns }, world, 'reply', memoryOf(there));
  const error = single({ ...from, flight: { ...from.flight, about: tupleOf(stopped.packet) } });
  const stop = error.outcome === 'delivered' ? astray(error, there) : undefined;
  const hop = error.hops.at(-1);
  if (!stop || !hop) return error;
  hop.stop = stop;
  return { ...error, outcome: 'stopped' };
};

const addressOf = ({ hops, stopped }: Walk, destination: string, place: Place | undefined): string | undefined => {
  const into = hops.findLast(({ node, netns, direction }) => direction === 'in' && node === stopped?.node && netns === stopped.netns);
  // what a bridge hands to the rules for IP came in by the bridge, as far as they can tell
  const device = into && place ? (linkNamed(place.netns, into.interface)?.master?.name ?? into.interface) : undefined;
  return device !== undefined && place ? select6(place.netns, device, destination) : undefined;
};

/** It quotes as much of the packet as every network carries. */
const errorLength = (length: number, asked: string): number => (asked.includes(':') ? Math.min(1280, 48 + length) : Math.min(576, 28 + length));

/** A walk, or a place where it can go several ways. */
export type WalkTree = { walk: Walk; outlook: Outlook } | { fork: Fork; outlook: Outlook; ways: WalkBranch[] };

export interface WalkBranch {
  label: string;
  /** 0 to 1, of those that came here; absent where nobody can know. */
  share?: number;
  /** Absent where too many ways lead on to follow them all. */
  next?: WalkTree;
}

const departure = (packet: Packet, start: Start, world: World, direction: Flight['direction'], options: WalkOptions): Departure => ({
  flight: { packet, mark: packet.mark ?? 0, direction },
  start,
  world,
  options,
});

const single = (from: Departure): Walk => {
  const first = run(from, []);
  const open = first.journey.taken.some(({ fork }) => matters(fork));
  if (!open) return walkOf(first, []);
  const tree = grow(from, first, matters);
  return walkOf(exemplary(tree) ?? first, decisive(tree), outlookOf(tree));
};

/** Which endpoint of a Service is asked is the caller's choice; everything else that is open is tried. */
const matters = (fork: Fork): boolean => fork.kind !== 'chance' || !leadsToEndpoints(fork);

const whole = (from: Departure): RunTree => grow(from, run(from, []), () => true);

const grow = (from: Departure, first: Run, opens: (fork: Fork) => boolean): RunTree =>
  explore(first, { budget: from.options.budget ?? BUDGET, again: (script) => run(from, script), opens });

/** With a program in the way the walk is an assumption; a rule that was not judged leaves the brighter end standing, in doubt. */
const walkOf = ({ journey, start, end, packet, last }: Run, doubts: Fork[], outlook?: Outlook): Walk => {
  const questions = new Set(doubts.map(({ what }) => what));
  for (const taken of journey.taken) if (questions.has(taken.fork.what)) doubt(hopAt(journey.hops, taken), taken.fork.what);
  const blocked = outlook !== undefined && outlook.unknown > 0 && doubts.some(({ kind }) => kind === 'opaque');
  const outcome = blocked ? 'unknown' : end.outcome;
  const delivered = outcome === 'delivered' && end.place ? { end: { node: end.place.snapshot.node, netns: end.place.netns.inode } } : {};
  return {
    start,
    packet,
    hops: journey.hops,
    outcome,
    ...delivered,
    ...(outcome === 'left' ? exitOf(end) : {}),
    ...(outcome === 'stopped' ? stoppedAt(last) : {}),
    ...(outcome === 'delivered' && end.packet ? { arrived: end.packet } : {}),
    translations: translationsOf(journey),
    connections: journey.connections,
    learned: journey.learned,
    located: journey.located,
    choices: journey.taken.filter(({ fork }) => fork.kind === 'chance').map(({ fork }) => fork.what),
    doubts: [...questions],
    ...(journey.mtu ? { mtu: journey.mtu } : {}),
  };
};

const exitOf = ({ place, device, packet }: Run['end']): Pick<Walk, 'exit'> =>
  place && device && packet ? { exit: { node: place.snapshot.node, netns: place.netns.inode, interface: device.name, packet } } : {};

const stoppedAt = (last: Run['last']): Pick<Walk, 'stopped'> =>
  last && !last.flight.carries ? { stopped: { node: last.place.snapshot.node, netns: last.place.netns.inode, packet: last.flight.packet } } : {};

/** Forks come up while a packet is at a hop; those before the first belong to it. */
const hopAt = (hops: Hop[], { hops: count }: Taken): Hop | undefined => hops[Math.max(0, count - 1)];

const treeOf = (tree: RunTree, judge: (walk: Walk) => Walk): WalkTree => {
  if ('run' in tree) return { walk: judge(walkOf(tree.run, [])), outlook: outlookOf(tree) };
  const ways = tree.ways.map(({ way: { label, share }, next }) => ({
    label,
    ...(share === undefined ? {} : { share }),
    ...(next ? { next: treeOf(next, judge) } : {}),
  }));
  return { fork: tree.fork, outlook: outlookOf(tree), ways };
};

/** An ICMPv6 echo is answered with its route asked for by the device it came in by (net/ipv6/icmp.c icmpv6_echo_reply). */
const answer = (there: Walk, from: Start, world: World, heard = isHeard(there, world)): Departure => {
  const packet = replyTo(there, heard);
  const first = departure(packet, from, world, 'reply', memoryOf(there));
  const leaving = isDrawn(there.connections, packet) ? { ...first, flight: { ...first.flight, drawn: 'destinationPort' as const } } : first;
  const device = there.hops.at(-1)?.interface;
  const asks = there.end && packet.protocol === 'icmp' && packet.destination.includes(':') && device !== 'lo';
  return asks ? { ...leaving, flight: { ...leaving.flight, preferred: device } } : leaving;
};

/** What the request left behind on its way. */
const memoryOf = ({ connections, learned = [], located = [] }: Walk): WalkOptions => ({ connections, learned, located });

/** Where the answer starts. Whoever is outside answers to an address of the node; to a pod's only if somebody told the network about pods. */
const answering = ({ end, exit }: Walk, world: World): Start | undefined => {
  if (end) return end;
  const place = exit && placeAt(world, exit.node, exit.netns);
  return exit && place && isLocal(place, exit.packet.source) ? { node: exit.node, netns: exit.netns, iif: exit.interface } : undefined;
};

/** The packet as the receiver's process sees it: after every translation on the way. */
const arrivedPacket = ({ arrived, exit, packet }: Walk): Packet => arrived ?? exit?.packet ?? packet;

/** As long as what was asked; from a closed TCP port a reset. Of ICMP the kernel's own may be cut on the way (net/ipv4/icmp.c icmp_sk_init). */
const replyTo = (there: Walk, heard: boolean | undefined): Packet => {
  const { source, destination, protocol, sourcePort, destinationPort } = arrivedPacket(there);
  const { length } = there.packet;
  const refuses = protocol === 'tcp' && heard === false;
  return {
    source: destination,
    destination: source,
    protocol,
    ...(destinationPort === undefined ? {} : { sourcePort: destinationPort }),
    ...(sourcePort === undefined ? {} : { destinationPort: sourcePort }),
    ...(length === undefined ? {} : { length: refuses ? (destination.includes(':') ? 60 : 40) : length }),
    ...(refuses ? { tcpFlags: ['RST', 'ACK'] } : {}),
    ...(protocol === 'icmp' ? { dontFragment: false } : {}),
  };
};

/** A reply counts only when it comes from whom was asked: an untranslated one is answered with a reset. */
const checkAnswer = (back: Walk, there: Walk): Walk => {
  const stop = back.outcome === 'delivered' ? (astray(back, there) ?? untranslated(back, there)) : undefined;
  const hop = back.hops.at(-1);
  if (!stop || !hop) return back;
  hop.stop = stop;
  return { ...back, outcome: 'stopped' };
};

/** A reply to an address that somebody else has, too, or that a translation made up, goes to that one. */
const astray = ({ end, hops }: Walk, { start, packet }: Walk): Stop | undefined => {
  if (!end || !start || (end.node === start.node && end.netns === start.netns)) return undefined;
  const { node, where } = hops.at(-1) ?? { node: end.node, where: end.netns };
  return {
    reason: 'astray',
    message: `the answer is delivered to ${where} on ${node}, which did not ask`,
    facts: { node, where, source: packet.source },
  };
};

const untranslated = ({ arrived, connections }: Walk, { packet }: Walk): Stop | undefined => {
  if (!arrived) return undefined;
  const facts = { source: arrived.source, asked: hostPort(packet.destination, packet.destinationPort) };
  if (isDrawn(connections, invert(tupleOf(arrived)))) {
    return {
      reason: 'not-translated',
      message: `the reply comes from another port than ${packet.destinationPort}: it passed a node's translation twice, which took it for a new flow`,
      facts,
    };
  }
  if (sameAddress(arrived.source, packet.destination)) return undefined;
  return {
    reason: 'not-translated',
    message: `the reply comes from ${arrived.source}, but ${packet.destination} was asked: it missed the node's translation`,
    facts,
  };
};
