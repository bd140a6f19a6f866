import { type IpPacket, PROTOCOL, readIp } from './ip-packet.ts';
import { ETHERTYPE } from './link-layer.ts';

/** The transport header of a captured packet, as far as joining reads it. */
export type Transport =
  | { kind: 'tcp'; sourcePort: number; destinationPort: number; sequence: number; acknowledged?: number; syn: boolean; reset: boolean }
  | { kind: 'udp'; sourcePort: number; destinationPort: number; payload: Buffer }
  | { kind: 'sctp'; sourcePort: number; destinationPort: number }
  | { kind: 'echo'; reply: boolean; id: number; sequence: number; payload: Buffer }
  /** `quoted` is the packet that the error is about. */
  | { kind: 'icmp-error'; type: number; code: number; quoted?: IpPacket }
  /** ICMPv6 neighbour discovery (RFC 4861 4.3, 4.4). */
  | { kind: 'neighbour'; advertisement: boolean; target: Buffer; linkAddress?: Buffer };

const readTcp = (bytes: Buffer): Transport | undefined => {
  if (bytes.length < 8) return undefined;
  const ports = { sourcePort: bytes.readUInt16BE(0), destinationPort: bytes.readUInt16BE(2), sequence: bytes.readUInt32BE(4) };
  // An ICMP error has to quote 8 bytes only (RFC 792): ports and sequence number, which is a SYN's if it is one of ours.
  if (bytes.length < 14) return { kind: 'tcp', ...ports, syn: true, reset: false };
  const flags = bytes[13] ?? 0;
  return {
    kind: 'tcp',
    ...ports,
    ...(flags & 0x10 ? { acknowledged: bytes.readUInt32BE(8) } : {}),
    syn: (flags & 0x02) !== 0,
    reset: (flags & 0x04) !== 0,
  };
};

const readUdp = (bytes: Buffer): Transport | undefined =>
  bytes.length < 8
    ? undefined
    : { kind: 'udp', sourcePort: bytes.readUInt16BE(0), destinationPort: bytes.readUInt16BE(2), payload: bytes.subarray(8) };

const echo = (bytes: Buffer, reply: boolean): Transport => ({
  kind: 'echo',
  reply,
  id: bytes.readUInt16BE(4),
  sequence: bytes.readUInt16BE(6),
  payload: bytes.subarray(8),
});

const error = (bytes: Buffer, ethertype: number): Transport => {
  const quoted = readIp(ethertype, bytes.subarray(8));
  return { kind: 'icmp-error', type: bytes[0] ?? 0, code: bytes[1] ?? 0, ...(quoted ? { quoted } : {}) };
};

/** Destination unreachable, source quench, time exceeded, parameter problem (RFC 792). A redirect is no error: the packet went on. */
const ICMP_ERRORS = [3, 4, 11, 12];

const readIcmp = (bytes: Buffer): Transport | undefined => {
  if (bytes.length < 8) return undefined;
  const type = bytes[0] ?? 0;
  if (type === 0 || type === 8) return echo(bytes, type === 0);
  return ICMP_ERRORS.includes(type) ? error(bytes, ETHERTYPE.ipv4) : undefined;
};

const readNeighbour = (bytes: Buffer, advertisement: boolean): Transport | undefined => {
  if (bytes.length < 24) return undefined;
  // Option 1 (source) or 2 (target link-layer address), length 1 in eights.
  const option = bytes.length >= 32 && ((bytes[24] ?? 0) === 1 || bytes[24] === 2) && bytes[25] === 1;
  return { kind: 'neighbour', advertisement, target: bytes.subarray(8, 24), ...(option ? { linkAddress: bytes.subarray(26, 32) } : {}) };
};

/** RFC 4443: errors are types 1…127 (1 to 4 in use), echo 128 and 129. */
const readIcmp6 = (bytes: Buffer): Transport | undefined => {
  if (bytes.length < 8) return undefined;
  const type = bytes[0] ?? 0;
  if (type === 128 || type === 129) return echo(bytes, type === 129);
  if (type === 135 || type === 136) return readNeighbour(bytes, type === 136);
  return type >= 1 && type <= 4 ? error(bytes, ETHERTYPE.ipv6) : undefined;
};

export const readTransport = ({ protocol, transport }: IpPacket): Transport | undefined => {
  switch (protocol) {
    case PROTOCOL.tcp:
      return readTcp(transport);
    case PROTOCOL.udp:
      return readUdp(transport);
    case PROTOCOL.icmp:
      return readIcmp(transport);
    case PROTOCOL.icmpv6:
      return readIcmp6(transport);
    case PROTOCOL.sctp:
      return transport.length < 4 ? undefined : { kind: 'sctp', sourcePort: transport.readUInt16BE(0), destinationPort: transport.readUInt16BE(2) };
    default:
      return undefined;
  }
};
