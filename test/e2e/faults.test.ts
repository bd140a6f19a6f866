import { expect } from 'chai';
import { faults } from '../lab/faults/index.ts';
import { lab } from './cluster.ts';
import { EXPECTED, questionOf } from './expected.ts';
import { during, HEALING_TIMEOUT } from './heal.ts';
import { path } from './netdoctor.ts';

describe('a fault in the lab is named, with the hop', function () {
  this.timeout(HEALING_TIMEOUT);

  for (const fault of faults.filter(({ name }) => EXPECTED[name])) {
    it(`${fault.name}: ${fault.title}`, async function () {
      if (!lab || !fault.appliesTo(lab.plan.options)) return this.skip();
      const expected = EXPECTED[fault.name];
      await during(lab, fault.name, async () => {
        const { findings, verdict } = await path(questionOf(fault.name));
        const [first] = findings;
        expect(`${first?.code} ${first?.title}`).to.match(new RegExp(`^(${expected?.code}) `));
        expect(`${first?.place?.node ?? ''} ${first?.place?.interface ?? ''}`.trim()).to.match(new RegExp(`^${(expected?.place ?? '').trim()}`));
        expect(first?.confidence).to.be.oneOf(['certain', 'likely']);
        expect(first?.fix).to.not.deep.equal([]);
        expect(verdict).to.match(expected?.verdict ?? /broken/);
      });
      return undefined;
    });
  }
});
