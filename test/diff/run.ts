import type { Case } from './case.ts';
import { generate } from './generate/generate.ts';
import { type Judged, judge } from './judge.ts';
import type { Answer, Kernel } from './kernel.ts';
import { type Pace, planOf } from './plan.ts';
import { type Disagreement, signatureOf } from './signature.ts';

export interface Totals {
  cases: number;
  /** Cases that the kernel's tools refused to build. */
  refused: { seed: number; error: string }[];
  probes: number;
  attempts: number;
  agree: number;
  unknown: Map<string, number>;
  /** Disagreements that a second, slower look did not confirm. */
  fleeting: number;
  found: Found[];
  /** Milliseconds of our own processor time spent on the model. */
  judging: number;
}

/** A disagreement that was seen twice. */
export interface Found {
  subject: Case;
  index: number;
  verdict: Disagreement;
}

export interface Outcome {
  answer: Answer;
  judged: Judged[];
}

export const ask = async (kernel: Kernel, subject: Case, pace: Pace): Promise<Answer> => {
  const { id: _, ...plan } = planOf(subject, 0, pace);
  return kernel.ask(plan);
};

interface Range {
  seed: number;
  count: number;
  workers: number;
  onCase?: (done: number) => void;
}

/** Runs the cases of seeds in a row. */
export const runCases = async (kernel: Kernel, { seed, count, workers, onCase }: Range): Promise<Totals> => {
  const totals: Totals = { cases: 0, refused: [], probes: 0, attempts: 0, agree: 0, unknown: new Map(), fleeting: 0, found: [], judging: 0 };
  const seeds = Array.from({ length: count }, (_, at) => seed + at).values();
  const work = async (): Promise<void> => {
    for (const next of seeds) {
      await runCase(kernel, generate(next), totals);
      totals.cases += 1;
      onCase?.(totals.cases);
    }
  };
  // twice as many under way as the kernel's side takes on, so that it never waits for the model
  await Promise.all(Array.from({ length: workers * 2 }, work));
  return totals;
};

const runCase = async (kernel: Kernel, subject: Case, totals: Totals): Promise<void> => {
  const answer = await ask(kernel, subject, 'hasty');
  if (answer.error !== undefined) {
    totals.refused.push({ seed: subject.seed, error: answer.error });
    return;
  }
  const started = performance.now();
  const judged = judge(subject, answer);
  totals.judging += performance.now() - started;
  totals.probes += judged.length;
  for (const { verdict, attempts } of judged) {
    totals.attempts += attempts.length;
    if (verdict.kind === 'agree') totals.agree += 1;
    if (verdict.kind === 'unknown')
      for (const reason of verdict.reasons.slice(0, 1)) totals.unknown.set(reason, (totals.unknown.get(reason) ?? 0) + 1);
  }
  if (judged.some(({ verdict }) => verdict.kind === 'disagree')) await confirm(kernel, subject, judged, totals);
};

/** On a busy machine a packet may come late: what disagrees is built anew and watched for longer. */
const confirm = async (kernel: Kernel, subject: Case, first: Judged[], totals: Totals): Promise<void> => {
  const answer = await ask(kernel, subject, 'patient');
  const again = answer.error === undefined ? judge(subject, answer) : [];
  first.forEach(({ verdict }, index) => {
    if (verdict.kind !== 'disagree') return;
    const second = again[index]?.verdict;
    if (second?.kind === 'disagree' && signatureOf(second) === signatureOf(verdict)) totals.found.push({ subject, index, verdict: second });
    else totals.fleeting += 1;
  });
};
