import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'chai';

/** Compares with a text file that a person can read in a review; UPDATE_SNAPSHOTS=1 rewrites it. */
export const matchSnapshot = (name: string, text: string): void => {
  const file = join(import.meta.dirname, '..', 'fixtures', `${name}.txt`);
  if (process.env.UPDATE_SNAPSHOTS === '1') {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  expect(existsSync(file), `no snapshot ${name}: run with UPDATE_SNAPSHOTS=1 and read it`).to.equal(true);
  expect(text).to.equal(readFileSync(file, 'utf8'));
};
