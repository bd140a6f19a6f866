import { appendFileSync } from 'node:fs';
import Mocha from 'mocha';

/** What one run of mocha adds to the totals of `make test`. `failures` are told again at its end, where a long run's reader looks. */
export interface RunTotals {
  passed: number;
  failed: number;
  skipped: number;
  failures: { title: string; message: string }[];
}

const failureOf = ({ test, err }: { test: Mocha.Runnable; err: unknown }): RunTotals['failures'][number] => ({
  title: test.fullTitle(),
  message: err instanceof Error ? err.message : String(err),
});

/** mocha's spec output, and its totals as one JSON line appended to the file that NETDOCTOR_TEST_TOTALS names, so that the runs of one `make test` can be added up. */
export default class TotalsReporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options?: Mocha.MochaOptions) {
    super(runner, options);
    const broken: RunTotals['failures'] = [];
    runner.on('fail', (test, err) => broken.push(failureOf({ test, err })));
    runner.once('end', () => {
      const file = process.env.NETDOCTOR_TEST_TOTALS;
      const { passes = 0, failures = 0, pending = 0 } = this.stats ?? {};
      const totals: RunTotals = { passed: passes, failed: failures, skipped: pending, failures: broken };
      if (file) appendFileSync(file, `${JSON.stringify(totals)}\n`);
    });
  }
}
