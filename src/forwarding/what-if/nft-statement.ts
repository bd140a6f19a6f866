import { parseAddress } from '../address.ts';
import { fail } from './change.ts';
import { leftSide, writtenValue } from './nft-expression.ts';
import { elements, rightSide, scalar } from './nft-value.ts';
import type { Cursor } from './nft-words.ts';

type Reader = (cursor: Cursor) => unknown;

const NAT_FLAGS: ReadonlySet<string> = new Set(['random', 'fully-random', 'persistent']);

const flagsOf = (cursor: Cursor, known: ReadonlySet<string> = NAT_FLAGS): { flags?: unknown } => {
  const flags: string[] = [];
  while (known.has(cursor.peek() ?? '')) {
    flags.push(cursor.next());
    cursor.take(',');
  }
  return flags.length === 0 ? {} : { flags: flags.length === 1 ? flags[0] : flags };
};

/** `10.0.0.1`, `10.0.0.1:80`, `[fd00::1]:80`, `:80` */
const target = (word: string): { addr?: unknown; port?: unknown } => {
  const [, six, sixPort] = /^\[(.+)\](?::(\S+))?$/.exec(word) ?? [];
  if (six !== undefined) return { addr: six, ...(sixPort === undefined ? {} : { port: scalar(sixPort) }) };
  if (parseAddress(word)?.family === 6) return { addr: word };
  const [address = '', port] = word.split(':');
  return { ...(address === '' ? {} : { addr: scalar(address) }), ...(port === undefined ? {} : { port: scalar(port) }) };
};

const translation =
  (name: string): Reader =>
  (cursor) => {
    const family = cursor.peek() === 'ip' || cursor.peek() === 'ip6' ? { family: cursor.next() } : {};
    if (!cursor.take('to')) cursor.expected('to');
    return { [name]: { ...family, ...target(cursor.next()), ...flagsOf(cursor) } };
  };

const maybeTo =
  (name: string): Reader =>
  (cursor) => {
    const to = cursor.take('to') ? target(cursor.next()) : {};
    const body = { ...to, ...flagsOf(cursor) };
    return { [name]: Object.keys(body).length > 0 ? body : null };
  };

const reject: Reader = (cursor) => {
  if (!cursor.take('with')) return { reject: null };
  const type = cursor.next();
  if (type === 'tcp') return cursor.take('reset') ? { reject: { type: 'tcp reset' } } : cursor.expected('reset');
  cursor.take('type');
  return { reject: { type, expr: cursor.next() } };
};

const limit: Reader = (cursor) => {
  if (!cursor.take('rate')) cursor.expected('rate');
  const inverted = cursor.take('over');
  const [rate = '', per = 'second'] = cursor.next().split('/');
  const burst = cursor.take('burst') ? Number(cursor.next()) : undefined;
  if (burst !== undefined) cursor.take('packets');
  return { limit: { rate: Number(rate), per, ...(burst === undefined ? {} : { burst }), ...(inverted ? { inv: true } : {}) } };
};

const details = (cursor: Cursor, keys: readonly string[]): Record<string, unknown> => {
  const body: Record<string, unknown> = {};
  while (keys.includes(cursor.peek() ?? '')) body[cursor.next()] = scalar(cursor.next());
  return body;
};

/** `counter`, `log` and their like say more than decides anything. */
const withDetails =
  (name: string, keys: readonly string[]): Reader =>
  (cursor) => {
    const body = details(cursor, keys);
    return { [name]: Object.keys(body).length > 0 ? body : null };
  };

const QUEUE_FLAGS: ReadonlySet<string> = new Set(['bypass', 'fanout']);

/** `queue`, `queue num 7 bypass`, `queue num 7-9 fanout,bypass`, and since nft 0.9.9 `queue flags bypass to 7` or to what the rule computes. */
const queue: Reader = (cursor) => {
  const before = cursor.take('flags') ? flagsOf(cursor, QUEUE_FLAGS) : {};
  const isNumber = cursor.take('num') || (cursor.peek() === 'to' && /^\d/.test(cursor.peek(1) ?? '') && cursor.take('to'));
  const num = isNumber ? { num: scalar(cursor.next()) } : cursor.take('to') ? { num: leftSide(cursor) } : {};
  const body = { ...num, ...before, ...flagsOf(cursor, QUEUE_FLAGS) };
  return { queue: Object.keys(body).length > 0 ? body : null };
};

