import { execa } from 'execa';
import { labRuns } from '../test/e2e/labs.ts';
import { noLab, prepareLab, runOnLab } from './lab-tests.ts';
import { run } from './steps.ts';
import { withTotals } from './with-totals.ts';

/** `make test`: lint, types, unit tests, then the end-to-end tests where this machine can run a lab. Ends with one line of totals. */

const node = process.execPath;

/** The differential test builds a program of its own. */
const noGo = async (): Promise<string | undefined> => ((await execa('go', ['version'], { reject: false })).failed ? 'it needs Go' : undefined);

await withTotals(async (mocha) => {
  const steps: boolean[] = [];
  const left: string[] = [];
  const leave = (what: string, why: string): void => {
    left.push(what);
    process.stdout.write(`\n== ${what}: skipped, ${why}\n`);
  };
  const reason = noLab();
  if (reason === undefined) steps.push(await run('Debian packages', 'scripts/install-debian-packages.sh', []));
  steps.push(await run('linter and formatter', 'node_modules/.bin/biome', ['ci', '--error-on-warnings', '--diagnostic-level=warn', '.']));
  steps.push(await run('types', node, ['node_modules/typescript/bin/tsc', '--noEmit']));
  steps.push(await run('bundle', node, ['scripts/build.ts']));
  steps.push(await mocha('unit tests', ['--config', '.mocharc.json']));
  const noDiff = reason ?? (await noGo());
  if (noDiff === undefined) steps.push(await run('the forwarding model against this kernel', node, ['test/diff/main.ts', '--count', '300']));
  else leave('the forwarding model against this kernel', noDiff);
  if (reason !== undefined) leave('end-to-end tests on the lab', reason);
  else if (await prepareLab()) for (const labRun of labRuns) steps.push(await runOnLab(mocha, labRun));
  else steps.push(false);
  leave('end-to-end tests on a lab with Cilium', 'building it takes 10 minutes more: make test-cilium');
  return { steps, skipped: left.length };
});
