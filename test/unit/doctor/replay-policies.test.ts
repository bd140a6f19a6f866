import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { POLICY_EXPECTED } from '../../e2e/policy-expected.ts';
import { replayPath } from './replay.ts';

const directory = join(import.meta.dirname, '../../fixtures/policies');

describe('an incident that has to do with policies, recorded where they are enforced, judged again', () => {
  for (const [name, { found, title, evidence }] of Object.entries(POLICY_EXPECTED)) {
    it(`${name}: ${found}, and nothing else`, async () => {
      const { findings, disagreements } = await replayPath(join(directory, `${name}.tgz`));
      const [first] = findings;
      expect(findings.map(({ code, confidence }) => `${code} ${confidence}`)).to.deep.equal([found]);
      expect(first?.title).to.match(title);
      for (const pattern of evidence)
        expect(
          first?.evidence.some((line) => pattern.test(line)),
          `${pattern}\n${first?.evidence.join('\n')}`,
        ).to.equal(true);
      expect(disagreements).to.deep.equal([]);
    });
  }

  it('covers every recording there is', () => {
    const recorded = readdirSync(directory).map((file) => file.replace('.tgz', ''));
    expect(recorded.sort()).to.deep.equal(Object.keys(POLICY_EXPECTED).sort());
  });
});
