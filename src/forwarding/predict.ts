import { inPrefix, sameAddress } from './address.ts';
import type { WalkOptions } from './flight.ts';
import { type Fork, isUntold } from './fork.ts';
import { isHeard } from './heard.ts';
import type { Packet, StopReason, Walk } from './hop.ts';
import { errorFor, rejectionOf } from './icmp-error.ts';
import { deciderAt } from './opaque.ts';
import { type Start, type WalkTree, walkAll, walkAllBack, walkError } from './walk.ts';
import { linkNamed, placeAt, type World } from './world.ts';

/** What the one who asks notices. */
export type Result = 'ok' | 'refused' | 'timeout' | 'unreachable' | 'unknown';

/** Shares that sum up to 1. */
export type Forecast = Record<Result, number>;

/** One way that a packet can take. */
export interface Way {
  /** 0 to 1, of all that are sent; absent where nobody can know. */
  share?: number;
  /** What was decided by luck or is assumed on it: `KUBE-SVC-… #2: KUBE-SEP-…`. */
  labels: string[];
  there: Walk;
  forecast: Forecast;
}

export interface Prediction {
  forecast: Forecast;
  /** All ways there; each that arrives has its own ways back. */
  there: WalkTree;
  /** The same, one by one. */
  ways: Way[];
  /** What the answer depends on and nobody could say. */
  doubts: string[];
}

const results: Result[] = ['ok', 'refused', 'timeout', 'unreachable', 'unknown'];

export const surely = (result: Result): Forecast => ({ ok: 0, refused: 0, timeout: 0, unreachable: 0, unknown: 0, [result]: 1 });

/** Asks and is answered, over all ways there and back: `{ ok: 0.67, refused: 0.33 }` where one of three endpoints is dead. */
export const predict = (packet: Packet, start: Start, world: World, options: WalkOptions = {}): Prediction => {
  const there = walkAll(packet, start, world, options);
  const doubts = new Set<string>();
  const known = new Map<Walk, Forecast>();
  const judge = (walk: Walk): Forecast => {
    const forecast = known.get(walk) ?? resultOf(walk, world, doubts);
    known.set(walk, forecast);
    return forecast;
  };
  const forecast = fold(there, judge, doubts);
  return { forecast, there, ways: waysOf(there, judge, 1, []), doubts: [...doubts] };
};

/** @param share how often the tree is come to; undefined where nobody can know */
const waysOf = (tree: WalkTree, judge: (walk: Walk) => Forecast, share: number | undefined, labels: string[]): Way[] => {
  if ('walk' in tree) return [{ ...(share === undefined ? {} : { share }), labels, there: tree.walk, forecast: judge(tree.walk) }];
  const { kind } = tree.fork;
  return tree.ways.flatMap((way) => {
    const part = kind === 'copies' ? share : share === undefined || way.share === undefined ? undefined : share * way.share;
    return way.next ? waysOf(way.next, judge, part, [...labels, way.label]) : [];
  });
};

/** The one result that is certain; `unknown` where none is. */
export const certain = (forecast: Forecast): Result => results.find((result) => forecast[result] > 1 - 1e-9) ?? 'unknown';

const fold = (tree: WalkTree, judge: (walk: Walk) => Forecast, doubts: Set<string>): Forecast => {
  if ('walk' in tree) return judge(tree.walk);
  const parts = tree.ways.map(({ share, next }) => ({ share, forecast: next ? fold(next, judge, doubts) : surely('unknown') }));
  return join(
    tree.fork,
    parts.map(({ share, forecast }) => ({ share: share ?? 0, forecast })),
    doubts,
  );
};

interface Part {
  share: number;
  forecast: Forecast;
}

const join = (fork: Fork, parts: Part[], doubts: Set<string>): Forecast => {
  if (fork.kind === 'chance') return mix(parts);
  const [first] = parts;
  if (!first) return surely('unknown');
  if (fork.kind === 'copies') return parts.reduce((best, part) => (part.forecast.ok > best.forecast.ok ? part : best), first).forecast;
  if (!isUntold(fork) && parts.every(({ forecast }) => same(forecast, first.forecast))) return first.forecast;
  doubts.add(fork.what);
  return surely('unknown');
};

const mix = (parts: Part[]): Forecast => {
  const total = { ok: 0, refused: 0, timeout: 0, unreachable: 0, unknown: 0 };
  for (const { share, forecast } of parts) for (const result of results) total[result] += share * forecast[result];
  return total;
};

const same = (a: Forecast, b: Forecast): boolean => results.every((result) => Math.abs(a[result] - b[result]) < 1e-9);

/** What the sender's own kernel says at once, without any packet. */
const saidAtOnce = new Set<StopReason>(['no-route', 'unreachable', 'prohibit', 'blackhole', 'no-peer']);

/** How a sender takes an ICMP error: a closed port, a host that cannot be reached, or a size to mind from now on. */
const taken = ({ type, code }: { type: number; code: number }, v6: boolean): Result => {
  if (v6) return type === 1 && code === 4 ? 'refused' : type === 2 ? 'ok' : 'unreachable';
  if (type === 3 && code === 4) return 'ok';
  return type === 3 && (code === 3 || code === 2) ? 'refused' : 'unreachable';
};

