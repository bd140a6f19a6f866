import type { Netns, Route, Rule } from '../../node/snapshot.ts';
import { type ParsedAddress, parseAddress, parsePrefix } from '../address.ts';
import { choose, type Decider } from '../fork.ts';
import { interfaceSysctl, sysctl } from '../sysctl.ts';
import { linkNamed } from '../world.ts';
import { hasOwnRules, type RouteQuery, ruleMatches, rulesOf } from './rules.ts';
import { candidates, localAndMain, type Table, tablesOf } from './tables.ts';

/** One way to the next hop. */
export interface Path {
  gateway?: string;
  device: string;
  weight: number;
}

export type RefusalReason = 'no-route' | 'blackhole' | 'unreachable' | 'prohibit';

/** What the FIB says of one packet. */
export type RouteDecision =
  | { kind: 'local'; route: Route; device: string; rule?: Rule }
  /** More than one path where the kernel spreads flows. */
  | { kind: 'unicast'; route: Route; paths: [Path, ...Path[]]; rule?: Rule }
  | { kind: 'refused'; reason: RefusalReason; route?: Route; rule?: Rule };

const refusals: Partial<Record<string, RefusalReason>> = { blackhole: 'blackhole', unreachable: 'unreachable', prohibit: 'prohibit' };

/** What to do about a rule that cannot be judged; by default it does not match. */
export type Judge = (rule: Rule) => boolean;

const never: Judge = () => false;

/** Walks the rules by priority and takes the first table that answers (net/core/fib_rules.c fib_rules_lookup). */
export const lookupRoute = (netns: Netns, query: RouteQuery, judge: Judge = never): RouteDecision => {
  const destination = parseAddress(query.destination);
  if (!destination) return { kind: 'refused', reason: 'no-route' };
  if (query.family === 4 && !hasOwnRules(netns)) return lookupWithoutRules(netns, destination, query);
  const tables = tablesOf(netns, query.family);
  const rules = rulesOf(netns, query.family);
  for (let at = 0; at < rules.length; at += 1) {
    const rule = rules[at];
    if (!rule || !(ruleMatches(rule, query) ?? judge(rule))) continue;
    const target = /^goto (\d+)$/.exec(rule.action)?.[1];
    if (target !== undefined) {
      const next = rules.findIndex(({ priority }) => priority >= Number(target));
      // the kernel lets rules jump forward only
      if (next <= at) continue;
      at = next - 1;
      continue;
    }
    const refusal = refusals[rule.action];
    if (refusal) return { kind: 'refused', reason: refusal, rule };
    const table = rule.l3mdev === true ? query.vrf : rule.table;
    if (rule.action !== 'lookup' || table === undefined) continue;
    const decision = lookupTable(netns, tables.get(table), destination, query);
    if (decision && !suppressed(netns, rule, decision)) return { ...decision, rule };
  }
  return { kind: 'refused', reason: 'no-route' };
};

/** include/net/ip_fib.h fib_lookup: local and main in one, then default. */
const lookupWithoutRules = (netns: Netns, destination: ParsedAddress, query: RouteQuery): RouteDecision => {
  const decision = lookupTable(netns, localAndMain(netns), destination, query);
  if (decision && decision.kind !== 'refused') return withRule(netns, decision);
  const last = lookupTable(netns, tablesOf(netns, 4).get('default'), destination, query) ?? decision;
  return last ? withRule(netns, last) : { kind: 'refused', reason: 'no-route' };
};

const withRule = (netns: Netns, decision: RouteDecision): RouteDecision => {
  const rule = rulesOf(netns, 4).find(({ table }) => table === decision.route?.table);
  return rule ? { ...decision, rule } : decision;
};

/** `suppress_prefixlength N`: a route this short does not count; `suppress_ifgroup`: nor one out of such a device (fib4_rule_suppress). */
const suppressed = (netns: Netns, { suppressPrefixLength, suppressGroup }: Rule, decision: RouteDecision): boolean => {
  const length = parsePrefix(decision.route?.destination ?? '')?.length ?? 0;
  if (suppressPrefixLength !== undefined && length <= suppressPrefixLength) return true;
  if (suppressGroup === undefined || decision.kind !== 'unicast') return false;
  return linkNamed(netns, decision.paths[0].device)?.group === suppressGroup;
};

