import type { NodeSnapshot } from '../../src/node/snapshot.ts';
import type { Case } from './case.ts';
import type { Verdict } from './compare.ts';
import { verdictOf } from './judge.ts';
import { type Attempt, attemptsOf } from './observe.ts';
import type { Shrunk } from './shrink.ts';
import { factsOf, worldOf } from './world.ts';

/** A case with all that was read and seen of it: enough to judge its first probe again, without root, for ever. */
export interface Fixture {
  /** What the kernel did, in words. */
  seen: string;
  case: Case;
  snapshots: NodeSnapshot[];
  attempts: Attempt[];
}

export const fixtureOf = ({ subject, answer, verdict }: Shrunk): Fixture => ({
  seen: verdict.seen,
  case: { ...subject, probes: subject.probes.slice(0, 1) },
  snapshots: worldOf(subject, answer).snapshots,
  attempts: attemptsOf(subject, answer)[0] ?? [],
});

export const judgeFixture = ({ case: subject, snapshots, attempts }: Fixture): Verdict => {
  const [probe] = subject.probes;
  if (!probe) throw new Error('the fixture asks nothing');
  return verdictOf(subject, { snapshots, facts: factsOf(subject) }, probe, attempts);
};
