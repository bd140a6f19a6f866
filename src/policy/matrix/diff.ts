import { type Engine, partyOfPod } from '../engine.ts';
import { isNothing, type PortSet, subtract } from '../port-set.ts';
import { familiesOf, outsideClasses, type PartyClass, podClasses } from './classes.ts';
import { type Matrix, matrixOf } from './matrix.ts';
import { podNamer } from './names.ts';
import { portSets } from './port-sets.ts';
import { regionNames } from './regions.ts';

/** Connections between the same ends, before and after. */
export interface Change {
  from: string[];
  to: string[];
  before: PortSet;
  after: PortSet;
  lost: PortSet;
  gained: PortSet;
}

export interface Difference {
  changes: Change[];
  /** Ordered pairs of pods, and of pods and the outside, that were compared. */
  compared: number;
}

const namerOf = (classes: readonly PartyClass[]): ((positions: readonly number[]) => string[]) => {
  const namePods = podNamer(classes.flatMap(({ pods }) => pods));
  return (positions) => {
    const members = positions.flatMap((position) => classes[position] ?? []);
    return [
      ...namePods(members.flatMap(({ pods }) => pods)),
      ...regionNames(members.flatMap(({ region }) => region ?? [])).map((name) => `outside ${name}`),
    ];
  };
};

/** A cell that is not the same before and after, by the numbers of the two sets. */
const changedCells = (before: Matrix, after: Matrix): { from: number; to: number; key: string }[] => {
  const size = before.classes.length;
  const changed: { from: number; to: number; key: string }[] = [];
  for (let at = 0; at < before.cells.length; at++) {
    const [was, is] = [before.cells[at], after.cells[at]];
    const [from, to] = [Math.floor(at / size), at % size];
    // what a single pod sends to itself never leaves it
    const alone = from === to && before.classes[from]?.pods.length === 1;
    if (was !== is && !alone) changed.push({ from, to, key: `${was} ${is}` });
  }
  return changed;
};

/** Cells of one change as few pairs of lists: sources with the same destinations stand together. */
const rectangles = (cells: readonly { from: number; to: number }[]): { from: number[]; to: number[] }[] => {
  const rows = [...Map.groupBy(cells, ({ from }) => from)].map(([from, row]) => ({ from, to: row.map(({ to }) => to) }));
  return [...Map.groupBy(rows, ({ to }) => to.join()).values()].map((alike) => ({ from: alike.map(({ from }) => from), to: alike[0]?.to ?? [] }));
};

/** Losses first, then by name. */
const inOrder = (a: Change, b: Change): number =>
  Number(isNothing(a.lost)) - Number(isNothing(b.lost)) || (`${a.from} ${a.to}` < `${b.from} ${b.to}` ? -1 : 1);

/** What may pass before and after, for every two pods and the outside. The pods are the same in both. */
export const differenceOf = (before: Engine, after: Engine): Difference => {
  const own = podClasses(before, before.world.pods, [after]);
  const classes = [...own, ...familiesOf(after).flatMap((family) => outsideClasses(before, family, [after]))];
  const later = classes.map((one): PartyClass => (one.pods[0] ? { ...one, party: partyOfPod(after, one.pods[0]) } : one));
  const sets = portSets();
  const [was, is] = [matrixOf(before, classes, sets), matrixOf(after, later, sets)];
  const nameOf = namerOf(classes);
  const changes = [...Map.groupBy(changedCells(was, is), ({ key }) => key)].flatMap(([key, cells]) => {
    const [had = 0, has = 0] = key.split(' ').map(Number);
    const [old, now] = [sets.setOf(had), sets.setOf(has)];
    return rectangles(cells).map(
      ({ from, to }): Change => ({
        from: nameOf(from),
        to: nameOf(to),
        before: old,
        after: now,
        lost: subtract(old, now),
        gained: subtract(now, old),
      }),
    );
  });
  const pods = own.reduce((sum, { pods: members }) => sum + members.length, 0);
  return { changes: changes.sort(inOrder), compared: pods * (pods - 1) + 2 * pods * (classes.length - own.length) };
};
