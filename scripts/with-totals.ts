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

const LINES = 8;
const TITLES = 6;

/**
 * The failures as they are told at the end, those of one message together: a lab that breaks fails many tests in one way.
 * A message of many lines (a report, a difference) is cut to its first ones, the whole stands above. The first failure, which others may follow from, is told last.
 */
export const toldAgain = (failures: RunTotals['failures']): string[] =>
  [...Map.groupBy(failures, ({ message }) => message)].reverse().map(([message, alike]) => {
    const titles = alike.slice(0, TITLES).map(({ title }) => `failed: ${title}`);
    const more = alike.length > TITLES ? [`and ${alike.length - TITLES} more with the same message`] : [];
    return [
      ...titles,
      ...more,
      ...message
        .split('\n')
        .slice(0, LINES)
        .map((line) => `    ${line}`),
    ].join('\n');
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
    const runs = runsIn(await readFile(totalsFile, 'utf8').catch(() => ''));
    const broken = steps.filter((ok) => !ok).length;
    // a step that broke without counting a failed test (lint, types, a crash) still makes the closing line say so
    const failed = Math.max(sum(runs.map((one) => one.failed)), broken);
    for (const step of failedSteps()) process.stdout.write(`\n== ${step}`);
    for (const told of toldAgain(runs.flatMap(({ failures }) => failures))) process.stdout.write(`\n${told}\n`);
    const passed = sum(runs.map((one) => one.passed));
    process.stdout.write(`\n${passed} passed, ${failed} failed, ${sum(runs.map((one) => one.skipped)) + skipped} skipped\n`);
    process.exitCode = failed > 0 ? 1 : 0;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
};
