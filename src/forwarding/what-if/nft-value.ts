import { parseAddress } from '../address.ts';
import { fail } from './change.ts';
import type { Cursor } from './nft-words.ts';

const isAddress = (word: string): boolean => parseAddress(word) !== undefined && /[.:]/.test(word);

/** A word that stands for a number, an address, a prefix, a range or a name, as libnftables-json(5) writes it. */
export const scalar = (word: string): unknown => {
  if (/^(0x[0-9a-f]+|\d+)$/i.test(word)) return Number(word);
  if (word === 'missing' || word === 'exists') return word === 'exists';
  const [address = '', length] = word.split('/');
  if (length !== undefined && isAddress(address) && /^\d+$/.test(length)) return { prefix: { addr: address, len: Number(length) } };
  const [low = '', high, ...more] = word.split('-');
  if (high !== undefined && more.length === 0 && (isAddress(low) ? isAddress(high) : /^\d+$/.test(low) && /^\d+$/.test(high)))
    return { range: [scalar(low), scalar(high)] };
  return word;
};

/** `addr`, or `a . b . c` of a concatenation. */
const part = (cursor: Cursor): unknown => {
  const first = scalar(cursor.next());
  if (cursor.peek() === '-' && cursor.peek(1) !== undefined) {
    cursor.next();
    return { range: [first, scalar(cursor.next())] };
  }
  if (cursor.peek() !== '.') return first;
  const parts = [first];
  while (cursor.take('.')) parts.push(scalar(cursor.next()));
  return { concat: parts };
};

/** `{ a, b : verdict }`, after the opening brace; a pair where there is a colon. */
export const elements = (cursor: Cursor, data: (cursor: Cursor) => unknown): unknown[] => {
  const found: unknown[] = [];
  while (!cursor.take('}')) {
    const word = cursor.peek();
    if (word === undefined) cursor.expected('}');
    const glued = word?.endsWith(':') === true && word.length > 1 && parseAddress(word) === undefined;
    const key = glued ? scalar(cursor.next().slice(0, -1)) : part(cursor);
    // what else an element says (timeout, comment, counter) does not decide what it matches
    while (!glued && ['timeout', 'expires', 'comment'].includes(cursor.peek() ?? '')) {
      cursor.next();
      cursor.next();
    }
    found.push(glued || cursor.take(':') ? [key, data(cursor)] : key);
    if (!cursor.take(',') && cursor.peek() !== '}') cursor.expected('a comma or }');
  }
  return found;
};

/** What a match compares with: a value, a list of flags, a set, the name of a set. */
export const rightSide = (cursor: Cursor): unknown => {
  if (cursor.take('{')) return { set: elements(cursor, () => fail('nft: a set has no values')) };
  if (cursor.peek()?.startsWith('@')) return cursor.next();
  const words = [part(cursor)];
  while (cursor.take(',')) words.push(part(cursor));
  return words.length === 1 ? words[0] : words;
};
