import type { Hop, Walk } from '../forwarding/hop.ts';
import { xdpAt } from './blind-spots.ts';
import { fitsProbes, xdpRise } from './drops/kernel-counters.ts';
import type { Evidence, Leg } from './evidence.ts';
import { cameTo, seenAt } from './sightings.ts';

/** The leg of a walk from one node to another one. */
export interface Crossing {
  leg: Leg;
  walk: Walk;
  direction: 'there' | 'back';
  left: Hop;
  arrived: Hop;
  /** Of `left`. */
  index: number;
}

/** @param tunnelled inside a tunnel, or bare */
export const crossingOf = (leg: Leg, direction: Crossing['direction'], { tunnelled }: { tunnelled: boolean }): Crossing | undefined => {
  const walk = leg[direction];
  const index = walk?.hops.findIndex((hop, at) => (hop.tunnel !== undefined) === tunnelled && walk.hops[at + 1]?.node !== hop.node) ?? -1;
  const [left, arrived] = [walk?.hops[index], walk?.hops[index + 1]];
  return walk && left && arrived ? { leg, walk, direction, left, arrived, index } : undefined;
};

/** What the captures at both ends of it say. */
export interface Watched {
  verdict: 'lost-between' | 'not-here' | 'unwatched';
  sent: number;
  got: number;
}

export const watchedAt = (evidence: Evidence, crossing: Crossing): Watched => {
  const sent = seenAt(evidence, crossing.leg, crossing.direction, crossing.left);
  const got = cameTo(evidence, crossing, crossing.index);
  if (sent === undefined || got === undefined) return { verdict: 'unwatched', sent: 0, got: 0 };
  return { verdict: sent > 0 && got === 0 ? 'lost-between' : 'not-here', sent, got };
};

/** What an XDP program at the far end has to do with a loss, as far as its driver tells. */
export const xdpBlame = (evidence: Evidence, { leg, arrived }: Crossing): 'none' | 'open' | 'all' => {
  const rise = xdpAt(evidence, arrived) ? xdpRise(evidence, arrived) : 0;
  if (rise === 0) return 'none';
  return rise !== undefined && fitsProbes(evidence, leg, rise) ? 'all' : 'open';
};

/** `5 of 5 probes left node1 eth0 as UDP 8472, 0 arrived on node2 eth0` */
export const crossedWords = ({ leg, direction, left, arrived }: Crossing, { sent, got }: Watched, as: string): string =>
  `${sent} of ${leg.probe.attempts.length} ${direction === 'there' ? 'probes' : 'replies'} left ${left.node} ${left.interface} as ${as}, ${got} arrived on ${arrived.node} ${arrived.interface}`;
