import { hostPort, sameAddress } from './address.ts';
import { explore, type RunTree } from './explore.ts';
import { doubt, type Flight, translationsOf, type WalkOptions } from './flight.ts';
import { type Fork, leadsToEndpoints, type Taken } from './fork.ts';
import type { Hop, Packet, Walk } from './hop.ts';
import { type Departure, type Run, run, type Start } from './journey.ts';
import { decisive, exemplary, type Outlook, outlookOf } from './outlook.ts';
import type { World } from './world.ts';

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

/** The way of the answer to a delivered walk; undefined when there is nobody to answer. */
export const walkBack = (there: Walk, world: World): Walk | undefined => {
  if (!there.end) return undefined;
  return checkAnswer(single(departure(replyTo(there), there.end, world, 'reply', { connections: there.connections })), there);
};

/** All ways a packet can take, each with its share. */
export const walkAll = (packet: Packet, start: Start, world: World, options: WalkOptions = {}): WalkTree =>
  treeOf(whole(departure(packet, start, world, 'request', options)), (one) => one);

/** All ways of the answer to one way there. */
export const walkAllBack = (there: Walk, world: World): WalkTree | undefined => {
  if (!there.end) return undefined;
  const tree = whole(departure(replyTo(there), there.end, world, 'reply', { connections: there.connections }));
  return treeOf(tree, (back) => checkAnswer(back, there));
};

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
const walkOf = ({ journey, end, packet }: Run, doubts: Fork[], outlook?: Outlook): Walk => {
  const questions = new Set(doubts.map(({ what }) => what));
  for (const taken of journey.taken) if (questions.has(taken.fork.what)) doubt(hopAt(journey.hops, taken), taken.fork.what);
  const blocked = outlook !== undefined && outlook.unknown > 0 && doubts.some(({ kind }) => kind === 'opaque');
  const outcome = blocked ? 'unknown' : end.outcome;
  const delivered = outcome === 'delivered' && end.place ? { end: { node: end.place.snapshot.node, netns: end.place.netns.inode } } : {};
  return {
    packet,
    hops: journey.hops,
    outcome,
    ...delivered,
    ...(outcome === 'delivered' && end.packet ? { arrived: end.packet } : {}),
    translations: translationsOf(journey),
    connections: journey.connections,
    choices: journey.taken.filter(({ fork }) => fork.kind === 'chance').map(({ fork }) => fork.what),
    doubts: [...questions],
    ...(journey.mtu ? { mtu: journey.mtu } : {}),
  };
};

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

/** The packet as the receiver's process sees it: after every translation on the way. */
const arrivedPacket = (there: Walk): Packet => there.arrived ?? there.packet;

const replyTo = (there: Walk): Packet => {
  const asked = arrivedPacket(there);
  const { source, destination, protocol, sourcePort, destinationPort, length } = asked;
  return {
    source: destination,
    destination: source,
    protocol,
    ...(destinationPort === undefined ? {} : { sourcePort: destinationPort }),
    ...(sourcePort === undefined ? {} : { destinationPort: sourcePort }),
    ...(length === undefined ? {} : { length }),
  };
};

/** A reply counts only when it comes from whom was asked: an untranslated one is answered with a reset. */
const checkAnswer = (back: Walk, there: Walk): Walk => {
  const answer = back.arrived;
  if (back.outcome !== 'delivered' || !answer || sameAddress(answer.source, there.packet.destination)) return back;
  const hop = back.hops.at(-1);
  if (hop) {
    hop.stop = {
      reason: 'not-translated',
      message: `the reply comes from ${answer.source}, but ${there.packet.destination} was asked: it missed the node's translation`,
      facts: { source: answer.source, asked: hostPort(there.packet.destination, there.packet.destinationPort) },
    };
  }
  return { ...back, outcome: 'stopped' };
};
