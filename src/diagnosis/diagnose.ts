import { answered } from '../probe/probe.ts';
import type { Cause } from './cause.ts';
import { lost } from './causes/lost.ts';
import { causes } from './causes.ts';
import { disagreements } from './end.ts';
import { type Evidence, failingLegs, mainProbe } from './evidence.ts';
import type { Confidence, Finding } from './finding.ts';

export interface Diagnosis {
  /** The root cause first. */
  findings: Finding[];
  /** Where packet and prediction differ: no fault of the cluster, but the reader should know. */
  notes: string[];
}

const weight: Record<Confidence, number> = { certain: 0, likely: 1, possible: 2 };

/** Joins prediction and observation into named causes. */
export const diagnose = (evidence: Evidence): Diagnosis => {
  const named = causes.flatMap((cause) => recognise(cause, evidence));
  // a warning is beside the point, and explains nothing away
  const implied = new Set(named.filter(({ finding }) => finding.severity === 'problem').flatMap(({ cause }) => cause.implies ?? []));
  const standing = named.filter(({ cause }) => !implied.has(cause.code)).map(({ finding }) => finding);
  const unexplained =
    failingLegs(evidence).length > 0 && !standing.some(({ severity, confidence }) => severity === 'problem' && confidence !== 'possible');
  const findings = unexplained ? [...standing, ...recognise(lost, evidence).map(({ finding }) => finding)] : standing;
  // Sorting is stable: within one weight the table's order, from the ends inwards, stays.
  const ranked = findings.sort((a, b) => rank(a) - rank(b));
  return { findings: ranked, notes: disagreements(evidence) };
};

const rank = ({ severity, confidence }: Finding): number => (severity === 'problem' ? 0 : 10) + weight[confidence];

const recognise = (cause: Cause, evidence: Evidence): { cause: Cause; finding: Finding }[] => {
  const draft = cause.recognise(evidence);
  return draft ? [{ cause, finding: { code: cause.code, ...draft } }] : [];
};

/** The verdict on the user's own question. */
export const verdictOf = (evidence: Evidence): 'healthy' | 'broken' | 'intermittent' | 'unknown' => {
  const main = mainProbe(evidence);
  if (!main || main.attempts.length === 0) return 'unknown';
  const count = answered(main);
  if (count === main.attempts.length) return 'healthy';
  return count === 0 ? 'broken' : 'intermittent';
};
