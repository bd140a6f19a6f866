import type { Family, Rule } from '../snapshot.ts';
import { asPrefix } from './address.ts';
import { flagAt, type Json, numberAt, optional, type Parsed, readList, stringAt } from './json.ts';
import { tosOf } from './routes.ts';
import { tableName } from './rtnetlink.ts';

const selector = (item: Json, key: 'src' | 'dst', family: Family): string => {
  const address = stringAt(item, key);
  const length = numberAt(item, `${key}len`);
  return asPrefix(address === undefined ? 'all' : length === undefined || address === 'all' ? address : `${address}/${length}`, family);
};

/** `80`, or `80-90` */
const portRange = (item: Json, key: 'sport' | 'dport'): string | undefined => {
  const start = stringAt(item, `${key}_start`);
  return stringAt(item, key) ?? (start === undefined ? undefined : `${start}-${stringAt(item, `${key}_end`) ?? start}`);
};

export const ruleFromJson = (item: Json, family: Family): Rule | undefined => {
  const priority = numberAt(item, 'priority');
  if (priority === undefined) return undefined;
  const mark = stringAt(item, 'fwmark');
  const mask = stringAt(item, 'fwmask');
  const table = stringAt(item, 'table');
  const target = stringAt(item, 'goto');
  return {
    family,
    priority,
    not: flagAt(item, 'not'),
    from: selector(item, 'src', family),
    to: selector(item, 'dst', family),
    ...optional('iif', stringAt(item, 'iif')),
    ...optional('oif', stringAt(item, 'oif')),
    ...optional('fwmark', mark === undefined ? undefined : `${mark}/${mask ?? '0xffffffff'}`),
    ...optional('ipproto', stringAt(item, 'ipproto')),
    ...optional('sport', portRange(item, 'sport')),
    ...optional('dport', portRange(item, 'dport')),
    ...optional('table', table === undefined ? undefined : tableName(table)),
    ...optional('suppressPrefixLength', numberAt(item, 'suppress_prefixlen')),
    ...optional('suppressGroup', stringAt(item, 'suppress_ifgroup')),
    ...optional('uidRange', numberAt(item, 'uid_start') === undefined ? undefined : `${numberAt(item, 'uid_start')}-${numberAt(item, 'uid_end')}`),
    ...optional('tos', tosOf(stringAt(item, 'tos'))),
    ...optional('tunnelId', stringAt(item, 'tun_id')),
    ...('l3mdev' in item ? { l3mdev: true } : {}),
    action: target === undefined ? (stringAt(item, 'action') ?? 'lookup') : `goto ${target}`,
  };
};

const VALUED = [
  'from',
  'to',
  'iif',
  'oif',
  'fwmark',
  'ipproto',
  'sport',
  'dport',
  'lookup',
  'table',
  'goto',
  'suppress_prefixlength',
  'proto',
  'protocol',
  'tos',
  'uidrange',
  'realms',
  'suppress_ifgroup',
  'tun_id',
];

/** `32765:	not from 10.0.0.0/8 fwmark 0x1/0xff iif eth0 lookup main`; a word that takes no value and is no flag is the action. */
const fromLine = (line: string, family: Family): Rule | undefined => {
  const match = line.match(/^(\d+):\s+(.*)$/);
  if (!match) return undefined;
  const words = (match[2] ?? '').trim().split(/\s+/);
  const values = new Map<string, string>();
  const flags: string[] = [];
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    if (VALUED.includes(word)) values.set(word, words[++at] ?? '');
    else flags.push(word);
  }
  const mark = values.get('fwmark');
  const table = values.get('lookup') ?? values.get('table');
  const suppress = values.get('suppress_prefixlength');
  const target = values.get('goto');
  const action = flags.find((flag) => ['blackhole', 'unreachable', 'prohibit', 'throw', 'nop'].includes(flag));
  return {
    family,
    priority: Number(match[1]),
    not: flags.includes('not'),
    from: asPrefix(values.get('from') ?? 'all', family),
    to: asPrefix(values.get('to') ?? 'all', family),
    ...optional('iif', values.get('iif')),
    ...optional('oif', values.get('oif')),
    ...optional('fwmark', mark === undefined || mark.includes('/') ? mark : `${mark}/0xffffffff`),
    ...optional('ipproto', values.get('ipproto')),
    ...optional('sport', values.get('sport')),
    ...optional('dport', values.get('dport')),
    ...optional('table', table === undefined ? undefined : tableName(table)),
    ...optional('suppressPrefixLength', suppress === undefined ? undefined : Number(suppress)),
    ...optional('suppressGroup', values.get('suppress_ifgroup')),
    ...optional('uidRange', values.get('uidrange')),
    ...optional('tos', tosOf(values.get('tos'))),
    ...optional('tunnelId', values.get('tun_id')),
    ...(table === '[l3mdev-table]' ? { l3mdev: true } : {}),
    action: target === undefined ? (action ?? 'lookup') : `goto ${target}`,
  };
};

/** `ip -4|-6 [-j] rule show` */
export const parseRules = (text: string, family: Family): Parsed<Rule[]> =>
  readList(
    text,
    (item) => ruleFromJson(item, family),
    (line) => fromLine(line, family),
  );
