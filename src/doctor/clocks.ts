import type { Hop } from '../forwarding/hop.ts';
import type { TapPlace } from '../probe/tap/tap-summary.ts';
import type { ClockOffset } from '../report/report.ts';
import { isAt } from './places.ts';

/** The four moments of one attempt at two uplinks: request out and in, reply out and in. */
interface Crossing {
  left: number;
  arrived: number;
  answered: number;
  returned: number;
}

const placeAt = (places: TapPlace[], hop: Hop | undefined): TapPlace | undefined => hop && places.find((place) => isAt(place, hop));

const crossings = (places: TapPlace[], there: [Hop, Hop], back: [Hop, Hop]): Crossing[] => {
  const left = placeAt(places, there[0])?.requests ?? new Map<number, number>();
  const arrived = placeAt(places, there[1])?.requests;
  const answered = placeAt(places, back[0])?.replies;
  const returned = placeAt(places, back[1])?.replies;
  return [...left].flatMap(([attempt, time]) => {
    const [a, b, c] = [arrived, answered, returned].map((column) => column?.get(attempt));
    return a === undefined || b === undefined || c === undefined ? [] : [{ left: time, arrived: a, answered: b, returned: c }];
  });
};

/** Neighbouring hops of a walk that lie on different nodes. */
const nodeChanges = (hops: Hop[]): [Hop, Hop][] =>
  hops.flatMap((hop, index): [Hop, Hop][] => {
    const next = hops[index + 1];
    return next && next.node !== hop.node && next.where !== 'external' ? [[hop, next]] : [];
  });

/**
 * How far the clock of the far node is ahead, from the probe itself: half the difference of both ways' apparent delays (NTP's formula, RFC
 * 5905 8), taken from the attempt that was underway shortest. It is right to within half the time the packets spent between the nodes.
 */
export const clockOffsets = (there: Hop[], back: Hop[], places: TapPlace[]): ClockOffset[] =>
  nodeChanges(there).flatMap(([out, into]) => {
    const home = nodeChanges(back).find(([from, to]) => from.node === into.node && to.node === out.node);
    if (!home) return [];
    const estimates = crossings(places, [out, into], home).map(({ left, arrived, answered, returned }) => ({
      offset: (arrived - left + (answered - returned)) / 2,
      underway: returned - left - (answered - arrived),
    }));
    const [best] = estimates.filter(({ underway }) => underway >= 0).sort((a, b) => a.underway - b.underway);
    if (!best) return [];
    return [
      {
        from: out.node,
        to: into.node,
        offsetMicros: Math.round(best.offset * 1e6),
        boundMicros: Math.max(1, Math.ceil((best.underway * 1e6) / 2)),
      },
    ];
  });
