import type { NftSet, NftTable } from '../../node/snapshot.ts';
import { familyOf, inPrefix, parseAddress } from '../address.ts';
import { and, or, xor } from '../mark.ts';
import { isOwnAddress } from '../route.ts';
import { holdsAddress, linkNamed } from '../world.ts';
import type { Known, RuleContext } from './context.ts';

/** JSON of libnftables-json(5), read defensively: what we do not know stays unknown. */
export type Json = Record<string, unknown>;

export const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Value of an expression; `absent` when the packet has no such header, which makes a rule not match; undefined when we cannot tell. */
export type Value = string | number | Value[] | typeof absent | undefined;
export const absent = Symbol('absent');

/** The first key of an expression object names it. */
export const nameAndBody = (expression: unknown): [string, unknown] => {
  if (typeof expression === 'string') return [expression, null];
  const [entry] = isObject(expression) ? Object.entries(expression) : [];
  return entry ?? ['', null];
};

export const evaluate = (expression: unknown, context: RuleContext): Value => {
  if (typeof expression === 'string' || typeof expression === 'number') return expression;
  const [name, body] = nameAndBody(expression);
  return expressions[name]?.(body, context);
};

const binary =
  (compute: (a: number, b: number) => number) =>
  (body: unknown, context: RuleContext): Value => {
    const [left, right] = Array.isArray(body) ? body.map((part) => evaluate(part, context)) : [];
    return typeof left === 'number' && typeof right === 'number' ? compute(left, right) : undefined;
  };

const expressions: Record<string, (body: unknown, context: RuleContext) => Value> = {
  payload: (body, context) => (isObject(body) ? payload(`${body.protocol} ${body.field}`, context) : undefined),
  meta: (body, context) => (isObject(body) ? meta(String(body.key), context) : undefined),
  ct: (body, context) => (isObject(body) ? conntrack(body, context) : undefined),
  fib: (body, context) => (isObject(body) ? fib(body, context) : undefined),
  concat: (body, context) => (Array.isArray(body) ? body.map((part) => evaluate(part, context)) : undefined),
  '&': binary(and),
  '|': binary(or),
  '^': binary(xor),
};

const payload = (field: string, { packet, icmp, tcp }: RuleContext): Value => {
  const family = familyOf(packet.destination);
  const ofFamily = (wanted: 4 | 6, value: Value): Value => (family === wanted ? value : absent);
  const ofProtocol = (wanted: string, value: Value): Value => (packet.protocol === wanted ? (value ?? absent) : absent);
  const fields: Record<string, () => Value> = {
    'ip saddr': () => ofFamily(4, packet.source),
    'ip daddr': () => ofFamily(4, packet.destination),
    'ip protocol': () => ofFamily(4, packet.protocol),
    'ip6 saddr': () => ofFamily(6, packet.source),
    'ip6 daddr': () => ofFamily(6, packet.destination),
    'ip6 nexthdr': () => ofFamily(6, packet.protocol === 'icmp' ? 'ipv6-icmp' : packet.protocol),
    'th sport': () => packet.sourcePort ?? absent,
    'th dport': () => packet.destinationPort ?? absent,
    'tcp flags': () => (packet.protocol === 'tcp' ? tcp?.split('-') : absent),
    'icmp type': () => ofFamily(4, ofProtocol('icmp', icmp)),
    'icmpv6 type': () => ofFamily(6, ofProtocol('icmp', icmp)),
  };
  for (const protocol of ['tcp', 'udp', 'sctp']) {
    fields[`${protocol} sport`] = () => ofProtocol(protocol, packet.sourcePort);
    fields[`${protocol} dport`] = () => ofProtocol(protocol, packet.destinationPort);
  }
  return fields[field]?.();
};

const meta = (key: string, { packet, protocol, mark, iif, oif }: RuleContext): Value => {
  const v6 = familyOf(packet.destination) === 6;
  const keys: Record<string, Value> = {
    l4proto: v6 && protocol === 'icmp' ? 'ipv6-icmp' : protocol,
    iifname: iif ?? '',
    oifname: oif ?? '',
    iif: iif ?? '',
    oif: oif ?? '',
    mark,
    nfproto: v6 ? 'ipv6' : 'ipv4',
    protocol: v6 ? 'ip6' : 'ip',
    pkttype: 'host',
  };
  return keys[key];
};

