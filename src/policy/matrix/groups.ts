import type { PodFacts } from '../../cluster/facts.ts';
import type { PartyClass } from './classes.ts';
import type { Matrix } from './matrix.ts';

/** Classes that everybody treats alike and that treat everybody alike. */
export interface Group {
  /** Positions of its classes; the first stands for all. */
  classes: readonly number[];
  members: readonly PartyClass[];
}

export const podsOfGroup = ({ members }: Pick<Group, 'members'>): PodFacts[] => members.flatMap(({ pods }) => pods);

const textOf = (cells: Uint16Array): string => Buffer.from(cells.buffer, cells.byteOffset, cells.byteLength).toString('latin1');

/** Runs of one number have one text, so that rows can be compared as keys. */
const signatures = ({ classes, cells }: Matrix): string[] => {
  const size = classes.length;
  const numbers = new Map<string, number>();
  const numberOf = (text: string): number => {
    const known = numbers.get(text) ?? numbers.size;
    numbers.set(text, known);
    return known;
  };
  const column = new Uint16Array(size);
  return classes.map(({ party }, position) => {
    for (let row = 0; row < size; row++) column[row] = cells[row * size + position] as number;
    // pods are told apart by what they may do alone; of what is outside, each family is shown for itself
    const kind = party.kind === 'pod' ? 'pod' : `${party.kind} ${party.address?.family}`;
    return `${kind} ${numberOf(textOf(cells.subarray(position * size, (position + 1) * size)))} ${numberOf(textOf(column))}`;
  });
};

const firstName = ({ members: [first] }: Group): string => {
  const pod = first?.pods[0];
  return pod ? `0 ${pod.namespace}/${pod.name}` : `1 ${first?.party.label}`;
};

/** Pods first, by name; then what is outside. Between two of a group is what is between any two of its classes. */
export const groupsOf = (matrix: Matrix): Group[] => {
  const names = signatures(matrix);
  return [...Map.groupBy(matrix.classes.keys(), (position) => names[position]).values()]
    .map((classes): Group => ({ classes, members: classes.flatMap((position) => matrix.classes[position] ?? []) }))
    .sort((a, b) => (firstName(a) < firstName(b) ? -1 : 1));
};
