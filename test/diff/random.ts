/** Numbers that look random and follow from the seed (sfc32, PractRand's small fast counter). */
export interface Random {
  /** Whole number from `low` to `high`, both included. */
  int: (low: number, high: number) => number;
  chance: (probability: number) => boolean;
  pick: <T>(from: readonly T[]) => T;
  /** `count` different ones, or all where there are fewer. */
  some: <T>(from: readonly T[], count: number) => T[];
  /** One of a table of [weight, value]. */
  weighted: <T>(table: readonly (readonly [weight: number, value: T])[]) => T;
}

export const createRandom = (seed: number): Random => {
  const next = generator(seed);
  const int = (low: number, high: number): number => low + Math.floor(next() * (high - low + 1));
  const pick = <T>(from: readonly T[]): T => {
    if (from.length === 0) throw new Error('nothing to pick from');
    return from[int(0, from.length - 1)] as T;
  };
  const some = <T>(from: readonly T[], count: number): T[] => {
    const left = [...from];
    return Array.from({ length: Math.min(count, left.length) }, () => left.splice(int(0, left.length - 1), 1)[0] as T);
  };
  const weighted = <T>(table: readonly (readonly [weight: number, value: T])[]): T => {
    let at = next() * table.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, value] of table) {
      at -= weight;
      if (at < 0) return value;
    }
    return pick(table)[1];
  };
  return { int, chance: (probability) => next() < probability, pick, some, weighted };
};

const generator = (seed: number): (() => number) => {
  let [a, b, c, counter] = [seed | 0, Math.floor(seed / 2 ** 32) | 0, 0x9e3779b9 | 0, 1];
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    c |= 0;
    return (sum >>> 0) / 2 ** 32;
  };
  for (let round = 0; round < 15; round += 1) next();
  return next;
};
