import { expect } from 'chai';
import type { PathReport } from '../../src/report/report.ts';
import { bulkRules, otherTraffic } from '../lab/busy.ts';
import { withAgentCost } from './agent-cost.ts';
import { BUSY, lostOf, QUESTION } from './busy.ts';
import { lab } from './cluster.ts';
import { during, HEALING_TIMEOUT } from './heal.ts';
import { path } from './netdoctor.ts';

/** Of the agent's limit of 512 MiB. */
const MOST_MEMORY_MIB = 256;

describe('a node with 20,000 rules and other traffic', function () {
  this.timeout(HEALING_TIMEOUT);
  let removeRules: (() => Promise<void>) | undefined;
  before(async function () {
    if (!lab) return this.skip();
    removeRules = await bulkRules(lab, 'node2');
    return undefined;
  });
  after(() => removeRules?.());

  for (const busy of BUSY) {
    const { fault, code } = busy;
    it(`${fault ?? 'nothing broken'}: ${code ?? 'healthy'}, and nothing lost of what was watched`, async function () {
      if (!lab) return this.skip();
      const running = lab;
      const { result, costs } = await during(running, fault, async () => {
        const traffic = await otherTraffic(running, { rate: 20_000, seconds: 15 });
        const asked = await withAgentCost(running, (): Promise<PathReport> => path(QUESTION));
        expect(await traffic.over).to.be.greaterThan(0);
        return asked;
      });
      expect(result.findings[0]?.code).to.equal(code);
      if (code) expect(result.findings[0]?.confidence).to.equal('certain');
      expect(lostOf(result, busy)).to.deep.equal([]);
      expect(costs).to.have.length(2);
      for (const { memoryMiB } of costs) expect(memoryMiB).to.be.below(MOST_MEMORY_MIB);
      return undefined;
    });
  }
});
