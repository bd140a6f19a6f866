import type { NodeSnapshot } from '../node/snapshot.ts';
import type { PathReport } from '../report/report.ts';
import { type Look, look, type Scene } from './watch.ts';

/** Another prime than the first round's, so that a counter that others move, too, does not fit both by chance. */
const ATTEMPTS = 17;

/** What the kernel's own word makes certain: a rule that nobody can name, or drops of which it told too few. */
const ASK_AGAIN = ['ND3003', 'ND3004', 'ND3011', 'ND3012', 'ND3015', 'ND3019'];

/** Lost, and nothing explains it, or not for certain. */
export const deservesSecondLook = ({ findings: [first] }: Pick<PathReport, 'findings'>): boolean =>
  first?.code === 'ND0001' || (first !== undefined && ASK_AGAIN.includes(first.code) && first.confidence === 'likely');

/**
 * The question alone once more, with more probes and time for what the kernel drops late. Both rounds together are one look: their attempts
 * follow each other, and counters are compared from before the first to after the second.
 */
export const lookAgain = async (scene: Scene, first: Look, snapshots: NodeSnapshot[]): Promise<Look | undefined> => {
  const [main, ...others] = first.probes;
  if (!main || main.attempts.length === 0) return undefined;
  const request = { ...main.request, id: `${main.request.id}-more`, count: ATTEMPTS };
  const more = await look(scene, snapshots, [request], { patient: true });
  const [asked] = more.probes;
  if (!asked || asked.attempts.length === 0) return undefined;
  const after = more.after ?? first.after;
  return {
    probes: [{ ...main, attempts: [...main.attempts, ...asked.attempts] }, ...others],
    raw: [...first.raw, ...more.raw],
    rules: [...first.rules, ...more.rules],
    ...(after ? { after } : {}),
  };
};
