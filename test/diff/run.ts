import type { Case } from './case.ts';
import type { Verdict } from './compare.ts';
import { generate } from './generate/generate.ts';
import { judge } from './judge.ts';
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
  /** They differ, and why is known, by reason. */
  explained: Map<string, number>;
  /** Disagreements that a second, slower look did not confirm, or that do not show alone; by kind. */
  fleeting: Map<string, number>;
  found: Found[];
  /** Milliseconds of our own processor time spent on the model. */
  judging: number;
}

/** A disagreement that was seen twice, and what was read and seen when the first of its kind in its case was asked alone. */
export interface Found {
  subject: Case;
  index: number;
  verdict: Disagreement;
  alone?: Alone;
}

/** A case of one probe. */
export interface Alone {
  subject: Case;
  answer: Answer;
  verdict: Disagreement;
}

export const ask = async (kernel: Kernel, subject: Case, pace: Pace): Promise<Answer> => {
  const { id: _, ...plan } = planOf(subject, 0, pace);
  return kernel.ask(plan);
};

interface Run {
  seeds: number[];
  workers: number;
  onCase?: (done: number) => void;
  onFound?: (found: Found) => void;
}

const count = (counts: Map<string, number>, key: string, more: number): void => {
  counts.set(key, (counts.get(key) ?? 0) + more);
};

export const runCases = async (kernel: Kernel, { seeds, workers, onCase, onFound }: Run): Promise<Totals> => {
  const totals: Totals = {
    cases: 0,
    refused: [],
    probes: 0,
    attempts: 0,
    agree: 0,
    unknown: new Map(),
    explained: new Map(),
    fleeting: new Map(),
    found: [],
    judging: 0,
  };
  const ahead = seeds.values();
  const work = async (): Promise<void> => {
    for (const next of ahead) {
      for (const found of await runCase(kernel, generate(next), totals)) {
        totals.found.push(found);
        onFound?.(found);
      }
      totals.cases += 1;
      onCase?.(totals.cases);
    }
  };
  // twice as many under way as the kernel's side takes on, so that it never waits for the model
  await Promise.all(Array.from({ length: workers * 2 }, work));
  return totals;
};

/** Counts what agrees and what is unknown; what is left differs. */
const runCase = async (kernel: Kernel, subject: Case, totals: Totals): Promise<Found[]> => {
  const answer = await ask(kernel, subject, 'hasty');
  if (answer.error !== undefined) {
    totals.refused.push({ seed: subject.seed, error: answer.error });
    return [];
  }
  const started = performance.now();
  const verdicts = judge(subject, answer);
  totals.judging += performance.now() - started;
  totals.probes += verdicts.length;
  totals.attempts += subject.probes.reduce((sum, { attempts }) => sum + attempts, 0);
  for (const verdict of verdicts) {
    if (verdict.kind === 'agree') totals.agree += 1;
    if (verdict.kind === 'explained') count(totals.explained, verdict.reason, 1);
    if (verdict.kind === 'unknown') count(totals.unknown, verdict.reasons[0] ?? '', 1);
  }
  return verdicts.some(({ kind }) => kind === 'disagree') ? confirm(kernel, subject, verdicts, totals) : [];
};

/**
 * What disagrees is built anew and watched for longer, as on a busy machine a packet may come late; then one of each kind is asked alone, as
 * probes leave things behind that others meet: a neighbour learned from a question, a size told by an error.
 */
const confirm = async (kernel: Kernel, subject: Case, first: Verdict[], totals: Totals): Promise<Found[]> => {
  const again = verdictsOf(subject, await ask(kernel, subject, 'patient'));
  const groups = new Map<string, Found[]>();
  first.forEach((verdict, index) => {
    if (verdict.kind !== 'disagree') return;
    const second = again[index];
    const kind = signatureOf(verdict);
    if (second?.kind === 'disagree' && signatureOf(second) === kind)
      groups.set(kind, [...(groups.get(kind) ?? []), { subject, index, verdict: second }]);
    else count(totals.fleeting, `at second sight: ${kind}`, 1);
  });
  const confirmed: Found[] = [];
  for (const [kind, group] of groups) {
    const [{ index } = { index: -1 }] = group;
    const single = { ...subject, probes: subject.probes.slice(index, index + 1) };
    const answer = await ask(kernel, single, 'hasty');
    const [alone] = verdictsOf(single, answer);
    if (alone?.kind === 'disagree' && signatureOf(alone) === kind)
      confirmed.push(...group.map((found, at) => (at === 0 ? { ...found, alone: { subject: single, answer, verdict: alone } } : found)));
    else if (alone?.kind === 'explained') count(totals.explained, alone.reason, group.length);
    else count(totals.fleeting, `alone: ${kind}`, group.length);
  }
  return confirmed;
};

const verdictsOf = (subject: Case, answer: Answer): Verdict[] => (answer.error === undefined ? judge(subject, answer) : []);
