import { joinSightings } from '../../../src/probe/tap/join-sightings.ts';
import { probeKeys } from '../../../src/probe/tap/probe-keys.ts';
import { parseTaps } from '../../../src/probe/tap/tap-output.ts';
import { withTapTimes } from '../../../src/probe/tap/tap-times.ts';
import { createNetlab, labRefusal, type Netlab } from './netlab.ts';
import { observe } from './observe.ts';
import { scenarios } from './scenarios.ts';

const refusal = labRefusal();

describe(`probes and captures in network namespaces of this machine${refusal === undefined ? '' : ` (skipped: ${refusal})`}`, function () {
  this.timeout(30_000);
  let lab: Netlab;
  before(async function () {
    if (refusal !== undefined) this.skip();
    lab = await createNetlab();
  });
  after(() => lab?.remove());

  for (const scenario of scenarios) {
    it(`sees what happens: ${scenario.name}`, async () => {
      const { results, taps } = await observe(lab, scenario);
      const joined = joinSightings(
        taps.flatMap((raw) => parseTaps(raw)),
        probeKeys(results),
      );
      scenario.check({ results: withTapTimes(results, joined), taps: joined });
    });
  }
});
