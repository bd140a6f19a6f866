import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';

/** `make test`: lint, types, unit tests, then the end-to-end tests where this machine can run a lab. Ends with one line of totals. */

interface Totals {
  passed: number;
  failed: number;
  skipped: number;
}

const node = process.execPath;
const root = join(import.meta.dirname, '..');

const run = async (title: string, command: string, args: string[], env: NodeJS.ProcessEnv = {}): Promise<boolean> => {
  process.stdout.write(`\n== ${title}\n`);
  const { exitCode } = await execa(command, args, { cwd: root, env, stdio: ['ignore', 'inherit', 'inherit'], reject: false });
  if (exitCode !== 0) process.stdout.write(`== ${title}: failed (exit code ${exitCode ?? 'none'})\n`);
  return exitCode === 0;
};

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

/** Why this machine cannot run the lab, or nothing. */
const noLab = (): string | undefined => {
  if (process.platform !== 'linux') return `the lab needs Linux, this is ${process.platform}`;
  if (process.getuid?.() !== 0) return 'the lab needs root';
  return undefined;
};

const directory = await mkdtemp(join(tmpdir(), 'netdoctor-test-'));
const totalsFile = join(directory, 'totals');
const mocha = (title: string, args: string[]): Promise<boolean> =>
  run(title, node, ['node_modules/mocha/bin/mocha.js', '--reporter', './test/totals-reporter.ts', ...args], { NETDOCTOR_TEST_TOTALS: totalsFile });

const steps: boolean[] = [];
try {
  steps.push(await run('linter and formatter', 'node_modules/.bin/biome', ['ci', '--error-on-warnings', '--diagnostic-level=warn', '.']));
  steps.push(await run('types', node, ['node_modules/typescript/bin/tsc', '--noEmit']));
  steps.push(await run('bundle', node, ['scripts/build.ts']));
  steps.push(await mocha('unit tests', ['--config', '.mocharc.json']));
  const reason = noLab();
  if (reason === undefined)
    steps.push(
      (await run('lab parts', node, ['scripts/prepare-lab.ts'])) &&
        (await mocha('end-to-end tests on the lab', ['--config', 'test/e2e/mocharc.json'])),
    );
  else process.stdout.write(`\n== end-to-end tests on the lab: skipped, ${reason}\n`);
  const totals = sum(await readFile(totalsFile, 'utf8').catch(() => ''));
  const broken = steps.filter((ok) => !ok).length;
  // a step that broke without counting a failed test (lint, types, a crash) still makes the closing line say so
  const failed = Math.max(totals.failed, broken);
  process.stdout.write(`\n${totals.passed} passed, ${failed} failed, ${totals.skipped + (reason === undefined ? 0 : 1)} skipped\n`);
  process.exitCode = failed > 0 ? 1 : 0;
} finally {
  await rm(directory, { recursive: true, force: true });
}
