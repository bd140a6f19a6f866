/** Reading of JSON that other programs wrote: nothing is believed before it was looked at. */

export type Json = Record<string, unknown>;

export const isRecord = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);

export const stringAt = (from: Json, key: string): string | undefined => {
  const value = from[key];
  if (typeof value === 'string') return value;
  return typeof value === 'number' ? `${value}` : undefined;
};

export const numberAt = (from: Json, key: string): number | undefined => {
  const value = from[key];
  const number = typeof value === 'string' && value !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined;
};

export const recordAt = (from: Json, key: string): Json => {
  const value = from[key];
  return isRecord(value) ? value : {};
};

export const listAt = (from: Json, key: string): unknown[] => {
  const value = from[key];
  return Array.isArray(value) ? value : [];
};

export const stringsAt = (from: Json, key: string): string[] => listAt(from, key).filter((item) => typeof item === 'string');

/** iproute2 prints a flag as a key whose value is null, or true. */
export const flagAt = (from: Json, key: string): boolean => key in from && from[key] !== false;

/** `{ key: value }`, or nothing when there is no value: an optional property is absent, not undefined. */
export const optional = <Key extends string, Value>(key: Key, value: Value | undefined): { [K in Key]?: Value } =>
  (value === undefined ? {} : { [key]: value }) as { [K in Key]?: Value };

/** What a parser made of a text, and the lines or items it could not make anything of. */
export interface Parsed<Value> {
  value: Value;
  unparsed: string[];
}

export const looksLikeJson = (text: string): boolean => /^\s*[[{]/.test(text);

/** A document of which an array's records are wanted; of one that ends early, those that are whole. */
export const readDocument = (text: string, listOf: (document: unknown) => unknown): Parsed<unknown[]> => {
  try {
    const list = listOf(JSON.parse(text));
    return Array.isArray(list) ? { value: list, unparsed: [] } : { value: [], unparsed: [text.slice(0, 80)] };
  } catch (error) {
    return { value: wholeRecords(text), unparsed: [`no JSON: ${error instanceof Error ? error.message : error}`] };
  }
};

/** Strings, and what opens or closes. */
const TOKENS = /"(?:[^"\\]|\\.)*"|[[\]{}]/g;

/** The objects in the first array of the text, up to where it ends or is broken. */
const wholeRecords = (text: string): Json[] => {
  const found: Json[] = [];
  let [depth, list, start] = [0, 0, 0];
  for (const { 0: token, index } of text.matchAll(TOKENS)) {
    if (token === '[' || token === '{') {
      depth += 1;
      if (list === 0 && token === '[') list = depth;
      else if (list > 0 && depth === list + 1) start = index;
    } else if (token === ']' || token === '}') {
      if (depth === list + 1 && token === '}') found.push(...recordIn(text.slice(start, index + 1)));
      depth -= 1;
      if (depth < list) break;
    }
  }
  return found;
};

const recordIn = (text: string): Json[] => {
  try {
    const record: unknown = JSON.parse(text);
    return isRecord(record) ? [record] : [];
  } catch {
    return [];
  }
};

/** The records of a JSON array; whatever else is in it, or that it is no JSON at all, is told in `unparsed`. */
export const readRecords = (text: string): Parsed<Json[]> => {
  if (text.trim() === '') return { value: [], unparsed: [] };
  const { value: list, unparsed } = readDocument(text, (document) => document);
  // iproute2 leaves empty objects where a filter hid an interface
  const value = list.filter(isRecord).filter((item) => Object.keys(item).length > 0);
  return { value, unparsed: [...unparsed, ...list.filter((item) => !isRecord(item)).map((item) => `${JSON.stringify(item)}`.slice(0, 80))] };
};

/** Applies `read` to each item; what it answers nothing for is unparsed. */
export const readEach = <Item, Value>(items: readonly Item[], read: (item: Item) => Value | undefined): Parsed<Value[]> => {
  const value: Value[] = [];
  const unparsed: string[] = [];
  for (const item of items) {
    const one = read(item);
    if (one === undefined) unparsed.push((typeof item === 'string' ? item : `${JSON.stringify(item)}`).slice(0, 120));
    else value.push(one);
  }
  return { value, unparsed };
};

export const linesOf = (text: string): string[] => text.split('\n').filter((line) => line.trim() !== '');

/** One parser for both forms of an iproute2 answer. */
export const readList = <Value>(
  text: string,
  fromJson: (item: Json) => Value | undefined,
  fromLine: (line: string) => Value | undefined,
): Parsed<Value[]> => {
  if (!looksLikeJson(text)) return readEach(linesOf(text), fromLine);
  const records = readRecords(text);
  const items = readEach(records.value, fromJson);
  return { value: items.value, unparsed: [...records.unparsed, ...items.unparsed] };
};