/** The first route of the table that can be used; `throw` ends the table. */
export const lookupTable = (netns: Netns, table: Table | undefined, destination: ParsedAddress, query: RouteQuery): RouteDecision | undefined => {
  for (const route of inOrder(candidates(table, destination), query)) {
    if (route.tos !== undefined && route.tos !== 0 && route.tos !== (query.tos ?? 0)) continue;
    if (route.type === 'throw') return undefined;
    const decision = decide(netns, route, query);
    if (decision) return decision;
  }
  return undefined;
};

/** Of IPv6 routes that are alike but for their device, the one out of the device that it came in by, or that was asked for (rt6_score_route). */
const inOrder = (routes: Iterable<Route>, { family, iif, preferred }: RouteQuery): Iterable<Route> => {
  const device = iif === 'lo' ? preferred : iif;
  return family === 4 || device === undefined ? routes : favouring(routes, device);
};

function* favouring(routes: Iterable<Route>, device: string): Generator<Route> {
  let alike: Route[] = [];
  for (const route of routes) {
    if (alike[0] && (alike[0].destination !== route.destination || alike[0].metric !== route.metric)) {
      yield* first(alike, device);
      alike = [];
    }
    alike.push(route);
  }
  yield* first(alike, device);
}

const first = (alike: Route[], device: string): Route[] =>
  alike.length < 2 ? alike : [...alike.filter((route) => route.device === device), ...alike.filter((route) => route.device !== device)];

const localTypes = new Set(['local', 'anycast', 'broadcast', 'multicast']);

const decide = (netns: Netns, route: Route, query: RouteQuery): RouteDecision | undefined => {
  const refusal = refusals[route.type];
  if (refusal) return { kind: 'refused', reason: refusal, route };
  if (localTypes.has(route.type)) {
    return query.oif === undefined || query.oif === route.device ? { kind: 'local', route, device: route.device ?? 'lo' } : undefined;
  }
  if (route.type !== 'unicast') return undefined;
  const [first, ...others] = pathsOf(route).filter((path) => isUsable(netns, path, query));
  return first && { kind: 'unicast', route, paths: [first, ...others] };
};

interface RawPath {
  gateway?: string;
  device?: string;
  weight?: number;
  flags: string[];
}

type UsablePath = Path & Pick<RawPath, 'flags'>;

const pathsOf = (route: Route): UsablePath[] =>
  (route.nexthops.length > 0 ? route.nexthops : [route as RawPath]).flatMap(({ gateway, device, weight = 1, flags }: RawPath) =>
    device === undefined ? [] : [{ ...(gateway === undefined ? {} : { gateway }), device, weight, flags }],
  );

/** fib_lookup_good_nhc */
const isUsable = (netns: Netns, path: UsablePath, { oif, family, ignoreLinkState }: RouteQuery): boolean => {
  if (path.flags.includes('dead')) return false;
  if (oif !== undefined && path.device !== oif) return false;
  if (ignoreLinkState === true || !path.flags.includes('linkdown')) return true;
  const ignores = (device: string): boolean => interfaceSysctl(netns, family, device, 'ignore_routes_with_linkdown') === '1';
  return !(ignores('all') || ignores(path.device));
};

/** One of several paths by a hash (fib_select_multipath): of the addresses, or with policy 1 of the ports as well. */
export const pickPath = (journey: Decider, netns: Netns, decision: Extract<RouteDecision, { kind: 'unicast' }>): Path => {
  const { paths, route } = decision;
  if (paths.length === 1) return paths[0];
  const policy = sysctl(netns, `net.ipv${route.family}.fib_multipath_hash_policy`);
  const total = paths.reduce((sum, { weight }) => sum + weight, 0);
  const way = choose(journey, {
    kind: 'chance',
    per: policy === '1' || policy === '3' ? 'connection' : 'client',
    what: `the route to ${route.destination} has ${paths.length} paths`,
    ways: paths.map(({ gateway, device, weight }) => ({
      label: gateway === undefined ? `dev ${device}` : `via ${gateway} dev ${device}`,
      share: weight / total,
    })),
  });
  return paths[way] ?? paths[0];
};

/** Does any path of the route use the device? (fib_info_nh_uses_dev) */
export const usesDevice = ({ paths, route }: Extract<RouteDecision, { kind: 'unicast' }>, device: string): boolean =>
  paths.some((path) => path.device === device) || route.nexthops.some((path) => path.device === device);
