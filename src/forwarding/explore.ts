import type { Fork, Taken, Way } from './fork.ts';
import type { Run } from './journey.ts';

/** All ways of a packet: where one run took a way, the others hang beside it. */
export type RunTree = { run: Run } | { fork: Fork /** Hops known when it came up. */; hops: number; ways: Branch[] };

export interface Branch {
  way: Way;
  /** Absent where nobody can follow it, or the budget was used up before it was tried. */
  next?: RunTree;
}

interface Exploration {
  /** Runs left. */
  budget: number;
  again: (script: readonly number[]) => Run;
  /** Which forks are opened; of the others the way taken is the only one shown. */
  opens: (fork: Fork) => boolean;
}

/** The tree of all runs that differ in one way or more from the first. */
export const explore = (first: Run, exploration: Exploration): RunTree => grow(first, 0, exploration);

const grow = (run: Run, depth: number, exploration: Exploration): RunTree => {
  const taken = run.journey.taken[depth];
  if (!taken) return { run };
  if (!exploration.opens(taken.fork)) return grow(run, depth + 1, exploration);
  const script = run.journey.taken.slice(0, depth).map(({ way }) => way);
  // the way taken first, so that a small budget is spent on it
  const order = [taken.way, ...taken.fork.ways.keys()].filter((way, at, all) => all.indexOf(way) === at);
  const branches = new Map<number, Branch>();
  for (const way of order) branches.set(way, branch(run, depth, way, taken, script, exploration));
  const ways = [...branches].sort(([a], [b]) => a - b).map(([, one]) => one);
  return { fork: taken.fork, hops: taken.hops, ways };
};

const branch = (run: Run, depth: number, way: number, taken: Taken, script: readonly number[], exploration: Exploration): Branch => {
  const shown = taken.fork.ways[way] ?? { label: '' };
  if (way === taken.way) return { way: shown, next: grow(run, depth + 1, exploration) };
  if (shown.untold || exploration.budget <= 0) return { way: shown };
  exploration.budget -= 1;
  return { way: shown, next: grow(exploration.again([...script, way]), depth + 1, exploration) };
};

export const leavesOf = (tree: RunTree): Run[] => ('run' in tree ? [tree.run] : tree.ways.flatMap(({ next }) => (next ? leavesOf(next) : [])));
