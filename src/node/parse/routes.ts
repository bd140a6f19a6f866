import type { Family, Route } from '../snapshot.ts';
import { asPrefix } from './address.ts';
import {
  isRecord,
  type Json,
  linesOf,
  listAt,
  looksLikeJson,
  numberAt,
  optional,
  type Parsed,
  readEach,
  readRecords,
  recordAt,
  stringAt,
  stringsAt,
} from './json.ts';
import { protocolName, ROUTE_TYPES, scopeName, tableName, typeName } from './rtnetlink.ts';

const FLAGS = ['onlink', 'linkdown', 'dead', 'pervasive', 'offload', 'trap', 'rt_offload', 'rt_trap', 'unresolved', 'notify'];

type Nexthop = Route['nexthops'][number];

/** `via` carries a gateway of the other family (RFC 5549). */
const gatewayOf = (item: Json): string | undefined => stringAt(item, 'gateway') ?? stringAt(recordAt(item, 'via'), 'host');

const readNexthop = (item: Json): Nexthop => ({
  ...optional('gateway', gatewayOf(item)),
  ...optional('device', stringAt(item, 'dev')),
  weight: numberAt(item, 'weight') ?? 1,
  flags: stringsAt(item, 'flags'),
});

/** `0x10`, or a name of /etc/iproute2/rt_dsfield, which is not ours to know. */
export const tosOf = (text: string | undefined): number | undefined => (text === undefined || Number.isNaN(Number(text)) ? undefined : Number(text));

export const routeFromJson = (item: Json, asked: Family): Route | undefined => {
  const destination = stringAt(item, 'dst');
  if (destination === undefined) return undefined;
  // "show table all" without -4 answers for both families
  const family = destination.includes(':') ? 6 : asked;
  const metrics = listAt(item, 'metrics').filter(isRecord);
  return {
    family,
    destination: asPrefix(destination, family),
    table: tableName(stringAt(item, 'table') ?? 'main'),
    type: typeName(stringAt(item, 'type') ?? 'unicast'),
    ...optional('gateway', gatewayOf(item)),
    ...optional('device', stringAt(item, 'dev')),
    ...optional('source', stringAt(item, 'prefsrc')),
    metric: numberAt(item, 'metric') ?? 0,
    ...optional('tos', tosOf(stringAt(item, 'tos'))),
    protocol: protocolName(stringAt(item, 'protocol') ?? 'boot'),
    scope: scopeName(stringAt(item, 'scope') ?? 'global'),
    flags: stringsAt(item, 'flags'),
    ...optional(
      'mtu',
      metrics.map((metric) => numberAt(metric, 'mtu')).find((mtu) => mtu !== undefined),
    ),
    nexthops: listAt(item, 'nexthops').filter(isRecord).map(readNexthop),
  };
};

/** `words` after the destination, two by two where a key has a value. */
const wordAfter = (words: readonly string[], key: string): string | undefined => {
  const at = words.indexOf(key);
  return at < 0 ? undefined : words[at + 1];
};

/** `via 10.0.0.1`, or `via inet6 fe80::1`. */
const viaOf = (words: readonly string[]): string | undefined => {
  const next = wordAfter(words, 'via');
  return next === 'inet' || next === 'inet6' ? words[words.indexOf('via') + 2] : next;
};

/** `mtu 1450` or `mtu lock 1450`. */
const mtuOf = (words: readonly string[]): number | undefined => {
  const at = words.indexOf('mtu');
  const text = words[at + 1] === 'lock' ? words[at + 2] : words[at + 1];
  return at < 0 || text === undefined || !/^\d+$/.test(text) ? undefined : Number(text);
};

const nexthopOf = (words: readonly string[]): Nexthop => ({
  ...optional('gateway', viaOf(words)),
  ...optional('device', wordAfter(words, 'dev')),
  weight: Number(wordAfter(words, 'weight') ?? 1) || 1,
  flags: FLAGS.filter((flag) => words.includes(flag)),
});

/** `unicast 10.0.0.0/24 via 10.1.0.1 dev eth0 table 100 proto static scope global metric 5 onlink` */
const fromWords = (all: readonly string[], family: Family): Route | undefined => {
  const typed = ROUTE_TYPES.has(all[0] ?? '');
  const [destination, ...words] = typed ? all.slice(1) : all;
  if (destination === undefined || !/^(default|[0-9a-f.:]+(\/\d+)?)$/.test(destination)) return undefined;
  const { gateway, device, flags } = nexthopOf(words);
  return {
    family,
    destination: asPrefix(destination, family),
    table: tableName(wordAfter(words, 'table') ?? 'main'),
    type: typed ? (all[0] ?? '') : 'unicast',
    ...optional('gateway', gateway),
    ...optional('device', device),
    ...optional('source', wordAfter(words, 'src')),
    metric: Number(wordAfter(words, 'metric') ?? 0) || 0,
    ...optional('tos', tosOf(wordAfter(words, 'tos'))),
    protocol: protocolName(wordAfter(words, 'proto') ?? 'boot'),
    scope: scopeName(wordAfter(words, 'scope') ?? 'global'),
    flags,
    ...optional('mtu', mtuOf(words)),
    nexthops: [],
  };
};

const fromText = (text: string, family: Family): Parsed<Route[]> => {
  const value: Route[] = [];
  const unparsed: string[] = [];
  for (const line of linesOf(text)) {
    const words = line.trim().split(/\s+/);
    const last = value.at(-1);
    if (words[0] === 'nexthop' && last) {
      last.nexthops.push(nexthopOf(words));
      continue;
    }
    const route = fromWords(words, family);
    if (route) value.push(route);
    else unparsed.push(line.slice(0, 120));
  }
  return { value, unparsed };
};

/** `ip -4|-6 -d [-j] route show table all` */
export const parseRoutes = (text: string, family: Family): Parsed<Route[]> => {
  if (!looksLikeJson(text)) return fromText(text, family);
  const records = readRecords(text);
  const routes = readEach(records.value, (item) => routeFromJson(item, family));
  return { value: routes.value, unparsed: [...records.unparsed, ...routes.unparsed] };
};
