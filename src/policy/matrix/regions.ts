import { type Prefix, textOf } from '../../forwarding/address.ts';
import type { Family } from '../../node/snapshot.ts';

const BITS: Record<Family, number> = { 4: 32, 6: 128 };

/** One of the policies' blocks without the smaller ones inside it: no policy can tell two of its addresses apart. */
export interface Region {
  family: Family;
  /** `10.0.0.0/8`, the block with all that is in it. */
  block: string;
  first: bigint;
  last: bigint;
  parent?: Region;
  /** The blocks right inside it, by their first address. */
  children: Region[];
}

const blockOf = ({ family, network, length }: Pick<Prefix, 'family' | 'network' | 'length'>): Omit<Region, 'parent'> => {
  const first = BigInt(network);
  const last = first + (1n << BigInt(BITS[family] - length)) - 1n;
  return { family, block: `${textOf(family, first)}/${length}`, first, last, children: [] };
};

/** An address that is in a region's block and in none of those inside it; undefined when they leave none. */
export const addressIn = ({ first, last, children }: Region): bigint | undefined => {
  let address = first;
  for (const child of children) {
    if (address < child.first) break;
    address = child.last + 1n;
  }
  return address <= last ? address : undefined;
};

/** Every address of a family, in regions; blocks are nested or apart, as CIDRs are. */
export const regionsOf = (family: Family, prefixes: Iterable<Prefix>): Region[] => {
  const blocks = new Map(
    [{ family, network: 0n, length: 0 }, ...prefixes].filter((one) => one.family === family).map((one) => [`${one.network}/${one.length}`, one]),
  );
  const sorted = [...blocks.values()].map(blockOf).sort((a, b) => (a.first !== b.first ? (a.first < b.first ? -1 : 1) : a.last > b.last ? -1 : 1));
  const open: Region[] = [];
  return sorted.map((block): Region => {
    while ((open.at(-1)?.last ?? block.last) < block.first) open.pop();
    const parent = open.at(-1);
    const region: Region = { ...block, ...(parent ? { parent } : {}) };
    parent?.children.push(region);
    open.push(region);
    return region;
  });
};

/** The blocks that have to be taken out of a region's to leave what is in the set. */
const excepted = ({ children }: Region, set: ReadonlySet<Region>): string[] =>
  children.flatMap((child) => (set.has(child) ? excepted(child, set) : [child.block]));

/** `10.0.0.0/8 except 10.1.0.0/16`: regions as policies would write them. */
export const regionNames = (regions: readonly Region[]): string[] => {
  const set = new Set(regions);
  return regions
    .filter(({ parent }) => !parent || !set.has(parent))
    .map((region) => {
      const except = excepted(region, set);
      return except.length === 0 ? region.block : `${region.block} except ${except.join(', ')}`;
    });
};
