import { joinDrops } from '../../../src/probe/drops/join-drops.ts';
import type { DropResult } from '../../../src/probe/observation.ts';
import type { ProbeResult } from '../../../src/probe/probe.ts';
import { joinSightings } from '../../../src/probe/tap/join-sightings.ts';
import { probeKeys } from '../../../src/probe/tap/probe-keys.ts';
import { parseTaps, type TapRaw, traceText } from '../../../src/probe/tap/tap-output.ts';
import { dropScenarios } from './drop-scenarios.ts';
import { createNetlab, labRefusal, type Netlab } from './netlab.ts';
import { observe } from './observe.ts';

/** The nodes' own captures and traces; pod a's is a capture only. */
const dropsIn = (taps: TapRaw[], results: ProbeResult[]): DropResult[] => {
  const joined = joinSightings(
    taps.flatMap((raw) => parseTaps(raw)),
    probeKeys(results),
  );
  return taps.flatMap((raw) => {
    const text = traceText(raw);
    return text === undefined || text.startsWith('@untraced it was not') ? [] : [joinDrops(raw.node, text, joined, () => undefined)];
  });
};

const refusal = labRefusal();

describe(`what the kernel says it drops${refusal === undefined ? '' : ` (skipped: ${refusal})`}`, function () {
  this.timeout(30_000);
  let lab: Netlab;
  before(async function () {
    if (refusal !== undefined) this.skip();
    lab = await createNetlab();
  });
  after(() => lab?.remove());

  for (const scenario of dropScenarios) {
    it(scenario.name, async () => {
      const { results, taps } = await observe(lab, { ...scenario, from: 'a' });
      scenario.check(dropsIn(taps, results));
    });
  }
});
