import type { NftTable } from '../../../node/netfilter-state.ts';
import { choose } from '../../fork.ts';
import type { RuleRef } from '../../hop.ts';
import { named } from '../../named.ts';
import type { Pass } from '../../pass.ts';
import type { Known } from '../context.ts';
import { drawnIs, isDrawnHigh } from '../drawn-port.ts';
import { isBits, type Scalar, typeOf } from './datatype.ts';
import { compileExpression, type Expression } from './expression.ts';
import { isObject, type Json, nameAndBody } from './json.ts';
import { findElement, indexElements } from './set-index.ts';
import { indexOf } from './set-lookup.ts';
import { absent, isLuck, type Luck, type Value } from './value.ts';

export type CompiledMatch = (pass: Pass, by: () => RuleRef) => Known;

type Compare = (left: Value, pass: Pass) => Known;

/** `left op right` */
export const compileMatch = ({ op, left, right }: Json, table: NftTable): CompiledMatch => {
  const expression = compileExpression(left, table, typeOf(left));
  const compare = comparison(String(op), expression, right, table);
  const port = portIn(left);
  return (pass, by) => {
    const value = expression.evaluate(pass);
    if (value === absent) return false;
    if (value === undefined) return port && isDrawnHigh(pass.flight, port) ? drawnIs((one) => compare(one, pass)) : undefined;
    return isLuck(value) ? lucky(value, compare, pass, by) : compare(value, pass);
  };
};

/** `tcp dport`, `th sport`… */
const portIn = (left: unknown): 'sourcePort' | 'destinationPort' | undefined => {
  const [name, body] = nameAndBody(left);
  const field = name === 'payload' && isObject(body) ? body.field : undefined;
  return field === 'sport' ? 'sourcePort' : field === 'dport' ? 'destinationPort' : undefined;
};

const comparison = (op: string, left: Expression, right: unknown, table: NftTable): Compare => {
  const order = named(orders, op);
  if (order) return ordered(order, left, right, table);
  const equals = equality(op, left, right, table);
  if (op !== '!=') return equals;
  return (value, pass) => {
    const answer = equals(value, pass);
    return answer === undefined ? undefined : !answer;
  };
};

const orders: Record<string, (a: Scalar, b: Scalar) => boolean> = {
  '<': (a, b) => a < b,
  '>': (a, b) => a > b,
  '<=': (a, b) => a <= b,
  '>=': (a, b) => a >= b,
};

const ordered = (order: (a: Scalar, b: Scalar) => boolean, { types: [type = 'number'] }: Expression, right: unknown, table: NftTable): Compare => {
  const other = compileExpression(right, table, type);
  return (value, pass) => {
    const limit = other.evaluate(pass);
    return isScalar(value) && isScalar(limit) && typeof value === typeof limit ? order(value, limit) : undefined;
  };
};

const isScalar = (value: Value): value is Scalar => typeof value === 'number' || typeof value === 'bigint' || typeof value === 'string';

/** A set, named or written out; bits of which any counts; a range or prefix; or one value. */
const equality = (op: string, left: Expression, right: unknown, table: NftTable): Compare => {
  const { types } = left;
  const [type = 'number'] = types;
  if (typeof right === 'string' && right.startsWith('@')) return inSet(right, left, table);
  const [name, body] = nameAndBody(right);
  if (name === 'set') return inSet(right, left, table);
  const wanted = presenceOf(left, right);
  if (wanted !== undefined) return (value) => (value === undefined ? undefined : (value !== '' && value !== 0) === wanted);
  const words = Array.isArray(right) ? right : name === '|' && Array.isArray(body) ? body.flat(Number.POSITIVE_INFINITY) : undefined;
  if (words && isBits(type)) return anyBit(op, words, table, type);
  if (op === 'in' && isBits(type)) return anyBit(op, [right], table, type);
  const written = words ?? [right];
  if (isObject(right) && !['range', 'prefix', 'concat', 'elem'].includes(name)) return computed(right, type, table);
  const index = indexElements(written, types, false);
  return (value) => {
    if (value === undefined || value === absent || isLuck(value)) return undefined;
    const found = findElement(index, Array.isArray(value) ? value : [value]);
    return found === undefined ? undefined : found !== 'none';
  };
};

/** `fib … oif exists` is printed as true, `missing` as false, `missing` or 0, by version: is there such a route? */
const presenceOf = ({ types: [type] }: Expression, right: unknown): boolean | undefined => {
  if (right === true || right === false) return right;
  return type === 'word' && (right === 0 || right === 'missing' || right === '0') ? false : undefined;
};

const inSet =
  (reference: unknown, { types }: Expression, table: NftTable): Compare =>
  (value) => {
    const index = indexOf(reference, table, types, false);
    if (!index || value === undefined || value === absent || isLuck(value)) return undefined;
    const found = findElement(index, Array.isArray(value) ? value : [value]);
    return found === undefined ? undefined : found !== 'none';
  };

/** `ct state established,related`: one of them is enough. `tcp flags == syn,ack` would have to be all, and comes with ==. */
const anyBit = (op: string, words: unknown[], table: NftTable, type: Parameters<typeof compileExpression>[2]): Compare => {
  const values = words.map((word) => compileExpression(word, table, type));
  return (value, pass) => {
    let mask = 0;
    for (const { evaluate } of values) {
      const bit = evaluate(pass);
      if (typeof bit !== 'number') return undefined;
      mask |= bit;
    }
    if (typeof value !== 'number') return undefined;
    // only `in` means any of them; `!= new,established` is plain inequality, and true of both
    return op === 'in' ? (value & mask) !== 0 : value === mask;
  };
};

const computed = (right: unknown, type: Parameters<typeof compileExpression>[2], table: NftTable): Compare => {
  const other = compileExpression(right, table, type);
  return (value, pass) => {
    const wanted = other.evaluate(pass);
    return isScalar(value) && isScalar(wanted) ? value === wanted : undefined;
  };
};

/** More values than this are not drawn one by one. */
const MOST_DRAWN = 4096;

/** `numgen random mod 10 < 3`: the share of the numbers that match. */
const lucky = ({ from, count, per }: Luck, compare: Compare, pass: Pass, by: () => RuleRef): Known => {
  if (count > MOST_DRAWN) return undefined;
  let matching = 0;
  for (let number = from; number < from + count; number += 1) {
    const answer = compare(number, pass);
    if (answer === undefined) return undefined;
    if (answer) matching += 1;
  }
  if (matching === 0 || matching === count) return matching > 0;
  const ref = by();
  const share = matching / count;
  const what = `${ref.table} ${ref.chain} handle ${ref.number} matches ${Math.round(share * 1000) / 10} % at random`;
  const ways = [
    { label: 'matches', share },
    { label: 'does not', share: 1 - share },
  ];
  return choose(pass.journey, { kind: 'chance', per, what, by: ref, ways }) === 0;
};
