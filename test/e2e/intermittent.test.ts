import { expect } from 'chai';
import type { PathReport } from '../../src/report/report.ts';
import { faultNamed } from '../lab/faults/index.ts';
import { lab } from './cluster.ts';
import { during, HEALING_TIMEOUT } from './heal.ts';
import { INTERMITTENT } from './intermittent.ts';
import { path } from './netdoctor.ts';

const RUNS = 3;

describe('a fault that strikes now and then', function () {
  this.timeout(HEALING_TIMEOUT);

  for (const { fault: name, question, expectNamed } of INTERMITTENT) {
    const fault = faultNamed(name);
    it(`${fault.title}: named in ${RUNS} of ${RUNS} runs`, async function () {
      if (!lab || !fault.appliesTo(lab.plan.options)) return this.skip();
      const reports: PathReport[] = [];
      await during(lab, name, async () => {
        for (let run = 0; run < RUNS; run += 1) reports.push(await path(question));
      });
      for (const report of reports) expectNamed(report);
      expect(reports.map(({ verdict }) => verdict)).to.deep.equal(reports.map(() => 'intermittent'));
      return undefined;
    });
  }
});
