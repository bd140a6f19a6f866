import { parseProbeOutput } from '../../../src/probe/live/parse-probes.ts';
import { joinSightings } from '../../../src/probe/tap/join-sightings.ts';
import { probeKeys } from '../../../src/probe/tap/probe-keys.ts';
import { parseTaps } from '../../../src/probe/tap/tap-output.ts';
import { withTapTimes } from '../../../src/probe/tap/tap-times.ts';
import { loadRecording } from './recordings.ts';
import { scenarios } from './scenarios.ts';

describe('recorded probes and captures', () => {
  for (const scenario of scenarios) {
    it(`say the same as they did live: ${scenario.name}`, async () => {
      const { probes, taps } = await loadRecording(scenario.name);
      const results = parseProbeOutput(probes.output, probes.requests);
      const joined = joinSightings(
        taps.flatMap((raw) => parseTaps(raw)),
        probeKeys(results),
      );
      scenario.check({ results: withTapTimes(results, joined), taps: joined });
    });
  }
});
