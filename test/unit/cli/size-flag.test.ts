import { expect } from 'chai';
import { parseSize } from '../../../src/cli/size-flag.ts';

describe('a size', () => {
  for (const [text, bytes] of [
    ['64Mi', 64 * 1024 * 1024],
    ['1G', 1e9],
    ['1.5k', 1500],
    ['2048', 2048],
  ] as const)
    it(`${text} is ${bytes} bytes`, () => expect(parseSize(text)).to.equal(bytes));

  for (const text of ['', 'Mi', '64MB', '-1', '1 Mi', '0x10']) it(`"${text}" is none`, () => expect(parseSize(text)).to.equal(undefined));
});