const plain =
  (name: string): Reader =>
  () => ({ [name]: null });

const readers: Record<string, Reader> = {
  accept: plain('accept'),
  drop: plain('drop'),
  return: plain('return'),
  continue: plain('continue'),
  notrack: plain('notrack'),
  jump: (cursor) => ({ jump: { target: cursor.next() } }),
  goto: (cursor) => ({ goto: { target: cursor.next() } }),
  reject,
  counter: (cursor) => ({ counter: { packets: 0, bytes: 0, ...details(cursor, ['packets', 'bytes']) } }),
  log: withDetails('log', ['prefix', 'level', 'group', 'snaplen']),
  limit,
  masquerade: maybeTo('masquerade'),
  redirect: maybeTo('redirect'),
  snat: translation('snat'),
  dnat: translation('dnat'),
  tproxy: translation('tproxy'),
  queue,
  fwd: (cursor) => (cursor.take('to') ? { fwd: { dev: cursor.next() } } : cursor.expected('to')),
};

/** Types whose values are bits: without an operator, any of those named will do. */
const isBits = (left: unknown): boolean => /"(ct)":\{"key":"(state|status)"|"field":"flags"/.test(JSON.stringify(left));

const OPERATORS: ReadonlySet<string> = new Set(['==', '!=', '<', '>', '<=', '>=']);

const spelledOut: Record<string, string> = { eq: '==', ne: '!=', lt: '<', gt: '>', le: '<=', ge: '>=' };

/** What begins with something of the packet: a match, a verdict map, or a value that is written. */
const aboutPacket = (cursor: Cursor): unknown => {
  const left = leftSide(cursor);
  if (cursor.take('set')) return { mangle: { key: left, value: writtenValue(cursor) } };
  if (cursor.take('vmap')) {
    if (cursor.peek()?.startsWith('@')) return { vmap: { key: left, data: cursor.next() } };
    return cursor.take('{') ? { vmap: { key: left, data: { set: elements(cursor, statement) } } } : cursor.expected('@MAP or {');
  }
  const word = spelledOut[cursor.peek() ?? ''] ?? cursor.peek() ?? '';
  const op = OPERATORS.has(word) ? word : undefined;
  if (op !== undefined) cursor.next();
  const right = rightSide(cursor);
  // `tcp flags syn / syn,ack`: value, then the bits that count
  if (cursor.take('/')) return { match: { op: op ?? '==', left: { '&': [left, rightSide(cursor)] }, right } };
  return { match: { op: op ?? (isBits(left) && !isSet(right) ? 'in' : '=='), left, right } };
};

const isSet = (right: unknown): boolean => typeof right === 'object' && right !== null && 'set' in right;

const statement = (cursor: Cursor): unknown => {
  const word = cursor.peek() ?? '';
  const reader = readers[word];
  if (!reader) return aboutPacket(cursor);
  cursor.next();
  return reader(cursor);
};

/**
 * A rule in nft's words as libnftables-json(5) writes its expressions.
 * @throws ChangeError where it is not understood
 */
export const ruleExpressions = (cursor: Cursor): { expr: unknown[]; comment?: string } => {
  const expr: unknown[] = [];
  let comment: string | undefined;
  while (!cursor.done()) {
    if (cursor.take('comment')) comment = cursor.next();
    else expr.push(statement(cursor));
  }
  if (expr.length === 0) fail('nft: the rule is empty');
  return { expr, ...(comment === undefined ? {} : { comment }) };
};

/** A verdict as the value of a map's element. */
export const verdict = (cursor: Cursor): unknown => (readers[cursor.peek() ?? ''] ? statement(cursor) : scalar(cursor.next()));
