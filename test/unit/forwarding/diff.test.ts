import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { judgeFixture, readFixture } from '../../diff/fixture.ts';

/** Cases in which model and kernel once differed, as the kernel had them (test/diff/README.md). */
const directory = join(import.meta.dirname, '../../fixtures/diff');

describe('what a kernel did with a packet, the model says, too', () => {
  for (const name of existsSync(directory) ? readdirSync(directory).sort() : []) {
    const fixture = readFixture(join(directory, name));
    const [probe] = fixture.case.probes;
    it(`${name.replace('.json.gz', '')}: ${probe?.from} asks ${probe?.destination} ${probe?.protocol}: ${fixture.seen.split('; seen:')[0]}`, () => {
      // what no table of a node tells is left open by the model, or told apart by the test with its reason
      const wanted = /^(explained|unknown)-/.exec(name)?.[1] ?? 'agree';
      expect(judgeFixture(fixture).map((verdict) => (verdict.kind === wanted ? wanted : JSON.stringify(verdict)))).to.deep.equal(
        fixture.case.probes.map(() => wanted),
      );
    });
  }
});
