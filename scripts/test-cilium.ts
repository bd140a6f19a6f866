import { ciliumRun } from '../test/e2e/labs.ts';
import { noLab, prepareLab, runOnLab } from './lab-tests.ts';
import { run } from './steps.ts';
import { withTotals } from './with-totals.ts';

/** `make test-cilium`: the end-to-end tests of policies on a lab whose plugin is Cilium itself. */

await withTotals(async (mocha) => {
  const reason = noLab();
  if (reason !== undefined) {
    process.stdout.write(`\n== end-to-end tests on a lab with Cilium: skipped, ${reason}\n`);
    return { steps: [], skipped: 1 };
  }
  const packages = await run('Debian packages', 'scripts/install-debian-packages.sh', []);
  const bundle = await run('bundle', process.execPath, ['scripts/build.ts']);
  return { steps: [packages, bundle, (await prepareLab()) && (await runOnLab(mocha, ciliumRun))], skipped: 0 };
});
