import ipaddr from 'ipaddr.js';
import { ETHERTYPE } from './link-layer.ts';

/** A network-layer packet; `transport` starts behind the IP header and its extensions and may be cut. */
export interface IpPacket {
  family: 4 | 6;
  source: string;
  destination: string;
  /** IANA protocol number of `transport`. */
  protocol: number;
  /** Bytes at L3, from the header. */
  length: number;
  ttl: number;
  transport: Buffer;
}

export const PROTOCOL = { icmp: 1, ipip: 4, tcp: 6, udp: 17, ipv6: 41, icmpv6: 58, sctp: 132 } as const;

const addressText = (bytes: Buffer): string => ipaddr.fromByteArray([...bytes]).toString();

/** RFC 791. Later fragments have no transport header and are left out. */
const readIpv4 = (bytes: Buffer): IpPacket | undefined => {
  if (bytes.length < 20 || (bytes[0] ?? 0) >> 4 !== 4) return undefined;
  const header = ((bytes[0] ?? 0) & 0x0f) * 4;
  if (header < 20 || bytes.length < header || (bytes.readUInt16BE(6) & 0x1fff) !== 0) return undefined;
  return {
    family: 4,
    source: addressText(bytes.subarray(12, 16)),
    destination: addressText(bytes.subarray(16, 20)),
    protocol: bytes[9] ?? 0,
    length: bytes.readUInt16BE(2),
    ttl: bytes[8] ?? 0,
    transport: bytes.subarray(header),
  };
};

/** RFC 8200 4: hop-by-hop, routing, destination options; AH counts in fours. */
const EXTENSIONS = new Map<number, (lengthByte: number) => number>([
  [0, (length) => (length + 1) * 8],
  [43, (length) => (length + 1) * 8],
  [60, (length) => (length + 1) * 8],
  [51, (length) => (length + 2) * 4],
]);
const FRAGMENT = 44;

const readIpv6 = (bytes: Buffer): IpPacket | undefined => {
  if (bytes.length < 40 || (bytes[0] ?? 0) >> 4 !== 6) return undefined;
  let protocol = bytes[6] ?? 0;
  let at = 40;
  for (;;) {
    const size = EXTENSIONS.get(protocol);
    if (!size && protocol !== FRAGMENT) break;
    if (at + 8 > bytes.length) return undefined;
    if (protocol === FRAGMENT && bytes.readUInt16BE(at + 2) >> 3 !== 0) return undefined;
    const next = bytes[at] ?? 0;
    at += size ? size(bytes[at + 1] ?? 0) : 8;
    protocol = next;
  }
  return {
    family: 6,
    source: addressText(bytes.subarray(8, 24)),
    destination: addressText(bytes.subarray(24, 40)),
    protocol,
    length: bytes.readUInt16BE(4) + 40,
    ttl: bytes[7] ?? 0,
    transport: bytes.subarray(at),
  };
};

export const readIp = (ethertype: number, bytes: Buffer): IpPacket | undefined =>
  ethertype === ETHERTYPE.ipv4 ? readIpv4(bytes) : ethertype === ETHERTYPE.ipv6 ? readIpv6(bytes) : undefined;
