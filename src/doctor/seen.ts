import type { Hop } from '../forwarding/hop.ts';
import type { Sighting, TapResult } from '../probe/observation.ts';
import type { ProbeResult } from '../probe/probe.ts';
import type { HopReport } from '../report/report.ts';

/** Which way a walk goes, as captures tell it. */
type Leg = 'there' | 'back';

const belongs = (sighting: Sighting, leg: Leg): boolean => (leg === 'there' ? sighting.what === 'request' : sighting.what !== 'request');

/** A tunnel's underlay leg is where the packet was seen wrapped, any other hop where it was seen bare. */
const isAt = (sighting: Sighting, hop: Hop): boolean =>
  sighting.interface === hop.interface && sighting.direction === hop.direction && (sighting.outer !== undefined) === (hop.tunnel !== undefined);

const median = (values: number[]): number | undefined => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** Attempt → seconds of its first sighting here. */
const firstSightings = (hop: Hop, tap: TapResult, main: ProbeResult, leg: Leg): Map<number, number> => {
  const times = new Map<number, number>();
  for (const sighting of tap.sightings) {
    if (sighting.probe !== main.request.id || sighting.attempt === undefined || !belongs(sighting, leg) || !isAt(sighting, hop)) continue;
    const before = times.get(sighting.attempt);
    if (before === undefined || sighting.time < before) times.set(sighting.attempt, sighting.time);
  }
  return times;
};

const whyHidden = (hop: Hop, taps: TapResult[]): string | undefined => {
  const tap = taps.find(({ node, netns }) => node === hop.node && netns === hop.netns);
  if (!tap) return undefined;
  if (tap.notSeen !== undefined) return tap.notSeen;
  if (tap.dropped > 0) return `the capture lost ${tap.dropped} packets`;
  if (tap.full === true) return 'the capture was full';
  return undefined;
};

/**
 * Joins captures to predicted hops: how many attempts of the main probe were seen at each, and how long after the hop before (median over
 * attempts, same node only: two clocks are not compared). A place no capture covered stays without a count.
 */
export const withSeen = (hops: Hop[], taps: TapResult[], main: ProbeResult | undefined, leg: Leg): HopReport[] => {
  let before: { node: string; times: Map<number, number> } | undefined;
  return hops.map((hop) => {
    const tap = taps.find(({ node, netns }) => node === hop.node && netns === hop.netns);
    if (!tap || !main || main.notRun !== undefined) return { ...hop };
    const hidden = whyHidden(hop, taps);
    const times = firstSightings(hop, tap, main, leg);
    if (hidden !== undefined && times.size < main.attempts.length) return { ...hop, notVisible: hidden };
    const steps =
      before && before.node === hop.node
        ? [...times].flatMap(([attempt, time]) => (before?.times.has(attempt) ? [time - (before.times.get(attempt) ?? 0)] : []))
        : [];
    const delay = times.size === 0 ? undefined : before === undefined || before.node !== hop.node ? undefined : median(steps);
    if (times.size > 0) before = { node: hop.node, times };
    return { ...hop, seen: { k: times.size, n: main.attempts.length }, ...(delay === undefined ? {} : { delayMicros: Math.max(0, delay * 1e6) }) };
  });
};
