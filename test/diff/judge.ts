import type { World } from '../../src/forwarding/world.ts';
import type { Case, Probe } from './case.ts';
import { compare, type Verdict } from './compare.ts';
import type { Answer } from './kernel.ts';
import { type Attempt, attemptsOf } from './observe.ts';
import { predict } from './predict.ts';
import { worldOf } from './world.ts';

export interface Judged {
  probe: Probe;
  verdict: Verdict;
  attempts: Attempt[];
}

/** Each probe of a case as the model saw it and as the kernel did. */
export const judge = (subject: Case, answer: Answer): Judged[] => {
  const world = worldOf(subject, answer);
  const attempts = attemptsOf(subject, answer);
  return subject.probes.map((probe, index) => {
    const own = attempts[index] ?? [];
    return { probe, verdict: verdictOf(subject, world, probe, own), attempts: own };
  });
};

export const verdictOf = (subject: Case, world: World, probe: Probe, attempts: Attempt[]): Verdict => {
  try {
    return compare(subject, world, probe, predict(subject, world, probe), attempts);
  } catch (error) {
    return {
      kind: 'disagree',
      attempt: 0,
      aspect: 'crash',
      predicted: error instanceof Error ? (error.stack ?? error.message) : String(error),
      seen: '',
    };
  }
};
