import type { NftChain, NftSet, NftTable } from '../../node/netfilter-state.ts';
import type { Netns } from '../../node/snapshot.ts';
import { fail, type Tool } from './change.ts';
import { ruleExpressions, verdict } from './nft-statement.ts';
import { elements } from './nft-value.ts';
import { type Cursor, cursorOn } from './nft-words.ts';

const FAMILIES = ['ip', 'ip6', 'inet', 'bridge', 'arp', 'netdev'] as const;

type Rule = NftChain['rules'][number];

const familyFrom = (cursor: Cursor): NftTable['family'] => {
  const family = FAMILIES.find((one) => one === cursor.peek());
  if (family) cursor.next();
  return family ?? 'ip';
};

const tableFrom = (netns: Netns, cursor: Cursor): NftTable => {
  const family = familyFrom(cursor);
  const name = cursor.next();
  const table = netns.netfilter.nft.find((one) => one.family === family && one.name === name);
  if (table) return table;
  const isIptables = netns.netfilter.iptables.some(
    (one) => one.backend === 'nft' && one.table === name && (one.family === 4 ? 'ip' : 'ip6') === family,
  );
  const known = netns.netfilter.nft.map((one) => `${one.family} ${one.name}`).join(', ') || 'none';
  return fail(
    isIptables ? `nft: ${family} ${name} is iptables-nft's: use iptables` : `nft: there is no table ${family} ${name}; there are: ${known}`,
  );
};

const chainFrom = (table: NftTable, cursor: Cursor): NftChain => {
  const name = cursor.next();
  return table.chains.find((chain) => chain.name === name) ?? fail(`nft: ${table.family} ${table.name} has no chain ${name}`);
};

const setFrom = (table: NftTable, cursor: Cursor): NftSet => {
  const name = cursor.next();
  return table.sets.find((set) => set.name === name) ?? fail(`nft: ${table.family} ${table.name} has no set or map ${name}`);
};

/** All chains anew: what was compiled of them knows the table's old sets. */
const withTable = (netns: Netns, before: NftTable, after: NftTable | undefined): Netns => ({
  ...netns,
  netfilter: {
    ...netns.netfilter,
    nft: netns.netfilter.nft.flatMap((one) =>
      one === before ? (after ? [{ ...after, chains: after.chains.map((chain) => ({ ...chain })) }] : []) : [one],
    ),
  },
});

const withChain = (netns: Netns, table: NftTable, chain: NftChain, rules: Rule[]): Netns =>
  withTable(netns, table, { ...table, chains: table.chains.map((one) => (one === chain ? { ...chain, rules } : one)) });

const handleFrom = (chain: NftChain, cursor: Cursor, word: string): number => {
  if (!cursor.take(word)) cursor.expected(`"${word} N" (nft -a list chain shows them)`);
  const handle = Number(cursor.next());
  const at = chain.rules.findIndex((rule) => rule.handle === handle);
  return at >= 0
    ? at
    : fail(
        `nft: ${chain.name} has no rule with handle ${handle}; it has ${
          chain.rules
            .map((rule) => rule.handle)
            .slice(0, 20)
            .join(', ') || 'none'
        }`,
      );
};

/** Behind every other: handles are never used twice. */
const newRule = (table: NftTable, cursor: Cursor): Rule => ({
  handle: Math.max(0, ...table.chains.flatMap(({ rules }) => rules.map(({ handle }) => handle))) + 1,
  ...ruleExpressions(cursor),
});

const positionAfter = (chain: NftChain, cursor: Cursor): number | undefined => {
  const word = ['handle', 'position', 'index'].find((one) => one === cursor.peek());
  if (word === 'index') {
    cursor.next();
    return Number(cursor.next());
  }
  return word === undefined ? undefined : handleFrom(chain, cursor, word);
};

