import type { Family, Netns, Route } from '../../node/snapshot.ts';
import { inPrefix, type ParsedAddress, parseAddress, parsePrefix } from '../address.ts';

/** Routes of one prefix length by their network. */
interface Level {
  length: number;
  routes: Map<number | bigint, Route[]>;
}

/** Longest prefixes first. */
export type Table = Level[];

const cache = new WeakMap<Netns, Map<Family, Map<string, Table>>>();

/** Laid out so that a lookup asks each prefix length once (net/ipv4/fib_trie.c gives the same answer). */
export const tablesOf = (netns: Netns, family: Family): Map<string, Table> => {
  const known = cache.get(netns) ?? new Map<Family, Map<string, Table>>();
  cache.set(netns, known);
  const tables = known.get(family) ?? layOut(netns, family);
  known.set(family, tables);
  return tables;
};

const joins = new WeakMap<Netns, Table>();

/**
 * IPv4's tables local and main, which are one trie as long as nobody made a routing rule: the longest prefix of both together wins, and of
 * one prefix local's route (net/ipv4/fib_frontend.c fib_new_table, fib_trie.c fib_insert_alias). IPv6 has nothing of the kind.
 */
export const localAndMain = (netns: Netns): Table => {
  const known = joins.get(netns) ?? join(tablesOf(netns, 4).get('local') ?? [], tablesOf(netns, 4).get('main') ?? []);
  joins.set(netns, known);
  return known;
};

const join = (first: Table, second: Table): Table =>
  [...Map.groupBy([...first, ...second], ({ length }) => length)]
    .map(([length, levels]) => ({ length, routes: joinLevels(levels) }))
    .sort((a, b) => b.length - a.length);

const joinLevels = (levels: Level[]): Level['routes'] => {
  const all = levels.flatMap(({ routes }) => [...routes]);
  return new Map([...Map.groupBy(all, ([network]) => network)].map(([network, same]) => [network, same.flatMap(([, routes]) => routes)]));
};

const layOut = (netns: Netns, family: Family): Map<string, Table> => {
  const own = netns.routes.filter((route) => route.family === family);
  const all = own.some((route) => route.table === 'local') ? own : [...own, ...localRoutes(netns, family)];
  const tables = new Map<string, Table>();
  for (const [table, routes] of Map.groupBy(all, (route) => route.table)) tables.set(table, levelsOf(routes));
  return tables;
};

const levelsOf = (routes: Route[]): Table => {
  const levels = new Map<number, Level>();
  for (const route of routes) {
    const prefix = parsePrefix(route.destination);
    if (!prefix || prefix.length < 0) continue;
    const level = levels.get(prefix.length) ?? { length: prefix.length, routes: new Map<number | bigint, Route[]>() };
    levels.set(prefix.length, level);
    level.routes.set(prefix.network, [...(level.routes.get(prefix.network) ?? []), route]);
  }
  for (const level of levels.values()) for (const same of level.routes.values()) same.sort(byPreference);
  return [...levels.values()].sort((a, b) => b.length - a.length);
};

/** Of one prefix, those for a type of service first, then the lowest metric (fib_find_alias). */
const byPreference = (a: Route, b: Route): number => (b.tos ?? 0) - (a.tos ?? 0) || a.metric - b.metric;

/** Routes that hold the address, in the order the kernel tries them. */
export function* candidates(table: Table | undefined, address: ParsedAddress): Generator<Route> {
  for (const { length, routes } of table ?? []) {
    const network = address.family === 4 ? mask4(address.value, length) : mask6(address.value, length);
    yield* routes.get(network) ?? [];
  }
}

interface Locals {
  hosts: Set<number | bigint>;
  nets: string[];
}

const locals = new WeakMap<Netns, Locals>();

/** No table has a route that says the address is this host's own: then no question about it is for this host. */
export const mayBeLocal = (netns: Netns, address: string): boolean => {
  const parsed = parseAddress(address);
  const known = locals.get(netns) ?? localsOf(netns);
  locals.set(netns, known);
  return parsed !== undefined && (known.hosts.has(parsed.value) || known.nets.some((net) => inPrefix(net, address)));
};

const localsOf = (netns: Netns): Locals => {
  const found: Locals = { hosts: new Set(), nets: [] };
  const own = ([4, 6] as const).flatMap((family) => [...tablesOf(netns, family).values()]).flat();
  for (const { length, routes } of own) {
    for (const { destination, family, type } of [...routes.values()].flat()) {
      if (type !== 'local') continue;
      const prefix = parsePrefix(destination);
      if (prefix && length === (family === 4 ? 32 : 128)) found.hosts.add(prefix.network);
      else found.nets.push(destination);
    }
  }
  return found;
};

const mask4 = (value: number, length: number): number => (length === 0 ? 0 : (value & (0xffffffff << (32 - length))) >>> 0);
const mask6 = (value: bigint, length: number): bigint => (value >> BigInt(128 - length)) << BigInt(128 - length);

/** The local table follows from the addresses; snapshots of old tools lack it. */
const localRoutes = (netns: Netns, family: Family): Route[] =>
  netns.links.flatMap((link) =>
    link.addresses
      .filter((address) => address.family === family && parseAddress(address.address) !== undefined && isReady(address.flags))
      .map((address) => ({
        family,
        destination: link.name === 'lo' && family === 4 ? `${address.address}/${address.prefix}` : address.address,
        table: 'local',
        type: 'local',
        device: link.name,
        metric: 0,
        protocol: 'kernel',
        scope: 'host',
        flags: [],
        nexthops: [],
      })),
  );

/** An IPv6 address is nobody's until duplicate address detection is through. */
const isReady = (flags: string[]): boolean => !flags.includes('tentative') && !flags.includes('dadfailed');
