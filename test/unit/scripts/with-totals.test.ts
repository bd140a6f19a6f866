import { expect } from 'chai';
import { toldAgain } from '../../../scripts/with-totals.ts';

const failures = (count: number, message: string) => Array.from({ length: count }, (_, index) => ({ title: `test ${index + 1}`, message }));

describe('failures told again at the end of make test', () => {
  it('puts those of one message together, and the first one last', () => {
    expect(toldAgain([...failures(1, 'it broke'), ...failures(2, 'not healthy')])).to.deep.equal([
      'failed: test 1\nfailed: test 2\n    not healthy',
      'failed: test 1\n    it broke',
    ]);
  });

  it('counts what would fill the screen', () => {
    const [told] = toldAgain(failures(8, 'one\ntwo\n3\n4\n5\n6\n7\n8\n9'));
    expect(told?.split('\n').slice(5)).to.deep.equal([
      'failed: test 6',
      'and 2 more with the same message',
      ...'one two 3 4 5 6 7 8'.split(' ').map((line) => `    ${line}`),
    ]);
  });
});
