import type { Family, Link, Netns, Route, Rule } from '../node/snapshot.ts';
import { contains, familyOf, inPrefix, type Prefix, parseAddress, parsePrefix } from './address.ts';
import type { Packet } from './hop.ts';
import { matchesMark } from './mark.ts';
import { interfaceSysctl } from './sysctl.ts';
import { linkHolding, linkNamed } from './world.ts';

/** What the FIB says of one packet. */
export type RouteDecision =
  | { kind: 'local'; route: Route; device: string }
  | { kind: 'unicast'; route: Route; device: string; gateway?: string; alternatives: number }
  | { kind: 'refused'; reason: 'no-route' | 'blackhole' | 'unreachable' | 'prohibit'; route?: Route; rule?: Rule };

export interface RouteQuery {
  packet: Packet;
  mark: number;
  /** Interface the packet came in by; absent for local output. */
  iif?: string;
  /** Only routes out of this device count (a socket bound to it, or a reverse-path check in a VRF). */
  oif?: string;
}

/** Rules present when nobody configured any (net/ipv4/fib_rules.c fib_default_rules_init; IPv6 has no `default`). */
const defaultRules = (family: Family): Rule[] =>
  (family === 4 ? (['local', 'main', 'default'] as const) : (['local', 'main'] as const)).map((table, index) => ({
    family,
    priority: [0, 32766, 32767][index] ?? 0,
    not: false,
    from: 'all',
    to: 'all',
    table,
    action: 'lookup',
  }));

/** Walks the rules by priority and takes the first table that answers. */
export const lookupRoute = (netns: Netns, query: RouteQuery): RouteDecision => {
  const family = familyOf(query.packet.destination);
  const tables = compiledTables(netns, family);
  for (const rule of rulesOf(netns, family)) {
    if (ruleMatches(rule, query) === rule.not) continue;
    const refusal = refusals[rule.action];
    if (refusal) return { kind: 'refused', reason: refusal, rule };
    if (rule.table === undefined) continue;
    const decision = lookupTable(netns, tables.get(rule.table) ?? [], query);
    if (!decision || suppressed(rule, decision)) continue;
    return decision.kind === 'refused' ? { ...decision, rule } : decision;
  }
  return { kind: 'refused', reason: 'no-route' };
};

/** `suppress_prefixlength N`: the default route of this table does not count (net/ipv4/fib_rules.c fib4_rule_suppress). */
const suppressed = ({ suppressPrefixLength }: Rule, { route }: RouteDecision): boolean =>
  suppressPrefixLength !== undefined && (parsePrefix(route?.destination ?? '')?.length ?? 0) <= suppressPrefixLength;

const refusals: Partial<Record<string, 'blackhole' | 'unreachable' | 'prohibit'>> = {
  blackhole: 'blackhole',
  unreachable: 'unreachable',
  prohibit: 'prohibit',
};

const ruleCache = new WeakMap<Netns, Map<Family, Rule[]>>();

const rulesOf = (netns: Netns, family: Family): Rule[] =>
  cached(ruleCache, netns, family, () => {
    const own = netns.rules.filter((rule) => rule.family === family).sort((a, b) => a.priority - b.priority);
    return own.length > 0 ? own : defaultRules(family);
  });

const anywhere = new Set(['', 'all', 'any', 'default', '0.0.0.0/0', '::/0']);

const ruleMatches = (rule: Rule, { packet, mark, iif, oif }: RouteQuery): boolean =>
  selects(rule.from, packet.source) &&
  selects(rule.to, packet.destination) &&
  (rule.iif === undefined || rule.iif === (iif ?? 'lo')) &&
  (rule.oif === undefined || rule.oif === oif) &&
  (rule.fwmark === undefined || matchesMark(rule.fwmark, mark)) &&
  (rule.ipproto === undefined || rule.ipproto === packet.protocol) &&
  (rule.sport === undefined || inRange(rule.sport, packet.sourcePort)) &&
  (rule.dport === undefined || inRange(rule.dport, packet.destinationPort));

const selects = (prefix: string, address: string): boolean => anywhere.has(prefix) || inPrefix(prefix, address);

const inRange = (range: string, port: number | undefined): boolean => {
  const [low, high = low] = range.split('-').map(Number);
  return port !== undefined && low !== undefined && high !== undefined && port >= low && port <= high;
};

interface CompiledRoute {
  prefix: Prefix;
  route: Route;
}

const tableCache = new WeakMap<Netns, Map<Family, Map<string, CompiledRoute[]>>>();

/** Tables with their routes in the order the kernel prefers them: longest prefix, then lowest metric. */
const compiledTables = (netns: Netns, family: Family): Map<string, CompiledRoute[]> =>
  cached(tableCache, netns, family, () => {
    const tables = new Map<string, CompiledRoute[]>();
    const own = netns.routes.filter((route) => route.family === family);
    const all = own.some((route) => route.table === 'local') ? own : [...own, ...localRoutes(netns, family)];
    for (const route of all) {
      const prefix = parsePrefix(route.destination);
      if (!prefix) continue;
      const table = tables.get(route.table) ?? [];
      table.push({ prefix, route });
      tables.set(route.table, table);
    }
    for (const table of tables.values()) table.sort((a, b) => b.prefix.length - a.prefix.length || a.route.metric - b.route.metric);
    return tables;
  });

