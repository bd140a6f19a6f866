import { type Prefix, parsePrefix } from '../../address.ts';
import { constant, type DataType, type Scalar } from './datatype.ts';
import { isObject, nameAndBody, unwrap } from './json.ts';

/** One part of an element: a value, a range, or names that begin so. */
type Part = { is: Scalar } | { low: Scalar; high: Scalar } | { prefix: Prefix } | { begins: string } | { any: true };

export interface Element {
  parts: Part[];
  /** What a map gives for it. */
  data: unknown;
}

export interface SetIndex {
  /** Elements that are plain values, by those. */
  exact: Map<string, Element>;
  /** All others, tried one after the other. */
  others: Element[];
  /** An element was not understood: a miss proves nothing. */
  partly: boolean;
}

export const keyOf = (values: readonly Scalar[]): string => values.join('|');

const readPart = (written: unknown, type: DataType): Part | undefined => {
  const part = unwrap(written);
  const [name, body] = nameAndBody(part);
  if (name === 'range' && Array.isArray(body)) {
    const [low, high] = body.map((end) => constant(type, end));
    return low === undefined || high === undefined ? undefined : { low, high };
  }
  if (name === 'prefix' && isObject(body)) {
    const prefix = parsePrefix(`${body.addr}/${body.len}`);
    return prefix && { prefix };
  }
  if (part === '*') return { any: true };
  if (type === 'ifname' && typeof part === 'string' && part.endsWith('*')) return { begins: part.slice(0, -1) };
  if (name === '|' || Array.isArray(part)) return bitsOf(Array.isArray(part) ? part : body, type);
  if (type === 'address' && typeof part === 'string' && part.includes('/')) {
    const prefix = parsePrefix(part);
    return prefix && { prefix };
  }
  const is = constant(type, part);
  return is === undefined ? undefined : { is };
};

/** `syn | ack` as an element. */
const bitsOf = (body: unknown, type: DataType): Part | undefined => {
  const words = Array.isArray(body) ? body.flat(Number.POSITIVE_INFINITY) : [];
  const values = words.map((word) => constant(type, word));
  if (values.length === 0 || values.some((value) => typeof value !== 'number')) return undefined;
  return { is: values.reduce<number>((sum, value) => sum | Number(value), 0) };
};

const readElement = (written: unknown, types: readonly DataType[], data: unknown): Element | undefined => {
  const key = unwrap(written);
  const [name, body] = nameAndBody(key);
  const words = name === 'concat' && Array.isArray(body) ? body : [key];
  const parts: Part[] = [];
  for (const [at, word] of words.entries()) {
    const part = readPart(word, types[at] ?? 'number');
    if (part === undefined) return undefined;
    parts.push(part);
  }
  return { parts, data };
};

const exactKey = ({ parts }: Element): string | undefined => {
  const values: Scalar[] = [];
  for (const part of parts) {
    if (!('is' in part)) return undefined;
    values.push(part.is);
  }
  return keyOf(values);
};

/** Elements of a set, or `[key, value]` pairs of a map, ready to be looked up for values of these types. */
export const indexElements = (elements: readonly unknown[], types: readonly DataType[], map: boolean): SetIndex => {
  const index: SetIndex = { exact: new Map(), others: [], partly: false };
  for (const element of elements) {
    const [key, data] = map && Array.isArray(element) ? element : [element, undefined];
    const read = readElement(key, types, data);
    const exact = read && exactKey(read);
    if (!read) index.partly = true;
    else if (exact === undefined) index.others.push(read);
    else index.exact.set(exact, read);
  }
  return index;
};

const partHolds = (part: Part | undefined, value: Scalar | undefined): boolean => {
  if (part === undefined || value === undefined) return false;
  if ('is' in part) return part.is === value;
  if ('any' in part) return true;
  if ('begins' in part) return typeof value === 'string' && value.startsWith(part.begins);
  if ('low' in part) return typeof part.low === typeof value && value >= part.low && value <= part.high;
  return prefixHolds(part.prefix, value);
};

const prefixHolds = (prefix: Prefix, value: Scalar): boolean => {
  if (prefix.family === 4) return typeof value === 'number' && (value & prefix.mask) >>> 0 === prefix.network;
  return typeof value === 'bigint' && (value & prefix.mask) === prefix.network;
};

/** A wildcard element counts only when nothing else does. */
const isCatchAll = ({ parts }: Element): boolean => parts.length === 1 && parts[0] !== undefined && 'any' in parts[0];

export const findElement = ({ exact, others, partly }: SetIndex, values: readonly Scalar[]): Element | 'none' | undefined => {
  const found =
    exact.get(keyOf(values)) ??
    others.find((element) => !isCatchAll(element) && element.parts.every((part, at) => partHolds(part, values[at]))) ??
    others.find(isCatchAll);
  return found ?? (partly ? undefined : 'none');
};
