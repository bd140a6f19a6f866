import { sameAddress } from '../forwarding/address.ts';
import type { Hop, Packet } from '../forwarding/hop.ts';
import type { TapResult } from '../probe/observation.ts';
import type { ProbeResult } from '../probe/probe.ts';
import { tapSummary } from '../probe/tap/tap-summary.ts';
import type { ClockOffset, HopReport } from '../report/report.ts';
import { isAt, type Leg, packetsOf, timesOf } from './places.ts';

const whyUnreliable = (tap: TapResult): string | undefined => {
  if (tap.notSeen !== undefined) return tap.notSeen;
  if (tap.dropped > 0) return `the capture lost ${tap.dropped} packets`;
  return tap.full === true ? 'the capture was full' : undefined;
};

/** Where each attempt was sent on to, when a Service's address was translated: attempts to other endpoints take other ways. */
export const endpointsSeen = (taps: TapResult[], main: ProbeResult): Map<number, string> => {
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

/** What a translation that the model did not foresee made of the packet; ports that the model does not know say nothing. */
const differing = ({ packet }: HopReport, seen: Packet | undefined): Pick<HopReport, 'seenAs'> => {
  if (!seen || seen.protocol !== packet.protocol) return {};
  const same =
    sameAddress(seen.source, packet.source) &&
    sameAddress(seen.destination, packet.destination) &&
    (packet.destinationPort === undefined || seen.destinationPort === packet.destinationPort);
  const { source, destination, sourcePort, destinationPort } = seen;
  return same
    ? {}
    : {
        seenAs: {
          source,
          destination,
          ...(sourcePort === undefined ? {} : { sourcePort }),
          ...(destinationPort === undefined ? {} : { destinationPort }),
        },
      };
};

/** Seconds by which the clock of `to` is ahead; undefined when nothing tells. */
const clockAhead = (clocks: ClockOffset[], from: string, to: string): number | undefined => {
  if (from === to) return 0;
  const known = clocks.find((clock) => clock.from === from && clock.to === to);
  const turned = clocks.find((clock) => clock.from === to && clock.to === from);
  return known ? known.offsetMicros / 1e6 : turned ? -turned.offsetMicros / 1e6 : undefined;
};

const median = (values: number[]): number | undefined => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

/**
 * Joins captures to predicted hops: how many attempts of the main probe were seen at each, and how long after the hop before (median over
 * attempts; between nodes only where the probes tell how their clocks differ). A place that no capture covered stays without a count, and one where even
 * answered attempts were not recognised is not visible rather than not passed.
 */
export const withSeen = (hops: HopReport[], taps: TapResult[], main: ProbeResult | undefined, leg: Leg, clocks: ClockOffset[] = []): HopReport[] => {
  if (!main || main.attempts.length === 0) return hops;
  const places = tapSummary(taps, main.request.id);
  const endpoints = endpointsSeen(taps, main);
  let before: { node: string; times: Map<number, number> } | undefined;
  return hops.map((hop) => {
    const tap = taps.find(({ node, netns }) => node === hop.node && netns === hop.netns);
    if (!tap) return hop;
    const place = places.find((candidate) => isAt(candidate, hop));
    const times = timesOf(place, leg);
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
    const ahead = before && clockAhead(clocks, before.node, hop.node);
    const since = ahead === undefined ? undefined : before?.times;
    const delay =
      since && median(seen.flatMap((attempt) => (since.has(attempt) ? [(times.get(attempt) ?? 0) - (since.get(attempt) ?? 0) - (ahead ?? 0)] : [])));
    if (seen.length > 0) before = { node: hop.node, times };
    return {
      ...hop,
      seen: { k: seen.length, n: seen.length + missed.length },
      ...differing(hop, [...packetsOf(place, leg)].find(([attempt]) => due.includes(attempt))?.[1]),
      ...(delay === undefined ? {} : { delayMicros: Math.max(0, Math.round(delay * 1e6)) }),
    };
  });
};