const rules: Record<string, (netns: Netns, cursor: Cursor) => Netns> = {
  add: (netns, cursor) => {
    const table = tableFrom(netns, cursor);
    const chain = chainFrom(table, cursor);
    const after = positionAfter(chain, cursor) ?? chain.rules.length - 1;
    return withChain(netns, table, chain, chain.rules.toSpliced(after + 1, 0, newRule(table, cursor)));
  },
  insert: (netns, cursor) => {
    const table = tableFrom(netns, cursor);
    const chain = chainFrom(table, cursor);
    const at = positionAfter(chain, cursor) ?? 0;
    return withChain(netns, table, chain, chain.rules.toSpliced(at, 0, newRule(table, cursor)));
  },
  replace: (netns, cursor) => {
    const table = tableFrom(netns, cursor);
    const chain = chainFrom(table, cursor);
    const at = handleFrom(chain, cursor, 'handle');
    return withChain(netns, table, chain, chain.rules.toSpliced(at, 1, newRule(table, cursor)));
  },
  delete: (netns, cursor) => {
    const table = tableFrom(netns, cursor);
    const chain = chainFrom(table, cursor);
    return withChain(netns, table, chain, chain.rules.toSpliced(handleFrom(chain, cursor, 'handle'), 1));
  },
};

const keyText = (element: unknown, map: boolean): string => JSON.stringify(map && Array.isArray(element) ? element[0] : element);

const elementChange =
  (change: (set: NftSet, given: unknown[]) => unknown[]) =>
  (netns: Netns, cursor: Cursor): Netns => {
    const table = tableFrom(netns, cursor);
    const set = setFrom(table, cursor);
    if (!cursor.take('{')) cursor.expected('{');
    const after = { ...set, elements: change(set, elements(cursor, verdict)) };
    return withTable(netns, table, { ...table, sets: table.sets.map((one) => (one === set ? after : one)) });
  };

const without = ({ elements: own, map }: NftSet, given: unknown[]): unknown[] => {
  const keys = new Set(given.map((element) => keyText(element, map)));
  return own.filter((element) => !keys.has(keyText(element, map)));
};

const objects: Record<string, Record<string, (netns: Netns, cursor: Cursor) => Netns>> = {
  rule: rules,
  element: {
    add: elementChange((set, given) => [...without(set, given), ...given]),
    delete: elementChange((set, given) => {
      const kept = without(set, given);
      return kept.length < set.elements.length ? kept : fail(`nft: ${set.name} has no such element`);
    }),
  },
  chain: {
    flush: (netns, cursor) => {
      const table = tableFrom(netns, cursor);
      return withChain(netns, table, chainFrom(table, cursor), []);
    },
    delete: (netns, cursor) => {
      const table = tableFrom(netns, cursor);
      const chain = chainFrom(table, cursor);
      return withTable(netns, table, { ...table, chains: table.chains.filter((one) => one !== chain) });
    },
  },
  table: {
    flush: (netns, cursor) => {
      const table = tableFrom(netns, cursor);
      return withTable(netns, table, { ...table, chains: table.chains.map((chain) => ({ ...chain, rules: [] })) });
    },
    delete: (netns, cursor) => withTable(netns, tableFrom(netns, cursor), undefined),
  },
  set: {
    flush: (netns, cursor) => {
      const table = tableFrom(netns, cursor);
      const set = setFrom(table, cursor);
      return withTable(netns, table, { ...table, sets: table.sets.map((one) => (one === set ? { ...set, elements: [] } : one)) });
    },
  },
  ruleset: {
    flush: (netns) => ({
      ...netns,
      netfilter: { ...netns.netfilter, nft: [], iptables: netns.netfilter.iptables.filter(({ backend }) => backend !== 'nft') },
    }),
  },
};

/** `nft add|insert|replace|delete rule …`, `nft add|delete element …`, `nft flush|delete chain|table …`, `nft flush set|ruleset` */
export const nft: Tool = (words, { netns }) => {
  const said = words.filter((word) => word !== '-a' && word !== '-j');
  // nft takes its words one by one, or all of them as one
  const cursor = cursorOn(said.length === 1 ? (said[0] ?? '') : said.map((word) => (/\s/.test(word) ? `"${word}"` : word)).join(' '));
  const verb = cursor.next();
  const object = cursor.next();
  const kind = objects[object === 'map' ? 'set' : object] ?? fail(`nft: ${object} cannot be tried; ${Object.keys(objects).join(', ')} can`);
  return [(kind[verb] ?? fail(`nft: ${verb} ${object} cannot be tried; ${Object.keys(kind).join(', ')} can`))(netns, cursor)];
};