const cached = <T>(cache: WeakMap<Netns, Map<Family, T>>, netns: Netns, family: Family, compute: () => T): T => {
  const known = cache.get(netns) ?? new Map<Family, T>();
  cache.set(netns, known);
  const value = known.get(family) ?? compute();
  known.set(family, value);
  return value;
};

/** The local table follows from the addresses; snapshots of old tools lack it. */
const localRoutes = (netns: Netns, family: Family): Route[] =>
  netns.links.flatMap((link) =>
    link.addresses
      .filter((address) => address.family === family)
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

const lookupTable = (netns: Netns, table: CompiledRoute[], query: RouteQuery): RouteDecision | undefined => {
  const destination = parseAddress(query.packet.destination);
  if (!destination) return undefined;
  for (const { prefix, route } of table) {
    if (!contains(prefix, destination)) continue;
    const decision = decide(netns, route, query);
    if (decision === 'next-table') return undefined;
    if (decision) return decision;
  }
  return undefined;
};

const decide = (netns: Netns, route: Route, query: RouteQuery): RouteDecision | 'next-table' | undefined => {
  const refusal = refusals[route.type];
  if (refusal) return { kind: 'refused', reason: refusal, route };
  if (route.type === 'throw') return 'next-table';
  if (route.type === 'local' || route.type === 'anycast' || route.type === 'broadcast') {
    return query.oif === undefined || query.oif === route.device ? { kind: 'local', route, device: route.device ?? 'lo' } : undefined;
  }
  if (route.type !== 'unicast') return undefined;
  const paths = nextHops(route).filter((path) => usable(netns, path, query));
  const [first] = paths;
  if (first?.device === undefined) return undefined;
  const gateway = first.gateway === undefined ? {} : { gateway: first.gateway };
  return { kind: 'unicast', route, device: first.device, ...gateway, alternatives: paths.length };
};

interface Path {
  gateway?: string;
  device?: string;
  flags: string[];
}

const nextHops = (route: Route): Path[] => (route.nexthops.length > 0 ? route.nexthops : [route]);

const usable = (netns: Netns, path: Path, { oif, packet }: RouteQuery): boolean => {
  if (path.device === undefined || path.flags.includes('dead')) return false;
  if (oif !== undefined && path.device !== oif) return false;
  const skipsLinkDown = interfaceSysctl(netns, familyOf(packet.destination), path.device, 'ignore_routes_with_linkdown') === '1';
  return !(path.flags.includes('linkdown') && skipsLinkDown);
};

/** Source address for a packet that has none yet: the route's own, else the device's that shares the next hop's subnet, else any (inet_select_addr). */
export const selectSource = (netns: Netns, decision: Exclude<RouteDecision, { kind: 'refused' }>, destination: string): string | undefined => {
  if (decision.route.source !== undefined) return decision.route.source;
  if (decision.kind === 'local') return destination;
  return deviceAddress(netns, decision.device, decision.gateway ?? destination);
};

/** The address a packet to `towards` gets when it leaves by this device: what MASQUERADE writes. */
export const deviceAddress = (netns: Netns, device: string, towards: string): string | undefined => {
  const family = familyOf(towards);
  const own = usableAddresses(linkNamed(netns, device), family);
  const near = own.find((address) => inPrefix(`${address.address}/${address.prefix}`, towards));
  const others = netns.links.flatMap((link) => usableAddresses(link, family));
  return (near ?? own[0] ?? others[0])?.address;
};

const usableAddresses = (link: Link | undefined, family: Family): Link['addresses'] => {
  const global = (link?.addresses ?? []).filter((address) => address.family === family && address.scope === 'global');
  const ready = global.filter((address) => !address.flags.includes('tentative') && !address.flags.includes('dadfailed'));
  return [...ready.filter((address) => !address.flags.includes('deprecated')), ...ready.filter((address) => address.flags.includes('deprecated'))];
};

/** `route 10.244.1.0/24 via 10.244.1.0 dev flannel.1`; the device is left out where the reader sees it anyway. */
export const describeRoute = (decision: RouteDecision, device: 'with device' | 'without device' = 'with device'): string => {
  const { route } = decision;
  if (!route) return decision.kind === 'refused' && decision.rule ? `rule ${decision.rule.priority}: ${decision.rule.action}` : 'no route';
  if (decision.kind === 'refused') return `${route.type} ${route.destination}`;
  const via = decision.kind === 'unicast' && decision.gateway !== undefined ? ` via ${decision.gateway}` : '';
  const dev = device === 'with device' ? ` dev ${decision.device}` : '';
  const table = route.table === 'main' || route.table === 'local' ? '' : ` table ${route.table}`;
  return `route ${route.destination}${via}${dev}${table}`;
};

export const isOwnAddress = (netns: Netns, address: string): boolean => linkHolding(netns, address) !== undefined;
