import { readFileSync, writeFileSync } from 'node:fs';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { NodeSnapshot } from '../../src/node/snapshot.ts';
import type { Case } from './case.ts';
import type { Verdict } from './compare.ts';
import { judgeObservation, type Observation, observationOf } from './judge.ts';
import type { Alone } from './run.ts';
import { factsOf, worldOf } from './world.ts';

/** A case with all that was read and seen of it: enough to judge it again, without root, for ever. */
export interface Fixture {
  /** What the kernel did, in words. */
  seen: string;
  case: Case;
  snapshots: NodeSnapshot[];
  observation: Observation;
}

export const fixtureOf = ({ subject, answer, verdict }: Alone): Fixture => {
  const world = worldOf(subject, answer);
  return { seen: verdict.seen, case: subject, snapshots: world.snapshots, observation: observationOf(subject, answer, world) };
};

/** `*.json.gz` */
export const writeFixture = (file: string, fixture: Fixture): void => writeFileSync(file, gzipSync(JSON.stringify(fixture)));

export const readFixture = (file: string): Fixture => JSON.parse(gunzipSync(readFileSync(file)).toString()) as Fixture;

/** Of each probe. */
export const judgeFixture = ({ case: subject, snapshots, observation }: Fixture): Verdict[] =>
  judgeObservation(subject, { snapshots, facts: factsOf(subject) }, observation);
