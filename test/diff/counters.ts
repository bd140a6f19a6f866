import { familyOf } from '../../src/forwarding/address.ts';
import type { World } from '../../src/forwarding/world.ts';
import type { IptablesTable, NftTable } from '../../src/node/netfilter-state.ts';
import { parseCollection } from '../../src/node/parse-collection.ts';
import type { Family, Netns } from '../../src/node/snapshot.ts';
import type { Case } from './case.ts';
import type { Answer } from './kernel.ts';
import { type Branch, spaceAt } from './predict.ts';
import { collectionsOf } from './world.ts';

/** By rule (`n1 iptables-nft 4 filter FORWARD 3`, `n1 nft - ip t1 forward1 7`), how many packets it counted while the probes ran. */
export type Risen = Record<string, number>;

/** Rules that count: every rule of iptables, those of nft that say so. */
export const risenOf = (subject: Case, { inodes, after }: Pick<Answer, 'inodes' | 'after'>, before: World): Risen => {
  const later: World = { snapshots: collectionsOf(subject, { inodes, sections: after }).map(parseCollection), facts: before.facts };
  const first = countsOf(before);
  return Object.fromEntries([...countsOf(later)].map(([rule, packets]) => [rule, packets - (first.get(rule) ?? 0)]));
};

const countsOf = (world: World): Map<string, number> =>
  new Map(
    world.snapshots.flatMap(({ node, namespaces }) =>
      namespaces.flatMap((netns: Netns) => {
        const space = spaceAt(world, node, netns.inode);
        return [
          ...netns.netfilter.iptables.flatMap((table) => iptablesCounts(space, table)),
          ...netns.netfilter.nft.flatMap((table) => nftCounts(space, table)),
        ];
      }),
    ),
  );

const iptablesCounts = (space: string, { backend, family, table, chains }: IptablesTable): [string, number][] =>
  chains.flatMap(({ name, rules }) =>
    rules.map(({ number, packets }): [string, number] => [`${space} iptables-${backend} ${family} ${table} ${name} ${number}`, packets]),
  );

const nftCounts = (space: string, { family, name, chains }: NftTable): [string, number][] =>
  chains.flatMap((chain) =>
    chain.rules.flatMap(({ handle, expr }): [string, number][] => {
      const counter = expr.find(isCounter);
      return counter ? [[`${space} nft - ${family} ${name} ${chain.name} ${handle}`, counter.counter.packets]] : [];
    }),
  );

const isCounter = (statement: unknown): statement is { counter: { packets: number } } =>
  typeof statement === 'object' &&
  statement !== null &&
  'counter' in statement &&
  typeof statement.counter === 'object' &&
  statement.counter !== null;

/** The rules that one attempt must have counted at: what stopped the request, what translated it. */
export const rulesOf = (world: World, { request, translatedBy }: Branch): string[] => {
  const last = request.hops.at(-1);
  const family = familyOf(last?.packet.destination ?? '');
  const { backend, table, chain, number } = last?.stop?.facts ?? {};
  const stopped = request.outcome === 'stopped' && backend !== undefined && number !== undefined;
  const key = (space: string, family: Family, by: { backend: string; table: string; chain: string; number: number | string }): string =>
    `${space} ${by.backend} ${by.backend === 'nft' ? '-' : family} ${by.table} ${by.chain} ${by.number}`;
  return [
    ...(stopped && last
      ? [key(spaceAt(world, last.node, last.netns ?? ''), family, { backend, table: table ?? '', chain: chain ?? '', number })]
      : []),
    ...translatedBy.flatMap(({ space, family: own, by }) => (by.number === undefined ? [] : key(space, own, { ...by, number: by.number }))),
  ];
};