/** A packet that was stopped: what comes back of it, and whether that arrives. */
const stoppedResult = (there: Walk, world: World, doubts: Set<string>): Result => {
  const { stop } = there.hops.findLast((hop) => hop.stop) ?? {};
  const { stopped, packet } = there;
  if (!stop || !stopped) return 'timeout';
  const first = there.hops[0];
  if (first && stopped.netns === first.netns && stopped.node === first.node && saidAtOnce.has(stop.reason) && stop.facts.told !== 'nobody')
    return 'unreachable';
  if (stop.reason === 'reject' && rejectionOf(stop.decidedBy ?? '', packet.destination.includes(':')) === 'reset') return 'refused';
  const icmp = errorFor(there);
  // a neighbour is given up after three seconds, longer than anybody waits here
  if (!icmp || stop.reason === 'no-neighbour' || stop.reason === 'no-carrier') return 'timeout';
  const error = walkError(there, world);
  if (error && error.doubts.length > 0) {
    for (const doubt of error.doubts) doubts.add(doubt);
    return 'unknown';
  }
  if (error?.outcome !== 'delivered') return error?.outcome === 'unknown' ? 'unknown' : 'timeout';
  return taken(icmp, packet.destination.includes(':'));
};

/** Where a walk got lost it says why. */
const unsure = ({ hops }: Walk, doubts: Set<string>): Forecast => {
  for (const { unsure: reason } of hops) if (reason) doubts.add(reason);
  return surely('unknown');
};

const resultOf = (there: Walk, world: World, doubts: Set<string>): Forecast => {
  if (there.outcome === 'stopped') return surely(stoppedResult(there, world, doubts));
  if (there.outcome === 'left') return fromOutside(there, world, doubts);
  if (there.outcome !== 'delivered') return unsure(there, doubts);
  const heard = isHeard(there, world);
  if (heard === undefined) doubts.add(`which sockets listen in ${there.hops.at(-1)?.where ?? 'it'}${there.end ? ` on ${there.end.node}` : ''}`);
  if (heard === false && there.packet.protocol === 'icmp') return surely('timeout');
  const answerIf = (listens: boolean): Forecast => {
    const back = walkAllBack(there, world, listens);
    return back ? fold(back, answersIn(doubts), doubts) : surely('unknown');
  };
  if (heard !== undefined) return heard ? answerIf(true) : refusal(answerIf(false));
  // neither an answer nor a refusal comes back
  const silent = [true, false].every((listens) => same(answerIf(listens), surely('timeout')));
  return surely(silent ? 'timeout' : 'unknown');
};

/** No network has addresses of Services, and none sends to a pod what its own node sent away. */
const isNobodys = ({ exit, hops }: Walk, world: World): boolean => {
  const place = exit && placeAt(world, exit.node, exit.netns);
  const device = linkNamed(place?.netns, exit?.interface);
  if (!place || !device || hops.at(-1)?.tunnel || deciderAt(place, device) !== undefined) return false;
  const { destination } = exit.packet;
  const { facts } = world;
  return (
    facts.services.some(({ clusterIps }) => clusterIps.some((ip) => sameAddress(ip, destination))) ||
    facts.pods.some(({ node, hostNetwork, ips }) => node === exit.node && !hostNetwork && ips.some((ip) => sameAddress(ip, destination)))
  );
};

/** The address of a pod that a packet to it is sent out of the nodes for: what lies between them may know the pods, or not. */
const podBehind = ({ exit, hops }: Walk, { facts }: World): string | undefined => {
  const destination = hops.at(-1)?.tunnel ? undefined : exit?.packet.destination;
  if (destination === undefined) return undefined;
  const isPod =
    facts.pods.some(({ hostNetwork, ips }) => !hostNetwork && ips.some((ip) => sameAddress(ip, destination))) ||
    facts.nodes.some(({ podCidrs }) => podCidrs.some((cidr) => inPrefix(cidr, destination)));
  return isPod ? destination : undefined;
};

/** Whoever is outside is taken to answer what can be answered. */
const fromOutside = (there: Walk, world: World, doubts: Set<string>): Forecast => {
  if (isNobodys(there, world)) return surely('timeout');
  const pod = podBehind(there, world);
  if (pod !== undefined) {
    doubts.add(`whether the network outside has a way to ${pod}`);
    return surely('unknown');
  }
  const back = walkAllBack(there, world);
  if (back) return fold(back, answersIn(doubts), doubts);
  doubts.add(`whether the outside can answer ${there.exit?.packet.source ?? there.packet.source}`);
  return surely('unknown');
};

/** A refusal takes the way of an answer. */
const refusal = ({ ok, refused, timeout, unreachable, unknown }: Forecast): Forecast => ({
  ok: 0,
  refused: ok + refused,
  timeout,
  unreachable,
  unknown,
});

const answersIn =
  (doubts: Set<string>) =>
  (back: Walk): Forecast => {
    if (back.outcome === 'delivered') return surely('ok');
    return back.outcome === 'stopped' ? surely('timeout') : unsure(back, doubts);
  };
