import { appendFileSync } from 'node:fs';
import Mocha from 'mocha';

/**
 * mocha's spec output, and one JSON line of totals appended to the file NETDOCTOR_TEST_TOTALS names, so that the runs of one `make test`
 * can be added up. Skipped tests are listed with their reason, which is their title's last part.
 */
export default class TotalsReporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options?: Mocha.MochaOptions) {
    super(runner, options);
    runner.once('end', () => {
      const file = process.env.NETDOCTOR_TEST_TOTALS;
      const { passes = 0, failures = 0, pending = 0 } = this.stats ?? {};
      if (file) appendFileSync(file, `${JSON.stringify({ passed: passes, failed: failures, skipped: pending })}\n`);
    });
  }
}
