import { observedDrops } from '../diagnosis/drops/observed.ts';
import { type Evidence, legOf } from '../diagnosis/evidence.ts';
import type { ProbeResult } from '../probe/probe.ts';
import type { HopReport } from '../report/report.ts';
import type { Leg } from './places.ts';

/** The hops with what the kernel dropped behind each of them, of the attempts that were lost. */
export const withDrops = (hops: HopReport[], evidence: Evidence, main: ProbeResult | undefined, leg: Leg): HopReport[] => {
  if (!main) return hops;
  const drops = observedDrops(evidence, legOf(evidence, main)).filter(({ direction }) => direction === leg);
  return hops.map((hop) => {
    const found = drops.find(
      ({ drop }) =>
        drop.node === hop.node &&
        drop.netns === hop.netns &&
        drop.interface === hop.interface &&
        (drop.direction === 'out') === (hop.direction === 'out') &&
        drop.tunnelled === (hop.tunnel !== undefined),
    );
    if (!found) return hop;
    const { drop, attempts, hook } = found;
    return {
      ...hop,
      dropped: {
        k: attempts,
        n: main.attempts.length,
        ...(drop.reason === undefined ? {} : { reason: drop.reason }),
        function: drop.function,
        ...(hook === undefined ? {} : { hook }),
      },
    };
  });
};
