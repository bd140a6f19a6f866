import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunTotals } from '../test/totals-reporter.ts';
import { failedSteps, run } from './steps.ts';

const runsIn = (lines: string): RunTotals[] =>
  lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as RunTotals);

const sum = (numbers: number[]): number => numbers.reduce((a, b) => a + b, 0);

/** A failure as it is told at the end: a message of many lines (a report, a difference) is cut to its first ones, the whole stands above. */
const toldAgain = ({ title, message }: RunTotals['failures'][number]): string =>
  [`failed: ${title}`, ...message.split('\n').slice(0, 8)].join('\n    ');

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
    const runs = runsIn(await readFile(totalsFile, 'utf8').catch(() => ''));
    const broken = steps.filter((ok) => !ok).length;
    // a step that broke without counting a failed test (lint, types, a crash) still makes the closing line say so
    const failed = Math.max(sum(runs.map((one) => one.failed)), broken);
    for (const step of failedSteps()) process.stdout.write(`\n== ${step}`);
    for (const failure of runs.flatMap(({ failures }) => failures)) process.stdout.write(`\n${toldAgain(failure)}\n`);
    const passed = sum(runs.map((one) => one.passed));
    process.stdout.write(`\n${passed} passed, ${failed} failed, ${sum(runs.map((one) => one.skipped)) + skipped} skipped\n`);
    process.exitCode = failed > 0 ? 1 : 0;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
};
