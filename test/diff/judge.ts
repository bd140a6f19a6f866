import type { World } from '../../src/forwarding/world.ts';
import type { Case, Probe } from './case.ts';
import { compare, type Verdict } from './compare.ts';
import { type Risen, risenOf, rulesOf } from './counters.ts';
import type { Answer } from './kernel.ts';
import { type Attempt, attemptsOf } from './observe.ts';
import { predict } from './predict.ts';
import { worldOf } from './world.ts';

/** What the kernel did with the probes of a case. */
export interface Observation {
  /** By probe. */
  attempts: Attempt[][];
  risen: Risen;
}

export const judge = (subject: Case, answer: Answer): Verdict[] => {
  const world = worldOf(subject, answer);
  return judgeObservation(subject, world, observationOf(subject, answer, world));
};

export const observationOf = (subject: Case, answer: Answer, world: World): Observation => ({
  attempts: attemptsOf(subject, answer),
  risen: risenOf(subject, answer, world),
});

/** Each probe of a case as the model saw it and as the kernel did. */
export const judgeObservation = (subject: Case, world: World, { attempts, risen }: Observation): Verdict[] => {
  const verdicts = subject.probes.map((probe, index) => verdictOf(subject, world, probe, attempts[index] ?? []));
  return countedToo(verdicts, world, risen);
};

const verdictOf = (subject: Case, world: World, probe: Probe, attempts: Attempt[]): Verdict => {
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

/** A rule that is said to have stopped or translated packets must have counted them, those of all probes together. */
const countedToo = (verdicts: Verdict[], world: World, risen: Risen): Verdict[] => {
  const wanted = new Map<string, number>();
  return verdicts.map((verdict) => {
    if (verdict.kind !== 'agree') return verdict;
    for (const [attempt, branches] of verdict.fitting.entries()) {
      for (const rule of surely(branches.map((branch) => rulesOf(world, branch)))) {
        const count = (wanted.get(rule) ?? 0) + 1;
        wanted.set(rule, count);
        const counted = risen[rule] ?? count;
        if (counted < count) return { kind: 'disagree', attempt, aspect: 'counter', predicted: `${count} packets at ${rule}`, seen: `${counted}` };
      }
    }
    return verdict;
  });
};

/** What is in each of them. */
const surely = ([first = [], ...others]: string[][]): string[] => first.filter((rule) => others.every((rules) => rules.includes(rule)));
