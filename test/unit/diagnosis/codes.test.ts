import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { allCauses } from '../../../src/diagnosis/causes.ts';
import { codes } from '../../../src/diagnosis/codes.ts';

describe('the table of causes', () => {
  it('has each code once', () => {
    const codes = allCauses.map(({ code }) => code);
    expect([...new Set(codes)]).to.deep.equal(codes);
    for (const code of codes) expect(code).to.match(/^ND[0-5]\d{3}$/);
  });

  it('implies only codes that exist', () => {
    const codes = new Set(allCauses.map(({ code }) => code));
    for (const { code, implies = [] } of allCauses)
      expect(
        implies.filter((other) => !codes.has(other)),
        code,
      ).to.deep.equal([]);
  });

  it('is documented in docs/codes.md, row by row', () => {
    const rows = readFileSync(new URL('../../../docs/codes.md', import.meta.url), 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('| ND'))
      .map((line) => line.replace(/ +\|$/, ' |'));
    expect(rows).to.deep.equal(codes.map(({ code, summary }) => `| ${code} | ${summary} |`));
  });
});
