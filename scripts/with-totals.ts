import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './steps.ts';

interface Totals {
  passed: number;
  failed: number;
  skipped: number;
}

const sum = (lines: string): Totals =>
  lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Totals)
    .reduce((a, b) => ({ passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped }), {
      passed: 0,
      failed: 0,
      skipped: 0,
    });

export type Mocha = (title: string, args: string[], env?: NodeJS.ProcessEnv) => Promise<boolean>;

/** What was done of a run: each step's success, and how many were left out. */
export interface Done {
  steps: boolean[];
  skipped: number;
}

/** Runs steps, some of which are tests, and ends with one line of totals. */
export const withTotals = async (work: (mocha: Mocha) => Promise<Done>): Promise<void> => {
  const directory = await mkdtemp(join(tmpdir(), 'netdoctor-test-'));
  const totalsFile = join(directory, 'totals');
  const mocha: Mocha = (title, args, env = {}) =>
    run(title, process.execPath, ['node_modules/mocha/bin/mocha.js', '--reporter', './test/totals-reporter.ts', '--exit', ...args], {
      ...env,
      NETDOCTOR_TEST_TOTALS: totalsFile,
    });
  try {
    const { steps, skipped } = await work(mocha);
    const totals = sum(await readFile(totalsFile, 'utf8').catch(() => ''));
    const broken = steps.filter((ok) => !ok).length;
    // a step that broke without counting a failed test (lint, types, a crash) still makes the closing line say so
    const failed = Math.max(totals.failed, broken);
    process.stdout.write(`\n${totals.passed} passed, ${failed} failed, ${totals.skipped + skipped} skipped\n`);
    process.exitCode = failed > 0 ? 1 : 0;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
};
