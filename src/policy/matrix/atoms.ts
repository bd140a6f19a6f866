import type { Prefix } from '../../forwarding/address.ts';
import type { Family } from '../../node/snapshot.ts';

const bits: Record<Family, number> = { 4: 32, 6: 128 };

/** All addresses of a family cut where some policy's block begins or ends: inside one piece no policy can tell two addresses apart. */
export interface Atoms {
  family: Family;
  /** First address of each piece, ascending; the first is 0. */
  starts: readonly bigint[];
}

export const atomsOf = (family: Family, prefixes: Iterable<Prefix>): Atoms => {
  const limit = 1n << BigInt(bits[family]);
  const cuts = new Set<bigint>([0n]);
  for (const { family: own, network, length } of prefixes) {
    if (own !== family) continue;
    const first = BigInt(network);
    cuts.add(first);
    const end = first + (1n << BigInt(bits[family] - length));
    if (end < limit) cuts.add(end);
  }
  return { family, starts: [...cuts].sort((a, b) => (a < b ? -1 : 1)) };
};

/** Which piece an address lies in. */
export const atomOf = ({ starts }: Atoms, address: bigint): number => {
  let [low, high] = [0, starts.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] as bigint) <= address) low = middle;
    else high = middle - 1;
  }
  return low;
};
