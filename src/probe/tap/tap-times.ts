import type { Sighting, TapResult } from '../observation.ts';
import type { Attempt, ProbeResult } from '../probe.ts';
import { icmpMeaning } from './icmp-meaning.ts';

/** The capture in the netns that sent an attempt: the one on its node whose first sight of it is a request going out. */
const atSource = (taps: TapResult[], { request }: ProbeResult, attempt: number): Sighting[] =>
  taps
    .filter((tap) => tap.node === request.node)
    .map((tap) => tap.sightings.filter((sighting) => sighting.probe === request.id && sighting.attempt === attempt).sort((a, b) => a.time - b.time))
    .find(([first]) => first?.what === 'request' && first.direction === 'out') ?? [];

const refine = (result: ProbeResult, attempt: Attempt, number: number, taps: TapResult[]): Attempt => {
  const [sent, ...later] = atSource(taps, result, number);
  const answer = later.find((sighting) => sighting.what !== 'request' && sighting.direction !== 'out');
  if (!sent || !answer) return attempt;
  const timed = attempt.rttMicros === undefined ? attempt : { ...attempt, rttMicros: Math.round((answer.time - sent.time) * 1e6) };
  if (!answer.icmpError || attempt.outcome === 'answered') return timed;
  return { ...timed, ...icmpMeaning(answer.icmpError, result.request.protocol), from: answer.icmpError.from };
};

/**
 * The same results as the captures at the source know them better.
 * Round trips: the prober's own include its wake-up, tens of microseconds on an idle node and tens of milliseconds on one short of CPU.
 * Errors: an ICMP error names its sender and its reason better than an errno does, and it may have come and been dropped by the sender's
 * kernel (socket busy, see probe-script.ts; a second one is subject to the rate limit icmp_ratelimit): then the probe saw a timeout only.
 */
export const withTapTimes = (results: ProbeResult[], taps: TapResult[]): ProbeResult[] =>
  results.map((result) => ({ ...result, attempts: result.attempts.map((attempt, number) => refine(result, attempt, number, taps)) }));
