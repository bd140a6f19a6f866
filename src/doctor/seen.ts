import type { Hop } from '../forwarding/hop.ts';
import type { TapResult } from '../probe/observation.ts';
import type { ProbeResult } from '../probe/probe.ts';
import { type TapPlace, tapSummary } from '../probe/tap/tap-summary.ts';
import type { HopReport } from '../report/report.ts';

/** Which way a walk goes, as captures tell it. */
export type Leg = 'there' | 'back';

/** A tunnel's underlay leg is where the packet was seen wrapped, any other hop where it was seen bare. libpcap shows what loops back only once, as incoming. */
const isAt = (place: TapPlace, hop: Hop): boolean =>
  place.node === hop.node &&
  place.netns === hop.netns &&
  place.interface === hop.interface &&
  (place.direction === hop.direction || hop.interface === 'lo') &&
  (place.tunnel !== undefined) === (hop.tunnel !== undefined);

/** Attempt → seconds when it was first seen; on the way back a refusal counts as much as an answer. */
const timesOf = (place: TapPlace | undefined, leg: Leg): Map<number, number> => {
  if (!place) return new Map();
  return leg === 'there' ? place.requests : new Map([...place.errors, ...place.resets, ...place.replies]);
};

const whyUnreliable = (tap: TapResult): string | undefined => {
  if (tap.notSeen !== undefined) return tap.notSeen;
  if (tap.dropped > 0) return `the capture lost ${tap.dropped} packets`;
  return tap.full === true ? 'the capture was full' : undefined;
};

/** Where each attempt was sent on to, when a Service's address was translated: attempts to other endpoints take other ways. */
const endpointsSeen = (taps: TapResult[], main: ProbeResult): Map<number, string> => {
  const endpoints = new Map<number, string>();
  for (const { probe, attempt, what, packet } of taps.flatMap(({ sightings }) => sightings)) {
    if (probe !== main.request.id || attempt === undefined) continue;
    if (what === 'request' && packet.destination !== main.request.destination) endpoints.set(attempt, packet.destination);
  }
  return endpoints;
};

/** Attempts that should pass this hop: behind a translation only those that were not seen to go elsewhere. */
const expectedAt = (hop: Hop, leg: Leg, main: ProbeResult, endpoints: Map<number, string>): number[] => {
  const far = leg === 'there' ? hop.packet.destination : hop.packet.source;
  const all = main.attempts.map((_, attempt) => attempt);
  return far === main.request.destination ? all : all.filter((attempt) => (endpoints.get(attempt) ?? far) === far);
};

const median = (values: number[]): number | undefined => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

/**
 * Joins captures to predicted hops: how many attempts of the main probe were seen at each, and how long after the hop before (median over
 * attempts, same node only: two clocks are not compared). A place that no capture covered stays without a count, and one where even
 * answered attempts were not recognised is not visible rather than not passed.
 */
export const withSeen = (hops: Hop[], taps: TapResult[], main: ProbeResult | undefined, leg: Leg): HopReport[] => {
  if (!main || main.attempts.length === 0) return hops;
  const places = tapSummary(taps, main.request.id);
  const endpoints = endpointsSeen(taps, main);
  let before: { node: string; times: Map<number, number> } | undefined;
  return hops.map((hop) => {
    const tap = taps.find(({ node, netns }) => node === hop.node && netns === hop.netns);
    if (!tap) return hop;
    const times = timesOf(
      places.find((place) => isAt(place, hop)),
      leg,
    );
    const due = expectedAt(hop, leg, main, endpoints);
    // whoever was answered without being seen here came another way, or a translation hid it: no evidence of a loss at this place
    const unseen = due.filter((attempt) => !times.has(attempt));
    const missed = unseen.filter((attempt) => main.attempts[attempt]?.outcome !== 'answered');
    const seen = [...times.keys()];
    const unreliable = whyUnreliable(tap);
    if (unreliable !== undefined && unseen.length > 0) return { ...hop, notVisible: unreliable };
    if (seen.length === 0 && unseen.length > missed.length) {
      return { ...hop, notVisible: 'answered probes were not recognised here: another way was taken, or a translation hides them' };
    }
    const since = before?.node === hop.node ? before.times : undefined;
    const delay = since && median(seen.flatMap((attempt) => (since.has(attempt) ? [(times.get(attempt) ?? 0) - (since.get(attempt) ?? 0)] : [])));
    if (seen.length > 0) before = { node: hop.node, times };
    return {
      ...hop,
      seen: { k: seen.length, n: seen.length + missed.length },
      ...(delay === undefined ? {} : { delayMicros: Math.max(0, Math.round(delay * 1e6)) }),
    };
  });
};
