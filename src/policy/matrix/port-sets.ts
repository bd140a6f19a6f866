import { ANYTHING, intersect, NOTHING, type PortSet, portSetText } from '../port-set.ts';

/** Sets of traffic by number: a matrix has millions of cells and few different ones. Number 0 is nothing, 1 is everything. */
export interface PortSets {
  numberOf: (set: PortSet) => number;
  setOf: (number: number) => PortSet;
  intersect: (one: number, other: number) => number;
}

export const EMPTY = 0;
export const FULL = 1;

/** What a cell of a matrix can hold. */
const MOST = 65_535;

export const portSets = (): PortSets => {
  const sets: PortSet[] = [NOTHING, ANYTHING];
  const numbers = new Map(sets.map((set, number) => [portSetText(set), number]));
  const seen = new Map<PortSet, number>();
  const products = new Map<number, number>();
  const numberOf = (set: PortSet): number => {
    const hit = seen.get(set);
    if (hit !== undefined) return hit;
    const text = portSetText(set);
    const number = numbers.get(text) ?? sets.push(set) - 1;
    if (number > MOST) throw new Error(`more than ${MOST} different sets of ports`);
    numbers.set(text, number);
    seen.set(set, number);
    return number;
  };
  const setOf = (number: number): PortSet => sets[number] ?? NOTHING;
  return {
    numberOf,
    setOf,
    intersect: (one, other) => {
      if (one === other || other === FULL) return one;
      if (one === FULL) return other;
      if (one === EMPTY || other === EMPTY) return EMPTY;
      const key = one * (MOST + 1) + other;
      const hit = products.get(key);
      if (hit !== undefined) return hit;
      const number = numberOf(intersect(setOf(one), setOf(other)));
      products.set(key, number);
      return number;
    },
  };
};
