import type { NftChain, NftTable } from '../../../node/netfilter-state.ts';
import { sameAddress } from '../../address.ts';
import { isObject, nameAndBody, unwrap } from './json.ts';

const chainIndex = new WeakMap<NftTable, Map<string, NftChain>>();

/** kube-proxy makes a chain per Service and endpoint, so they are looked up by an index. */
export const chainNamed = (table: NftTable, name: string): NftChain | undefined => {
  const known = chainIndex.get(table) ?? new Map(table.chains.map((chain) => [chain.name, chain]));
  chainIndex.set(table, known);
  return known.get(name);
};

/** Chain of a `jump` or `goto`. */
const chainOf = (target: unknown): string | undefined => {
  const [, body] = nameAndBody(target);
  return isObject(body) && typeof body.target === 'string' ? body.target : undefined;
};

/** `10.0.0.1`, or the address of `10.0.0.1 . 80`. */
const addressOf = (target: unknown): string | undefined => {
  const value = isObject(target) && Array.isArray(target.concat) ? target.concat[0] : target;
  return typeof value === 'string' ? value : undefined;
};

export const targetName = (target: unknown): string => chainOf(target) ?? addressOf(target) ?? nameAndBody(target)[0];

/** Does this value of a map lead to the endpoint: as the address itself, or as a chain that translates to it? */
export const endpointOf = (table: NftTable, target: unknown, endpoint: string): boolean => {
  const name = chainOf(target);
  const address = addressOf(unwrap(target));
  if (name === undefined) return address !== undefined && sameAddress(address, endpoint);
  return chainNamed(table, name)?.rules.some(({ expr }) => expr.some((statement) => translatesTo(statement, endpoint))) ?? false;
};

const translatesTo = (statement: unknown, endpoint: string): boolean => {
  if (!isObject(statement) || !isObject(statement.dnat)) return false;
  const address = addressOf(statement.dnat.addr);
  return address !== undefined && sameAddress(address, endpoint);
};
