import type { IptablesTable, NftChain, NftSet, NftTable } from '../netfilter-state.ts';
import { isRecord, type Json, listAt, numberAt, optional, type Parsed, readDocument, stringAt, stringsAt } from './json.ts';

const FAMILIES: readonly string[] = ['ip', 'ip6', 'inet', 'bridge', 'arp', 'netdev'];
const isFamily = (text: string | undefined): text is NftTable['family'] => FAMILIES.includes(text ?? '');

/** Adjacent documents are what `nft` prints when it is asked several times. */
const readDocuments = (text: string): Parsed<Json[]> => {
  const value: Json[] = [];
  const unparsed: string[] = [];
  for (const part of text.split(/\n(?=\{"nftables")/)) {
    if (part.trim() === '') continue;
    const document = readDocument(part, (all) => (isRecord(all) ? listAt(all, 'nftables') : undefined));
    value.push(...document.value.filter(isRecord));
    unparsed.push(...document.unparsed);
  }
  return { value, unparsed };
};

const readChain = (item: Json): NftChain => {
  const device = item.dev;
  return {
    name: stringAt(item, 'name') ?? '',
    ...optional('type', stringAt(item, 'type')),
    ...optional('hook', stringAt(item, 'hook')),
    ...optional('priority', numberAt(item, 'prio')),
    ...optional('policy', stringAt(item, 'policy')),
    ...optional('device', Array.isArray(device) ? device.join(',') : stringAt(item, 'dev')),
    rules: [],
  };
};

const readRule = (item: Json): NftChain['rules'][number] => ({
  handle: numberAt(item, 'handle') ?? 0,
  ...optional('comment', stringAt(item, 'comment')),
  expr: listAt(item, 'expr'),
});

const readSet = (item: Json, map: boolean): NftSet => ({
  name: stringAt(item, 'name') ?? '',
  map,
  type: map ? { key: item.type, value: item.map } : item.type,
  flags: typeof item.flags === 'string' ? [item.flags] : stringsAt(item, 'flags'),
  elements: listAt(item, 'elem'),
});

/** `nft -j list ruleset`, or `list table` of each (libnftables-json(5)) */
export const parseNft = (text: string): Parsed<NftTable[]> => {
  const { value: entries, unparsed } = readDocuments(text);
  const tables = new Map<string, NftTable>();
  const tableOf = (item: Json, name: string | undefined): NftTable | undefined => {
    const family = stringAt(item, 'family');
    if (!isFamily(family) || name === undefined) return undefined;
    const key = `${family} ${name}`;
    const table = tables.get(key) ?? { family, name, chains: [], sets: [], objects: [] };
    tables.set(key, table);
    return table;
  };
  const chains = new Map<string, NftChain>();
  for (const entry of entries) {
    const [kind, item] = Object.entries(entry)[0] ?? [];
    if (kind === undefined || !isRecord(item) || kind === 'metainfo') continue;
    const table = tableOf(item, stringAt(item, kind === 'table' ? 'name' : 'table'));
    if (!table) {
      unparsed.push(JSON.stringify(entry).slice(0, 120));
    } else if (kind === 'chain') {
      const chain = readChain(item);
      table.chains.push(chain);
      chains.set(`${table.family} ${table.name} ${chain.name}`, chain);
    } else if (kind === 'rule') {
      const chain = chains.get(`${table.family} ${table.name} ${stringAt(item, 'chain')}`);
      if (chain) chain.rules.push(readRule(item));
      else unparsed.push(JSON.stringify(entry).slice(0, 120));
    } else if (kind === 'set' || kind === 'map') {
      table.sets.push(readSet(item, kind === 'map'));
    } else if (kind === 'table') {
      const flags = typeof item.flags === 'string' ? [item.flags] : stringsAt(item, 'flags');
      if (flags.length > 0) table.flags = flags;
    } else {
      table.objects.push(entry);
    }
  }
  return { value: [...tables.values()], unparsed };
};

/** `devices = { d1, "d2" }` or `device "d1"` in a chain's line of text. */
const devicesIn = (line: string): string | undefined => {
  const [, one, many] = /\b(?:ingress|egress) (?:device "?([^"\s]+)"?|devices = \{ ([^}]*) \})/.exec(line) ?? [];
  return one ?? many?.replaceAll(/["\s]/g, '');
};

/** `nft list chains FAMILY`: the devices that chains are on, which nft 1.0 leaves out of its JSON. */
export const withDevices = (tables: NftTable[], text: string): NftTable[] => {
  const devices = new Map<string, string>();
  let [table, chain] = ['', ''];
  for (const line of text.split('\n')) {
    table = /^table (\S+ \S+) \{/.exec(line)?.[1] ?? table;
    chain = /^\s+chain (\S+) \{/.exec(line)?.[1] ?? chain;
    const found = devicesIn(line);
    if (found !== undefined) devices.set(`${table} ${chain}`, found);
  }
  if (devices.size === 0) return tables;
  return tables.map((one) => ({
    ...one,
    chains: one.chains.map((own) => ({ ...own, ...optional('device', own.device ?? devices.get(`${one.family} ${one.name} ${own.name}`)) })),
  }));
};

/** Those that iptables-nft made are known from iptables-save already, with its matches decoded. */
export const withoutIptables = (tables: readonly NftTable[], iptables: readonly IptablesTable[]): NftTable[] => {
  const owned = new Set(iptables.filter(({ backend }) => backend === 'nft').map(({ family, table }) => `${family === 4 ? 'ip' : 'ip6'} ${table}`));
  return tables.filter(({ family, name }) => !owned.has(`${family} ${name}`));
};
