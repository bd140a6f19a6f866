import { expect } from 'chai';
import { parseDuration } from '../../../src/cli/duration-flag.ts';

describe('a duration flag', () => {
  const rows: [string, number | undefined][] = [
    ['0', 0],
    ['1s', 1000],
    ['500ms', 500],
    ['1m30s', 90_000],
    ['1.5s', 1500],
    ['2h', 7_200_000],
    ['1', undefined],
    ['', undefined],
    ['s', undefined],
    ['-1s', undefined],
    ['1 s', undefined],
    ['1d', undefined],
  ];
  for (const [text, milliseconds] of rows)
    it(`reads ${JSON.stringify(text)} as ${milliseconds}`, () => expect(parseDuration(text)).to.equal(milliseconds));
});
