import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { EXIT } from '../../../src/cluster/errors.ts';

describe('docs/exit-codes.md', () => {
  it('has a row for each code, and no other', () => {
    const codes = readFileSync(new URL('../../../docs/exit-codes.md', import.meta.url), 'utf8')
      .split('\n')
      .flatMap((line) => /^\| (\d.*?) \|/.exec(line)?.[1] ?? []);
    expect(codes).to.deep.equal([...[0, 1, ...Object.values(EXIT)].sort((a, b) => a - b).map(String), '128 + n']);
  });
});
