import type { Engine } from '../engine.ts';
import type { PartyClass } from './classes.ts';
import { FULL, type PortSets, portSets } from './port-sets.ts';
import { fillRow, peerFinder, selectors } from './row.ts';

/** Who may talk to whom, class by class. */
export interface Matrix {
  classes: readonly PartyClass[];
  sets: PortSets;
  /** Row by row: number of the set that may go from class `row` to class `column`. */
  cells: Uint16Array;
}

/**
 * What both ends' policies let through between every two classes; between two addresses outside there is nothing to judge.
 * @param classes pods and, when the outside is asked about, addresses
 */
export const matrixOf = (engine: Engine, classes: readonly PartyClass[], sets = portSets()): Matrix => {
  const size = classes.length;
  const cells = new Uint16Array(size * size);
  const context = { engine, classes, sets, find: peerFinder(classes) };
  const [sending, receiving] = [selectors(engine, 'egress'), selectors(engine, 'ingress')];
  for (const [row, from] of classes.entries()) {
    const into = cells.subarray(row * size, (row + 1) * size);
    if (from.party.kind === 'outside') into.fill(FULL);
    else fillRow(into, 'egress', from, sending(from), context);
  }
  const column = new Uint16Array(size);
  for (const [position, to] of classes.entries()) {
    if (to.party.kind === 'outside') continue;
    const found = receiving(to);
    if (found.length === 0) continue;
    fillRow(column, 'ingress', to, found, context);
    for (let row = 0; row < size; row++) {
      const at = row * size + position;
      cells[at] = sets.intersect(cells[at] as number, column[row] as number);
    }
  }
  return { classes, sets, cells };
};
