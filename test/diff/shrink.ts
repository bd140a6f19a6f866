import type { Case, Line } from './case.ts';
import { judge } from './judge.ts';
import type { Kernel } from './kernel.ts';
import { type Alone, ask, type Found } from './run.ts';
import { storyOf } from './signature.ts';

type Holds = (candidate: Case) => Promise<Alone | undefined>;

/** How many candidates are tried at the same time. */
const breadth = 4;

/** The smallest case found that shows the same kind of disagreement; undefined when it does not even show alone. */
export const shrink = async (kernel: Kernel, { subject, index, verdict }: Found): Promise<Alone | undefined> => {
  const probe = subject.probes[index];
  if (!probe) return undefined;
  const wanted = storyOf(verdict);
  const holds: Holds = async (candidate) => {
    const answer = await ask(kernel, candidate, 'hasty');
    if (answer.error !== undefined) return undefined;
    const [seen] = judge(candidate, answer);
    return seen?.kind === 'disagree' && storyOf(seen) === wanted ? { subject: candidate, answer, verdict: seen } : undefined;
  };
  const alone = await holds({ ...subject, probes: [probe] });
  if (!alone) return undefined;
  const coarse = await fewerGroups(await fewerSpaces(alone, holds), holds);
  const small = await fewerLines(coarse, holds, ({ wiring }) => wiring !== true);
  // a network cut at random breaks in ways of its own: only where nothing else is left is it the wiring itself
  return small.subject.lines.every(({ wiring }) => wiring) ? fewerLines(small, holds, () => true) : small;
};

/** Leaves out whole namespaces, with the lines that name them. */
const fewerSpaces = async (start: Alone, holds: Holds): Promise<Alone> => {
  let best = start;
  for (const { name } of start.subject.spaces) {
    if (best.subject.probes.some(({ from }) => from === name)) continue;
    best = (await holds(withoutSpace(best.subject, name))) ?? best;
  }
  return best;
};

const withoutSpace = (subject: Case, name: string): Case => ({
  ...subject,
  spaces: subject.spaces.filter((space) => space.name !== name),
  lines: subject.lines.filter(({ space, text }) => space !== name && !text.includes(`@${name}@`)),
});

const groupOf = (line: Line): string => [line.space, line.tool, 'table' in line ? line.table : '', line.wiring ? 'wiring' : ''].join(' ');

/** Leaves out all that one tool does in one space at once, as most of it has nothing to do with the matter. */
const fewerGroups = async (start: Alone, holds: Holds): Promise<Alone> => {
  let best = start;
  const groups = [...new Set(start.subject.lines.filter(({ wiring }) => !wiring).map(groupOf))];
  for (let at = 0; at < groups.length; ) {
    const ahead = groups.slice(at, at + breadth);
    const tried = await Promise.all(
      ahead.map((group) =>
        holds(
          without(
            best.subject,
            best.subject.lines.filter((line) => groupOf(line) === group),
          ),
        ),
      ),
    );
    const found = tried.findIndex((one) => one !== undefined);
    best = tried[found] ?? best;
    at += found < 0 ? ahead.length : found + 1;
  }
  return best;
};

/** Leaves out lines that may go, in large pieces first, then one by one, until none can. */
const fewerLines = async (start: Alone, holds: Holds, mayGo: (line: Line) => boolean): Promise<Alone> => {
  let best = start;
  for (let size = Math.ceil(start.subject.lines.filter(mayGo).length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    let before: number;
    do {
      before = best.subject.lines.length;
      best = await onePass(best, { size, holds, mayGo });
    } while (size === 1 && best.subject.lines.length < before);
  }
  return best;
};

interface Pass {
  size: number;
  holds: Holds;
  mayGo: (line: Line) => boolean;
}

const onePass = async (start: Alone, { size, holds, mayGo }: Pass): Promise<Alone> => {
  let best = start;
  // from the end: what is built on goes before what it is built on
  for (let end = best.subject.lines.filter(mayGo).length; end > 0; ) {
    const lines = best.subject.lines.filter(mayGo);
    const ends = Array.from({ length: breadth }, (_, at) => end - at * size).filter((at) => at > 0);
    const tried = await Promise.all(ends.map((at) => holds(without(best.subject, lines.slice(Math.max(0, at - size), at)))));
    const found = tried.findIndex((one) => one !== undefined);
    best = tried[found] ?? best;
    end = found < 0 ? (ends.at(-1) ?? 0) - size : (ends[found] ?? 0) - size;
  }
  return best;
};

const without = (subject: Case, left: Line[]): Case => ({ ...subject, lines: subject.lines.filter((line) => !left.includes(line)) });