const conntrack = ({ key, dir }: Json, context: RuleContext): Value => {
  if (context.state === 'unknown') return undefined;
  if (key === 'state') return [context.state.toLowerCase()];
  if (key === 'status') return [...(context.translated.destination ? ['dnat'] : []), ...(context.translated.source ? ['snat'] : [])];
  if (key === 'direction') return context.state === 'NEW' ? 'original' : 'reply';
  if (dir !== 'original') return undefined;
  const original = context.original ?? context.packet;
  const keys: Record<string, Value> = {
    'ip daddr': original.destination,
    'ip saddr': original.source,
    'ip6 daddr': original.destination,
    'ip6 saddr': original.source,
    'proto-dst': original.destinationPort ?? absent,
    'proto-src': original.sourcePort ?? absent,
    protocol: original.protocol,
  };
  return keys[String(key)];
};

/** `fib saddr . iif oif` is Calico's reverse-path check; `fib saddr . oif type` asks what the address is on the outgoing interface. */
const fib = ({ result, flags }: Json, context: RuleContext): Value => {
  const { netns, packet, iif, oif } = context;
  const asked = new Set(Array.isArray(flags) ? flags : [flags]);
  const address = asked.has('daddr') ? packet.destination : packet.source;
  if (result === 'oif' && asked.has('saddr') && asked.has('iif')) return context.reversePath(false) ? (iif ?? '') : 0;
  if (result !== 'type') return undefined;
  const device = asked.has('oif') ? oif : asked.has('iif') ? iif : undefined;
  const link = linkNamed(netns, device);
  const own = device === undefined ? isOwnAddress(netns, address) : link !== undefined && holdsAddress(link, address);
  if (own || inPrefix('127.0.0.0/8', address)) return 'local';
  return inPrefix('224.0.0.0/4', address) || inPrefix('ff00::/8', address) ? 'multicast' : 'unicast';
};

export const setNamed = (table: NftTable, reference: unknown): NftSet | undefined =>
  typeof reference === 'string' && reference.startsWith('@') ? table.sets.find((set) => set.name === reference.slice(1)) : undefined;

/** An element may be wrapped to carry a comment, a timeout or a counter. */
export const unwrap = (element: unknown): unknown => (isObject(element) && isObject(element.elem) ? element.elem.val : element);

/** Does one value equal, or lie in, what a rule names on its right side? */
export const isIn = (value: Value, wanted: unknown, table: NftTable): Known => {
  if (value === undefined) return undefined;
  if (value === absent) return false;
  const set = setNamed(table, wanted);
  if (set) return anyIn(value, set.elements, table);
  if (typeof wanted === 'string' && wanted.startsWith('@')) return undefined;
  if (isObject(wanted)) return isInObject(value, unwrap(wanted), table);
  if (Array.isArray(wanted)) return anyIn(value, wanted, table);
  if (Array.isArray(value)) return value.length === 1 ? isIn(value[0], wanted, table) : value.includes(wanted as Value);
  return scalarEquals(value, wanted);
};

const isInObject = (value: Value, wanted: unknown, table: NftTable): Known => {
  if (!isObject(wanted)) return isIn(value, wanted, table);
  const [name, body] = nameAndBody(wanted);
  if (name === 'set' && Array.isArray(body)) return anyIn(value, body, table);
  if (name === 'prefix' && isObject(body)) return typeof value === 'string' && inPrefix(`${body.addr}/${body.len}`, value);
  if (name === 'range' && Array.isArray(body)) return isInRange(value, body);
  if (name === 'concat' && Array.isArray(body) && Array.isArray(value)) {
    const parts = body.map((part, index) => isIn(value[index], part, table));
    return parts.includes(false) ? false : parts.includes(undefined) ? undefined : true;
  }
  return undefined;
};

const anyIn = (value: Value, elements: unknown[], table: NftTable): Known => {
  let answer: Known = false;
  for (const element of elements) {
    const one = isIn(value, unwrap(element), table);
    if (one === true) return true;
    if (one === undefined) answer = undefined;
  }
  return answer;
};

const isInRange = (value: Value, [low, high]: unknown[]): Known => {
  if (typeof value === 'number') return value >= Number(low) && value <= Number(high);
  const [address, first, last] = [value, low, high].map((text) => (typeof text === 'string' ? parseAddress(text) : undefined));
  return address && first && last ? address.family === first.family && address.value >= first.value && address.value <= last.value : undefined;
};

const scalarEquals = (value: Value, wanted: unknown): Known => {
  if (typeof value === 'number') return value === Number(wanted);
  if (typeof wanted !== 'string' || typeof value !== 'string') return String(value) === String(wanted);
  if (wanted.endsWith('*')) return value.startsWith(wanted.slice(0, -1));
  const [a, b] = [parseAddress(value), parseAddress(wanted)];
  return a && b ? a.family === b.family && a.value === b.value : value === wanted;
};
