import { leavesOf, type RunTree } from './explore.ts';
import type { Fork } from './fork.ts';
import type { Outcome } from './hop.ts';
import type { Run } from './journey.ts';

/** How probable each end is, in shares that sum up to 1. */
export type Outlook = Record<Outcome, number>;

const certainly = (outcome: Outcome): Outlook => ({ delivered: 0, stopped: 0, left: 0, unknown: 0, [outcome]: 1 });

/** Outcomes are told apart by what the sender notices: two ways to lose a packet are one. */
export const outlookOf = (tree: RunTree): Outlook => {
  if ('run' in tree) return certainly(tree.run.end.outcome);
  const parts = tree.ways.map(({ way, next }) => ({ share: way.share, outlook: next ? outlookOf(next) : certainly('unknown') }));
  if (tree.fork.kind === 'copies') return bestOf(parts.map(({ outlook }) => outlook));
  if (tree.fork.kind === 'chance') return mixed(parts);
  const [first] = parts;
  return first && parts.every(({ outlook }) => same(outlook, first.outlook)) ? first.outlook : certainly('unknown');
};

const outcomes: Outcome[] = ['delivered', 'left', 'unknown', 'stopped'];

const same = (a: Outlook, b: Outlook): boolean => outcomes.every((outcome) => Math.abs(a[outcome] - b[outcome]) < 1e-9);

const mixed = (parts: { share: number | undefined; outlook: Outlook }[]): Outlook => {
  const total: Outlook = { delivered: 0, stopped: 0, left: 0, unknown: 0 };
  for (const { share = 0, outlook } of parts) for (const outcome of outcomes) total[outcome] += share * outlook[outcome];
  return total;
};

/** Of copies that go several ways, one that arrives is enough. */
const bestOf = (outlooks: Outlook[]): Outlook => outlooks.reduce((best, one) => (score(one) > score(best) ? one : best));
const score = (outlook: Outlook): number => outlook.delivered + outlook.left * 0.9 + outlook.unknown * 0.5;

/** Forks between whose ways the end differs: what keeps the answer from being certain. */
export const decisive = (tree: RunTree): Fork[] => {
  if ('run' in tree) return [];
  const below = tree.ways.flatMap(({ next }) => (next ? decisive(next) : []));
  if (tree.fork.kind === 'copies') return below;
  const outlooks = tree.ways.map(({ next }) => (next ? outlookOf(next) : certainly('unknown')));
  const [first] = outlooks;
  return first && outlooks.every((outlook) => same(outlook, first)) && (first.unknown < 1 || tree.fork.kind === 'chance')
    ? below
    : [tree.fork, ...below];
};

/** The run to show of many: of the likeliest end, or where nobody can say, one that arrives rather than one that is lost. */
export const exemplary = (tree: RunTree): Run | undefined => {
  const outlook = outlookOf(tree);
  const likeliest = outcomes.reduce((best, one) => (outlook[one] > outlook[best] ? one : best));
  const runs = leavesOf(tree).toSorted((a, b) => outcomes.indexOf(a.end.outcome) - outcomes.indexOf(b.end.outcome));
  return (likeliest === 'unknown' ? undefined : runs.find(({ end }) => end.outcome === likeliest)) ?? runs[0];
};
