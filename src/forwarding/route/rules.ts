import type { Family, Netns, Rule } from '../../node/snapshot.ts';
import { inPrefix } from '../address.ts';
import { matchesMark } from '../mark.ts';
import type { Known } from '../netfilter/context.ts';
import { protocolNumber } from '../protocol.ts';

/** What a route is looked up by (struct flowi). */
export interface RouteQuery {
  family: Family;
  destination: string;
  /** Empty where the sender has none yet. */
  source: string;
  mark: number;
  /** Interface the packet came in by; `lo` for what is made here. */
  iif: string;
  /** Only routes out of this device count: a socket bound to it, a reverse-path check. */
  oif?: string | undefined;
  /** Rules see this as the outgoing device, routes do not. */
  preferred?: string | undefined;
  tos?: number | undefined;
  /** Of the process that sends; root's for what is forwarded (net/ipv4/route.c ip_route_input_slow) and for what the kernel makes. */
  uid?: number | undefined;
  /** Assigned number. */
  protocol?: number | undefined;
  sourcePort?: number | undefined;
  destinationPort?: number | undefined;
  /** Table of the VRF the packet is in. */
  vrf?: string | undefined;
  /** Next hops without carrier count as well (FIB_LOOKUP_IGNORE_LINKSTATE). */
  ignoreLinkState?: boolean | undefined;
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

const cache = new WeakMap<Netns, Map<Family, Rule[]>>();

/** By priority. */
export const rulesOf = (netns: Netns, family: Family): Rule[] => {
  const known = cache.get(netns) ?? new Map<Family, Rule[]>();
  cache.set(netns, known);
  const own = netns.rules.filter((rule) => rule.family === family).sort((a, b) => a.priority - b.priority);
  const rules = known.get(family) ?? (own.length > 0 ? own : defaultRules(family));
  known.set(family, rules);
  return rules;
};

/** Somebody added a rule (fib4_has_custom_rules). */
export const hasOwnRules = (netns: Netns): boolean =>
  rulesOf(netns, 4).some(
    ({ priority, table, action }) => action !== 'lookup' || !['0 local', '32766 main', '32767 default'].includes(`${priority} ${table}`),
  );

const anywhere = new Set(['', 'all', 'any', 'default', '0.0.0.0/0', '::/0']);

/** A packet that has no source yet is from 0.0.0.0, which is in no prefix but the whole. */
const selects = (prefix: string, address: string): Known => anywhere.has(prefix) || (address !== '' && inPrefix(prefix, address));

const inRange = (range: string, value: number | undefined): Known => {
  const [low, high = low] = range.split('-').map(Number);
  if (value === undefined || low === undefined || high === undefined) return undefined;
  return value >= low && value <= high;
};

/** Undefined where the packet's part that is asked for is not known. */
export const ruleMatches = (rule: Rule, query: RouteQuery): Known => {
  const answers: Known[] = [
    selects(rule.from, query.source),
    selects(rule.to, query.destination),
    rule.iif === undefined || rule.iif === query.iif,
    rule.oif === undefined || rule.oif === (query.oif ?? query.preferred),
    rule.fwmark === undefined || matchesMark(rule.fwmark, query.mark),
    rule.tos === undefined || rule.tos === (query.tos ?? 0),
    rule.ipproto === undefined || (query.protocol === undefined ? undefined : protocolNumber(rule.ipproto) === query.protocol),
    rule.sport === undefined || inRange(rule.sport, query.sourcePort),
    rule.dport === undefined || inRange(rule.dport, query.destinationPort),
    rule.uidRange === undefined || inRange(rule.uidRange, query.uid),
    rule.l3mdev !== true || query.vrf !== undefined,
    rule.tunnelId === undefined,
  ];
  if (answers.includes(false)) return rule.not;
  return answers.includes(undefined) ? undefined : !rule.not;
};
