import ipaddr from 'ipaddr.js';
import type { Family } from '../node/snapshot.ts';

/** An address as a number: IPv4 fits a double, which is many times faster to compare than a bigint. */
export type ParsedAddress = { family: 4; value: number } | { family: 6; value: bigint };

/** A network: the bits that count. Masks need not be contiguous (iptables takes any). */
export type Prefix = { family: 4; network: number; mask: number; length: number } | { family: 6; network: bigint; mask: bigint; length: number };

const allOnes6 = (1n << 128n) - 1n;

/** Rulesets name the same few addresses thousands of times; texts already parsed are kept. */
const memo = <T>(compute: (text: string) => T): ((text: string) => T) => {
  const known = new Map<string, T>();
  return (text) => {
    const hit = known.get(text);
    if (hit !== undefined || known.has(text)) return hit as T;
    if (known.size > 200_000) known.clear();
    const value = compute(text);
    known.set(text, value);
    return value;
  };
};

const parse4 = (text: string): number | undefined => {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let value = 0;
  for (const part of parts) {
    const octet = Number(part);
    if (!/^\d{1,3}$/.test(part) || octet > 255) return undefined;
    value = value * 256 + octet;
  }
  return value;
};

const parse6 = (text: string): bigint | undefined =>
  ipaddr.IPv6.isValid(text)
    ? ipaddr.IPv6.parse(text)
        .toByteArray()
        .reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
    : undefined;

/** Undefined when the text is no literal address. A zone (`%eth0`) is ignored. */
export const parseAddress = memo((text: string): ParsedAddress | undefined => {
  const bare = text.split('%')[0] ?? '';
  const value4 = parse4(bare);
  if (value4 !== undefined) return { family: 4, value: value4 };
  const value6 = bare.includes(':') ? parse6(bare) : undefined;
  return value6 === undefined ? undefined : { family: 6, value: value6 };
});

const mask4 = (length: number): number => (length === 0 ? 0 : (0xffffffff << (32 - length)) >>> 0);
const mask6 = (length: number): bigint => (allOnes6 << BigInt(128 - length)) & allOnes6;

/** Leading ones of a contiguous mask; -1 of any other. */
const lengthOf4 = (mask: number): number => {
  const length = Math.clz32(~mask >>> 0);
  return mask4(length) === mask ? length : -1;
};

const prefixOf = (address: ParsedAddress, length: number): Prefix =>
  address.family === 4
    ? { family: 4, network: (address.value & mask4(length)) >>> 0, mask: mask4(length), length }
    : { family: 6, network: address.value & mask6(length), mask: mask6(length), length };

/** `10.244.0.0/16`, `fd00::/8`, `10.0.0.1/255.0.0.255`, or a bare address, which is its own /32 or /128. */
export const parsePrefix = memo((text: string): Prefix | undefined => {
  const [bare = '', tail] = text.split('/');
  const address = parseAddress(bare);
  if (!address) return undefined;
  const bits = address.family === 4 ? 32 : 128;
  if (tail === undefined) return prefixOf(address, bits);
  if (/^\d+$/.test(tail)) return Number(tail) > bits ? undefined : prefixOf(address, Number(tail));
  const mask = parseAddress(tail);
  if (mask?.family === 4 && address.family === 4) {
    return { family: 4, network: (address.value & mask.value) >>> 0, mask: mask.value, length: lengthOf4(mask.value) };
  }
  if (mask?.family === 6 && address.family === 6) return { family: 6, network: address.value & mask.value, mask: mask.value, length: -1 };
  return undefined;
});

export const contains = (prefix: Prefix, address: ParsedAddress): boolean => {
  if (prefix.family === 4) return address.family === 4 && (address.value & prefix.mask) >>> 0 === prefix.network;
  return address.family === 6 && (address.value & prefix.mask) === prefix.network;
};

/** True when the address text lies in the prefix text; false for anything unreadable. */
export const inPrefix = (prefix: string, address: string): boolean => {
  const network = parsePrefix(prefix);
  const parsed = parseAddress(address);
  return network !== undefined && parsed !== undefined && contains(network, parsed);
};

/** -1, 0, 1; undefined for two families. */
export const compareAddresses = (a: ParsedAddress, b: ParsedAddress): number | undefined => {
  if (a.family !== b.family) return undefined;
  return a.value < b.value ? -1 : a.value > b.value ? 1 : 0;
};

/** `low` and `high` belong to the range. */
export const inAddressRange = (address: string, low: string, high: string): boolean | undefined => {
  const [value, first, last] = [parseAddress(address), parseAddress(low), parseAddress(high)];
  if (!value || !first || !last) return undefined;
  const [fromFirst, fromLast] = [compareAddresses(value, first), compareAddresses(value, last)];
  return fromFirst !== undefined && fromLast !== undefined && fromFirst >= 0 && fromLast <= 0;
};

export const sameAddress = (one: string, other: string): boolean => {
  if (one === other) return true;
  const a = parseAddress(one);
  const b = parseAddress(other);
  return a !== undefined && b !== undefined && compareAddresses(a, b) === 0;
};

export const familyOf = (address: string): Family => parseAddress(address)?.family ?? (address.includes(':') ? 6 : 4);

/** `10.244.1.5`, 24 → `10.244.1.0/24`. */
export const networkOf = (address: string, length: number): string => {
  const parsed = parsePrefix(`${address}/${length}`);
  return parsed ? `${textOf(parsed.family, parsed.network)}/${length}` : `${address}/${length}`;
};

/** Canonical text of an address as a number. */
export const textOf = (family: Family, value: number | bigint): string => {
  const size = family === 4 ? 4 : 16;
  const bytes = Array.from({ length: size }, (_, index) => Number((BigInt(value) >> BigInt(8 * (size - 1 - index))) & 0xffn));
  return ipaddr.fromByteArray(bytes).toString();
};

/** `[fd00::1]:80`, `10.0.0.1:80`, or the bare address when there is no port. */
export const hostPort = (address: string, port?: number): string => {
  if (port === undefined) return address;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
};

export const isLoopback = (address: string): boolean => inPrefix('127.0.0.0/8', address) || sameAddress(address, '::1');
export const isMulticast = (address: string): boolean => inPrefix('224.0.0.0/4', address) || inPrefix('ff00::/8', address);
export const isLimitedBroadcast = (address: string): boolean => address === '255.255.255.255';
export const isZeroNet = (address: string): boolean => inPrefix('0.0.0.0/8', address);
export const isLinkLocal6 = (address: string): boolean => inPrefix('fe80::/10', address);
