import ipaddr from 'ipaddr.js';
import type { Family } from '../node/snapshot.ts';

/** An address as a number, so that prefixes compare by shifting. */
export interface ParsedAddress {
  family: Family;
  value: bigint;
}

export interface Prefix {
  family: Family;
  /** Network part, shifted right by the host bits. */
  network: bigint;
  length: number;
}

const bitsOf = (family: Family): number => (family === 4 ? 32 : 128);

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

/** Undefined when the text is no literal address. A zone (`%eth0`) is ignored. */
export const parseAddress = memo((text: string): ParsedAddress | undefined => {
  const bare = text.split('%')[0] ?? '';
  if (!ipaddr.isValid(bare)) return undefined;
  const address = ipaddr.parse(bare);
  const value = address.toByteArray().reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  return { family: address.kind() === 'ipv4' ? 4 : 6, value };
});

/** `10.244.0.0/16`, `fd00::/8`, or a bare address, which is its own /32 or /128. */
export const parsePrefix = memo((text: string): Prefix | undefined => {
  const [address = '', length] = text.split('/');
  const parsed = parseAddress(address);
  if (!parsed) return undefined;
  const bits = bitsOf(parsed.family);
  const wanted = length === undefined ? bits : prefixLength(length, parsed.family);
  if (wanted === undefined || wanted > bits) return undefined;
  return { family: parsed.family, network: parsed.value >> BigInt(bits - wanted), length: wanted };
});

/** A length, or a contiguous dotted netmask as old iptables prints them. */
const prefixLength = (text: string, family: Family): number | undefined => {
  if (/^\d+$/.test(text)) return Number(text);
  const mask = parseAddress(text);
  if (!mask || mask.family !== family) return undefined;
  const bits = mask.value.toString(2);
  return /^1*0*$/.test(bits) ? bits.replace(/0+$/, '').length : undefined;
};

export const contains = (prefix: Prefix, address: ParsedAddress): boolean =>
  prefix.family === address.family && address.value >> BigInt(bitsOf(prefix.family) - prefix.length) === prefix.network;

/** True when the address text lies in the prefix text; false for anything unreadable. */
export const inPrefix = (prefix: string, address: string): boolean => {
  const network = parsePrefix(prefix);
  const parsed = parseAddress(address);
  return network !== undefined && parsed !== undefined && contains(network, parsed);
};

export const sameAddress = (one: string, other: string): boolean => {
  if (one === other) return true;
  const a = parseAddress(one);
  const b = parseAddress(other);
  return a !== undefined && b !== undefined && a.family === b.family && a.value === b.value;
};

export const familyOf = (address: string): Family => parseAddress(address)?.family ?? (address.includes(':') ? 6 : 4);

/** `10.244.1.5`, 24 → `10.244.1.0/24`. */
export const networkOf = (address: string, length: number): string => {
  const parsed = parsePrefix(`${address}/${length}`);
  if (!parsed) return `${address}/${length}`;
  const shifted = parsed.network << BigInt(bitsOf(parsed.family) - length);
  return `${textOf(shifted, parsed.family)}/${length}`;
};

export const textOf = (value: bigint, family: Family): string => {
  const size = family === 4 ? 4 : 16;
  const bytes = Array.from({ length: size }, (_, index) => Number((value >> BigInt(8 * (size - 1 - index))) & 0xffn));
  return ipaddr.fromByteArray(bytes).toString();
};

/** `[fd00::1]:80`, `10.0.0.1:80`, or the bare address when there is no port. */
export const hostPort = (address: string, port?: number): string => {
  if (port === undefined) return address;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
};
