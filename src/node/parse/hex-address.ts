import { canonicalAddress } from './address.ts';

/** `0A600001`, as ip_vs_ctl.c prints an IPv4 address: network order. */
export const networkOrderAddress = (hex: string): string => [0, 2, 4, 6].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)).join('.');

/**
 * `0100007F` or 32 digits, as /proc/net/tcp and tcp6 print addresses: words of four bytes in the node's own order. All node
 * architectures but s390x are little-endian.
 */
export const hostOrderAddress = (hex: string): string => {
  const words = hex.match(/.{8}/g) ?? [];
  const bytes = words.flatMap((word) => [6, 4, 2, 0].map((at) => word.slice(at, at + 2)));
  if (bytes.length === 4) return bytes.map((byte) => Number.parseInt(byte, 16)).join('.');
  return canonicalAddress(Array.from({ length: 8 }, (_, group) => `${bytes[group * 2]}${bytes[group * 2 + 1]}`).join(':'));
};
