import type { Hop } from '../forwarding/hop.ts';
import type { TapResult } from '../probe/observation.ts';
import type { ProbeResult } from '../probe/probe.ts';
import { type TapPlace, tapSummary } from '../probe/tap/tap-summary.ts';
import type { HopReport } from '../report/report.ts';

/** Which way a walk goes, as captures tell it. */
export type Leg = 'there' | 'back';

/** A tunnel's underlay leg is where the packet was seen wrapped, any other hop where it was seen bare. */
const isAt = (place: TapPlace, hop: Hop): boolean =>
  place.node === hop.node &&
  place.netns === hop.netns &&
  place.interface === hop.interface &&
  place.direction === hop.direction &&
  (place.tunnel !== undefined) === (hop.tunnel !== undefined);

/** Attempt → seconds when it was first seen; on the way back a refusal counts as much as an answer. */
const timesOf = (place: TapPlace | undefined, leg: Leg): Map<number, number> => {
  if (!place) return new Map();
  return leg === 'there' ? place.requests : new Map([...place.errors, ...place.resets, ...place.replies]);
};

const whyHidden = (tap: TapResult): string | undefined => {
  if (tap.notSeen !== undefined) return tap.notSeen;
  if (tap.dropped > 0) return `the capture lost ${tap.dropped} packets`;
  return tap.full === true ? 'the capture was full' : undefined;
};

const median = (values: number[]): number | undefined => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

/**
 * Joins captures to predicted hops: how many attempts of the main probe were seen at each, and how long after the hop before (median over
 * attempts, same node only: two clocks are not compared). A place that no capture covered stays without a count.
 */
export const withSeen = (hops: Hop[], taps: TapResult[], main: ProbeResult | undefined, leg: Leg): HopReport[] => {
  if (!main || main.attempts.length === 0) return hops;
  const places = tapSummary(taps, main.request.id);
  let before: { node: string; times: Map<number, number> } | undefined;
  return hops.map((hop) => {
    const tap = taps.find(({ node, netns }) => node === hop.node && netns === hop.netns);
    if (!tap) return hop;
    const times = timesOf(
      places.find((place) => isAt(place, hop)),
      leg,
    );
    const hidden = whyHidden(tap);
    if (hidden !== undefined && times.size < main.attempts.length) return { ...hop, notVisible: hidden };
    const since = before?.node === hop.node ? before.times : undefined;
    const delay = since && median([...times].flatMap(([attempt, time]) => (since.has(attempt) ? [time - (since.get(attempt) ?? time)] : [])));
    if (times.size > 0) before = { node: hop.node, times };
    return {
      ...hop,
      seen: { k: times.size, n: main.attempts.length },
      ...(delay === undefined ? {} : { delayMicros: Math.max(0, Math.round(delay * 1e6)) }),
    };
  });
};
