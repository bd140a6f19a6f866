import type { Sighting } from '../observation.ts';
import type { DeviceEvent, Trace } from './parse-trace.ts';

/** How wrong the anchors may be: a starved node takes a while from reading the clock to writing it down. */
const ANCHOR_ERROR = 0.05;

/** Width within which differences that mean the same offset lie. */
const AGREEMENT = 100e-6;

/** The place where most differences lie close together. */
export const densest = (differences: number[]): number | undefined => {
  const sorted = [...differences].sort((a, b) => a - b);
  let best: { count: number; from: number } | undefined;
  let from = 0;
  for (const [to, value] of sorted.entries()) {
    while (value - (sorted[from] ?? 0) > AGREEMENT) from += 1;
    if (!best || to - from + 1 > best.count) best = { count: to - from + 1, from };
  }
  return best && sorted[best.from + Math.floor(best.count / 2)];
};

/**
 * Seconds to add to the trace's clock to get the captures'. The anchors say it roughly, the latest pair best, as `real` is always read
 * before `mono`; packets seen by both say it to some microseconds.
 */
export const clockOffset = (
  anchors: Trace['anchors'],
  events: DeviceEvent[],
  sightings: Sighting[],
  isSame: (event: DeviceEvent, sighting: Sighting) => boolean,
): number | undefined => {
  if (anchors.length === 0) return undefined;
  const rough = Math.max(...anchors.map(({ mono, real }) => real - mono));
  const byDevice = Map.groupBy(sightings, ({ interface: name }) => name);
  const differences = events.flatMap((event) =>
    (byDevice.get(event.device) ?? [])
      .filter((sighting) => isSame(event, sighting))
      .map(({ time }) => time - event.time - rough)
      .filter((difference) => Math.abs(difference) < ANCHOR_ERROR),
  );
  return rough + (densest(differences) ?? 0);
};
