/** Judges shrunk cases again, without root: `node test/diff/replay.ts FILE…` */
import { judgeFixture, readFixture } from './fixture.ts';
import { caseText } from './report.ts';

for (const file of process.argv.slice(2)) {
  const fixture = readFixture(file);
  for (const verdict of judgeFixture(fixture)) {
    const words = verdict.kind === 'disagree' ? `${verdict.aspect}\n  model:  ${verdict.predicted}\n  kernel: ${verdict.seen}` : verdict.kind;
    process.stdout.write(`${file}: ${words}\n`);
    if (verdict.kind === 'unknown') process.stdout.write(`  ${verdict.reasons.join('\n  ')}\n`);
    if (verdict.kind === 'disagree') process.stdout.write(`${caseText(fixture.case)}\n`);
  }
}
