import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { type LabRun, labRuns } from '../test/e2e/labs.ts';
import { kubeconfigPath, programsDirectory } from '../test/lab/state.ts';
import { run, runAlways } from './steps.ts';

/** `make test`: lint, types, unit tests, then the end-to-end tests where this machine can run a lab. Ends with one line of totals. */

interface Totals {
  passed: number;
  failed: number;
  skipped: number;
}

const node = process.execPath;

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
  if (!existsSync('/usr/bin/apt-get')) return 'the lab takes runc, iptables and the like from Debian packages, and this is no Debian';
  return undefined;
};

/** The differential test builds a program of its own. */
const noGo = async (): Promise<string | undefined> => ((await execa('go', ['version'], { reject: false })).failed ? 'it needs Go' : undefined);

const directory = await mkdtemp(join(tmpdir(), 'netdoctor-test-'));
const totalsFile = join(directory, 'totals');

const mocha = (title: string, args: string[], env: NodeJS.ProcessEnv = {}): Promise<boolean> =>
  run(title, node, ['node_modules/mocha/bin/mocha.js', '--reporter', './test/totals-reporter.ts', '--exit', ...args], {
    ...env,
    NETDOCTOR_TEST_TOTALS: totalsFile,
  });

const lab = (title: string, args: string[]): Promise<boolean> => run(title, node, ['test/lab/main.ts', ...args]);

const image = (): string => `build/agent-image-${process.arch === 'arm64' ? 'arm64' : 'amd64'}.tar`;

/** Cluster parts and the agent image: what every lab run needs. */
const prepareLab = async (): Promise<boolean> =>
  (await lab('lab parts (about 10 minutes on a new machine, then cached)', ['build'])) &&
  (existsSync(image()) || (await run('agent image', 'scripts/build-image.sh', [])));

/** A lab of its own, its tests, and the lab gone again whatever they said. */
const runOnLab = async ({ options, files }: LabRun): Promise<boolean> => {
  const flags = Object.entries(options).flatMap(([flag, value]) => [`--${flag}`, `${value}`]);
  const shown = flags.slice(2).join(' ');
  const byName = ['--name', options.name];
  return runAlways(
    async () =>
      (await lab(`lab up: ${shown}`, ['up', ...flags])) &&
      (await lab('agent image onto its nodes', ['load-image', image(), ...byName])) &&
      (await mocha(
        `end-to-end tests: ${shown}`,
        files
          ? ['--no-config', '--extension', 'ts', '--forbid-only', '--timeout', '60000', '--slow', '15000', ...files]
          : ['--config', 'test/e2e/mocharc.json'],
        {
          NETDOCTOR_E2E_LAB: options.name,
          KUBECONFIG: kubeconfigPath(options.name),
          PATH: `${programsDirectory(options.name)}:${process.env.PATH}`,
        },
      )),
    () => lab('lab down', ['down', ...byName]),
  );
};

const steps: boolean[] = [];
try {
  const reason = noLab();
  if (reason === undefined) steps.push(await run('Debian packages', 'scripts/install-debian-packages.sh', []));
  steps.push(await run('linter and formatter', 'node_modules/.bin/biome', ['ci', '--error-on-warnings', '--diagnostic-level=warn', '.']));
  steps.push(await run('types', node, ['node_modules/typescript/bin/tsc', '--noEmit']));
  steps.push(await run('bundle', node, ['scripts/build.ts']));
  steps.push(await mocha('unit tests', ['--config', '.mocharc.json']));
  const noDiff = reason ?? (await noGo());
  if (noDiff === undefined) steps.push(await run('the forwarding model against this kernel', node, ['test/diff/main.ts', '--count', '300']));
  else process.stdout.write(`\n== the forwarding model against this kernel: skipped, ${noDiff}\n`);
  if (reason !== undefined) process.stdout.write(`\n== end-to-end tests on the lab: skipped, ${reason}\n`);
  else if (await prepareLab()) for (const labRun of labRuns) steps.push(await runOnLab(labRun));
  else steps.push(false);
  const totals = sum(await readFile(totalsFile, 'utf8').catch(() => ''));
  const broken = steps.filter((ok) => !ok).length;
  // a step that broke without counting a failed test (lint, types, a crash) still makes the closing line say so
  const failed = Math.max(totals.failed, broken);
  process.stdout.write(
    `\n${totals.passed} passed, ${failed} failed, ${totals.skipped + [reason, noDiff].filter((why) => why !== undefined).length} skipped\n`,
  );
  process.exitCode = failed > 0 ? 1 : 0;
} finally {
  await rm(directory, { recursive: true, force: true });
}
