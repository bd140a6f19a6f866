import { fail } from './change.ts';
import { scalar } from './nft-value.ts';
import type { Cursor } from './nft-words.ts';

const PAYLOADS: ReadonlySet<string> = new Set([
  'ether',
  'vlan',
  'arp',
  'ip',
  'ip6',
  'icmp',
  'icmpv6',
  'tcp',
  'udp',
  'udplite',
  'sctp',
  'dccp',
  'th',
  'ah',
  'esp',
  'gre',
]);

/** Meta keys that need no `meta` before them (nft(8)). */
const BARE_META: ReadonlySet<string> = new Set([
  'iif',
  'iifname',
  'iiftype',
  'oif',
  'oifname',
  'oiftype',
  'mark',
  'skuid',
  'skgid',
  'nftrace',
  'rtclassid',
  'ibrname',
  'obrname',
  'pkttype',
  'cpu',
  'iifgroup',
  'oifgroup',
  'cgroup',
]);

const readers: Record<string, (cursor: Cursor) => unknown> = {
  meta: (cursor) => ({ meta: { key: cursor.next() } }),
  ct: (cursor) => {
    const first = cursor.next();
    if (first !== 'original' && first !== 'reply') return { ct: { key: first } };
    const family = cursor.peek() === 'ip' || cursor.peek() === 'ip6' ? `${cursor.next()} ` : '';
    return { ct: { key: `${family}${cursor.next()}`, dir: first } };
  },
  fib: (cursor) => {
    const flags = [cursor.next()];
    while (cursor.take('.')) flags.push(cursor.next());
    return { fib: { result: cursor.next(), flags } };
  },
  numgen: (cursor) => {
    const mode = cursor.next();
    const mod = modulus(cursor);
    return { numgen: { mode, mod, offset: cursor.take('offset') ? Number(cursor.next()) : 0 } };
  },
  jhash: (cursor) => {
    const expr = leftSide(cursor);
    return { jhash: { expr, mod: modulus(cursor), ...(cursor.take('seed') ? { seed: Number(cursor.next()) } : {}), ...offset(cursor) } };
  },
  symhash: (cursor) => ({ symhash: { mod: modulus(cursor), ...offset(cursor) } }),
  socket: (cursor) => ({ socket: { key: cursor.next() } }),
  rt: (cursor) => ({ rt: { key: cursor.next() } }),
};

const offset = (cursor: Cursor): { offset?: number } => (cursor.take('offset') ? { offset: Number(cursor.next()) } : {});

const modulus = (cursor: Cursor): number => (cursor.take('mod') ? Number(cursor.next()) : cursor.expected('mod'));

/** One thing of a packet: `ip saddr`, `tcp dport`, `iifname`, `ct state`. */
const primary = (cursor: Cursor): unknown => {
  if (cursor.take('(')) {
    const inner = leftSide(cursor);
    if (!cursor.take(')')) cursor.expected(')');
    return inner;
  }
  const word = cursor.next();
  const reader = readers[word];
  if (reader) return reader(cursor);
  if (PAYLOADS.has(word)) return { payload: { protocol: word, field: cursor.next() } };
  return BARE_META.has(word) ? { meta: { key: word } } : fail(`nft: "${word}" begins nothing that can be tried`);
};

const OPERATORS: Record<string, string> = {
  '&': '&',
  '|': '|',
  '^': '^',
  '<<': '<<',
  '>>': '>>',
  and: '&',
  or: '|',
  xor: '^',
  lshift: '<<',
  rshift: '>>',
};

/** `VALUE & 0xff`, and more of the kind. */
const withBits = (cursor: Cursor, first: unknown): unknown => {
  let value = first;
  for (let sign = OPERATORS[cursor.peek() ?? '']; sign !== undefined; sign = OPERATORS[cursor.peek() ?? '']) {
    cursor.next();
    value = { [sign]: [value, operand(cursor)] };
  }
  return value;
};

/** Left of an operator a value may stand as well: `mark & 0xff`, `(syn | ack)`. */
const operand = (cursor: Cursor): unknown => {
  if (!cursor.take('(')) return scalar(cursor.next());
  const value = withBits(cursor, scalar(cursor.next()));
  if (!cursor.take(')')) cursor.expected(')');
  return value;
};

/** What a match looks at: one thing, several with dots between, or bits of one. */
export const leftSide = (cursor: Cursor): unknown => {
  const first = primary(cursor);
  if (cursor.peek() === '.') {
    const parts = [first];
    while (cursor.take('.')) parts.push(primary(cursor));
    return { concat: parts };
  }
  return withBits(cursor, first);
};

/** What is written by `meta mark set …`: a value, or something of the packet with bits changed. */
export const writtenValue = (cursor: Cursor): unknown => {
  const word = cursor.peek() ?? '';
  const isExpression = readers[word] !== undefined || PAYLOADS.has(word) || BARE_META.has(word);
  return isExpression ? leftSide(cursor) : withBits(cursor, scalar(cursor.next()));
};
