import type { NftTable } from '../../../node/netfilter-state.ts';
import { parseAddress } from '../../address.ts';
import { and, or, xor } from '../../mark.ts';
import { named } from '../../named.ts';
import { isV6, type Pass } from '../../pass.ts';
import { constant, type DataType, type Scalar, typeOf } from './datatype.ts';
import { isObject, type Json, nameAndBody } from './json.ts';
import { conntrack, fib, meta } from './meta.ts';
import { payload } from './payload.ts';
import { lookUp } from './set-lookup.ts';
import { absent, isLuck, type Luck, type Value } from './value.ts';

export interface Expression {
  /** One per part of a concatenation. */
  types: DataType[];
  evaluate: (pass: Pass) => Value;
}

const unknown: Expression = { types: ['number'], evaluate: () => undefined };

/** An expression of the left side, or the value of a statement; `like` gives its type to a constant. */
export const compileExpression = (expression: unknown, table: NftTable, like: DataType = 'number'): Expression => {
  if (typeof expression === 'string' || typeof expression === 'number' || typeof expression === 'boolean') {
    const value = constant(like, expression);
    return { types: [like], evaluate: () => value };
  }
  const [name, body] = nameAndBody(expression);
  return named(compilers, name)?.(body, table, like) ?? unknown;
};

const leaf =
  (evaluate: (body: Json) => (pass: Pass) => Value, name: string): Compiler =>
  (body) =>
    isObject(body) ? { types: [typeOf({ [name]: body })], evaluate: evaluate(body) } : unknown;

type Compiler = (body: unknown, table: NftTable, like: DataType) => Expression;

const binary =
  (compute: (a: number, b: number) => number): Compiler =>
  (body, table, like) => {
    const parts = Array.isArray(body) ? body : [];
    const type = parts.map(typeOf).find((one) => one !== 'number') ?? like;
    const compiled = parts.map((part) => compileOperand(part, table, type));
    return {
      types: [type],
      evaluate: (pass) => {
        let total: number | undefined;
        for (const { evaluate } of compiled) {
          const value = evaluate(pass);
          if (value === absent) return absent;
          if (typeof value !== 'number') return undefined;
          total = total === undefined ? value : compute(total, value);
        }
        return total;
      },
    };
  };

/** `syn | ack` may come as a list. */
const compileOperand = (part: unknown, table: NftTable, type: DataType): Expression => {
  if (!Array.isArray(part)) return compileExpression(part, table, type);
  const values = part.map((word) => constant(type, word));
  const bits = values.reduce<number | undefined>((sum, value) => (typeof value === 'number' && sum !== undefined ? or(sum, value) : undefined), 0);
  return { types: [type], evaluate: () => bits };
};

const concat: Compiler = (body, table) => {
  const parts = Array.isArray(body) ? body.map((part) => compileExpression(part, table, typeOf(part))) : [];
  return {
    types: parts.flatMap(({ types }) => types),
    evaluate: (pass) => {
      const values: Scalar[] = [];
      for (const { evaluate } of parts) {
        const value = evaluate(pass);
        if (value === absent || value === undefined) return value;
        if (isLuck(value) || Array.isArray(value)) return undefined;
        values.push(value);
      }
      return values;
    },
  };
};

const draws =
  (per: (body: Json) => Luck['per']): Compiler =>
  (body) => {
    if (!isObject(body)) return unknown;
    const luck = { from: Number(body.offset ?? 0), count: Number(body.mod), per: per(body) };
    return luck.count > 0 ? { types: ['number'], evaluate: () => luck } : unknown;
  };

/** A hash of addresses alone is the same for a client every time; with ports it is per connection. */
const hashedFor = (body: Json): Luck['per'] => (/port/.test(JSON.stringify(body.expr ?? '')) ? 'connection' : 'client');

const compilers: Record<string, Compiler> = {
  payload: leaf((body) => (pass) => payload(body, pass), 'payload'),
  meta: leaf((body) => (pass) => meta(String(body.key), pass), 'meta'),
  ct: leaf((body) => (pass) => conntrack(body, pass), 'ct'),
  fib: leaf((body) => (pass) => fib(body, pass), 'fib'),
  exthdr: leaf(
    (body) =>
      ({ flight }) =>
        isV6(flight.packet) && body.field === undefined ? 0 : absent,
    'exthdr',
  ),
  numgen: draws(() => 'packet'),
  jhash: draws(hashedFor),
  symhash: draws(() => 'connection'),
  concat,
  '&': binary(and),
  '|': binary(or),
  '^': binary(xor),
  '<<': binary((a, b) => (a << b) >>> 0),
  '>>': binary((a, b) => a >>> b),
  map: (body, table, like) => (isObject(body) ? mapped(body, table, like) : unknown),
};

/** `key map { key : value }` as a value. */
const mapped = ({ key, data }: Json, table: NftTable, like: DataType): Expression => {
  const left = compileExpression(key, table, typeOf(key));
  return {
    types: [like],
    evaluate: (pass) => {
      const found = lookUp(left, data, table, pass);
      if (found === undefined || found === 'none') return found === 'none' ? absent : undefined;
      return compileData(found.data, table, like)(pass);
    },
  };
};

/** The value side of a map: a constant, or several for `ip . port`. */
export const compileData = (data: unknown, table: NftTable, like: DataType): ((pass: Pass) => Value) => {
  const [name, body] = nameAndBody(data);
  if (name !== 'concat' || !Array.isArray(body)) return compileExpression(data, table, like).evaluate;
  const values = body.map((part) => (typeof part === 'string' ? (parseAddress(part)?.value ?? part) : part)) as Scalar[];
  return () => values;
};
