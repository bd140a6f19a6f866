import type { PathReport } from '../../src/report/report.ts';
import { messageOf } from '../lab/clock.ts';
import { type Fault, heal, victim } from '../lab/faults/fault.ts';
import { faultNamed, faults } from '../lab/faults/index.ts';
import type { Lab } from '../lab/handle.ts';
import { kubectl } from './cluster.ts';
import { document } from './netdoctor.ts';

/** Of a test that breaks the lab, in milliseconds: with what is done where it does not get well. */
export const HEALING_TIMEOUT = 600_000;

/** Pods that are not what they should be: a lab can also be broken by what no fault of ours did. */
const unwell = async (): Promise<string[]> => {
  const lines = (await kubectl(['get', 'pods', '-A', '--no-headers'])).split('\n');
  return lines.filter((line) => line !== '' && !/\s(\d+)\/\1\s+Running\s+0\s/.test(line));
};

/** What the plugin says of a lab that does not get well: that is what it is for. */
const diagnosed = async (): Promise<string[]> => {
  const { verdict, findings } = await document<PathReport>(['path', '-n', 'demo', `client-${victim.peer}`, victim.pod]);
  return [verdict, ...findings.flatMap(({ code, confidence, title, evidence }) => [`${code} ${confidence}: ${title}`, ...evidence.slice(0, 3)])];
};

const orReason = (work: () => Promise<string[]>): Promise<string[]> => work().catch((error: unknown) => [messageOf(error)]);

/** Undoes whatever a fault of ours may have left, so that one lab that does not get well is one failure and not that of all tests after it. */
const repair = async (lab: Lab): Promise<string[]> => {
  const failed: string[] = [];
  for (const { name, undo } of faults.filter(({ appliesTo }) => appliesTo(lab.plan.options)))
    await undo(lab).catch((error: unknown) => failed.push(`${name}: ${messageOf(error)}`));
  await lab.waitUntilHealthy();
  return failed;
};

/**
 * Undoes a fault and returns when the lab carries traffic everywhere again.
 * @throws Error when it did not by this alone, with what the plugin said of it then; the lab is repaired first, if it can be
 */
export const healed = async (lab: Lab, fault: Fault): Promise<void> => {
  try {
    await heal(lab, fault);
  } catch (error) {
    const said = [...(await orReason(diagnosed)), ...(await orReason(unwell))];
    const repaired = await repair(lab).then(
      (failed) => ['every fault was undone, and it got well', ...failed],
      (reason: unknown) => [`every fault was undone, and it did not get well: ${messageOf(reason)}`],
    );
    throw new Error([`after ${fault.name}: ${messageOf(error)}`, ...said, ...repaired].join('\n'));
  }
};

/** Breaks the lab if there is something to break, and repairs it whatever comes of the work. */
export const during = async <Result>(lab: Lab, name: string | undefined, work: () => Promise<Result>): Promise<Result> => {
  if (name === undefined) return work();
  const fault = faultNamed(name);
  await fault.inject(lab);
  try {
    return await work();
  } finally {
    await healed(lab, fault);
  }
};
