import type { NftSet, NftTable } from '../../../node/netfilter-state.ts';
import { choose } from '../../fork.ts';
import type { Pass } from '../../pass.ts';
import type { DataType, Scalar } from './datatype.ts';
import { endpointOf, targetName } from './endpoint.ts';
import type { Expression } from './expression.ts';
import { isObject, unwrap } from './json.ts';
import { type Element, findElement, indexElements, type SetIndex } from './set-index.ts';
import { absent, isLuck, type Luck } from './value.ts';

const named = new WeakMap<NftTable, Map<string, NftSet>>();

export const setNamed = (table: NftTable, reference: unknown): NftSet | undefined => {
  if (typeof reference !== 'string' || !reference.startsWith('@')) return undefined;
  const sets = named.get(table) ?? new Map(table.sets.map((set) => [set.name, set]));
  named.set(table, sets);
  return sets.get(reference.slice(1));
};

const indexes = new WeakMap<object, Map<string, SetIndex>>();

/** A named set or the elements written in the rule itself; kept, as the next packet asks again. */
export const indexOf = (data: unknown, table: NftTable, types: readonly DataType[], pairs: boolean): SetIndex | undefined => {
  const set = setNamed(table, data);
  const inline = isObject(data) ? data.set : data;
  const elements = set?.elements ?? (Array.isArray(inline) ? inline : isObject(data) && 'set' in data ? [inline] : undefined);
  if (!elements) return undefined;
  const key = types.join();
  const known = indexes.get(elements) ?? new Map<string, SetIndex>();
  indexes.set(elements, known);
  const index = known.get(key) ?? indexElements(elements, types, set?.map ?? pairs);
  known.set(key, index);
  return index;
};

/** The element a map gives for an expression; `none` when there is none, undefined when nobody can tell. */
export const lookUp = (left: Expression, data: unknown, table: NftTable, pass: Pass): Element | 'none' | undefined => {
  const index = indexOf(data, table, left.types, true);
  const value = left.evaluate(pass);
  if (value === absent) return 'none';
  if (!index || value === undefined) return undefined;
  if (isLuck(value)) return drawn(value, index, table, pass);
  return findElement(index, valuesOf(value));
};

const valuesOf = (value: Scalar | Scalar[]): Scalar[] => (Array.isArray(value) ? value : [value]);

/** More values than this are not drawn one by one. */
const MOST_DRAWN = 4096;

/** One of kube-proxy's endpoints: each element by the share of the numbers that lead to it. */
const drawn = ({ from, count, per }: Luck, index: SetIndex, table: NftTable, pass: Pass): Element | 'none' | undefined => {
  if (count > MOST_DRAWN) return undefined;
  const shares = new Map<Element | 'none', number>();
  for (let number = from; number < from + count; number += 1) {
    const element = findElement(index, [number]);
    if (element === undefined) return undefined;
    shares.set(element, (shares.get(element) ?? 0) + 1 / count);
  }
  const outcomes = [...shares];
  if (outcomes.length === 1) return outcomes[0]?.[0];
  const ways = outcomes.map(([element, share]) => {
    const target = element === 'none' ? undefined : unwrap(element.data);
    return {
      label: target === undefined ? 'none of them' : targetName(target),
      share,
      ...(target === undefined ? {} : { reaches: (endpoint: string) => endpointOf(table, target, endpoint) }),
    };
  });
  return outcomes[choose(pass.journey, { kind: 'chance', per, what: `one of ${outcomes.length} is picked`, ways })]?.[0];
};
