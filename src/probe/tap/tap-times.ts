import type { Sighting, TapResult } from '../observation.ts';
import type { Attempt, ProbeResult } from '../probe.ts';

/** The capture in the netns that sent an attempt: the one on its node whose first sight of it is a request going out. */
const atSource = (taps: TapResult[], { request }: ProbeResult, attempt: number): Sighting[] | undefined =>
  taps
    .filter((tap) => tap.node === request.node)
    .map((tap) => tap.sightings.filter((sighting) => sighting.probe === request.id && sighting.attempt === attempt).sort((a, b) => a.time - b.time))
    .find(([first]) => first?.what === 'request' && first.direction === 'out');

const timed = (result: ProbeResult, attempt: Attempt, number: number, taps: TapResult[]): Attempt => {
  if (attempt.rttMicros === undefined) return attempt;
  const [sent, ...later] = atSource(taps, result, number) ?? [];
  const answer = later.find((sighting) => sighting.what !== 'request' && sighting.direction !== 'out');
  return sent && answer ? { ...attempt, rttMicros: Math.round((answer.time - sent.time) * 1e6) } : attempt;
};

/**
 * The same results with round trips as the captures at the source measured them. The prober's own numbers include its wake-up: tens of
 * microseconds more on an idle node and milliseconds on one that is short of CPU.
 */
export const withTapTimes = (results: ProbeResult[], taps: TapResult[]): ProbeResult[] =>
  results.map((result) => ({ ...result, attempts: result.attempts.map((attempt, number) => timed(result, attempt, number, taps)) }));
