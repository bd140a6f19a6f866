import { parseAddress } from '../../address.ts';
import { portOf } from '../../flight.ts';
import { headerBytes } from '../../header-bytes.ts';
import { icmpOf, isV6, type Pass, tcpFlagsOf } from '../../pass.ts';
import { protocolOf } from '../../protocol.ts';
import type { Json } from './json.ts';
import { absent, type Value } from './value.ts';

/** EtherType */
export const ARP = 0x0806;

const sized = (family: 4 | 6, wanted: 4 | 6, value: Value): Value => (family === wanted ? value : absent);

export const addressValue = (text: string): Value => parseAddress(text)?.value;

/** `ip saddr`, `tcp dport`, `@nh,96,32`… */
export const payload = (body: Json, pass: Pass): Value => {
  if (pass.flight.solicits === 'arp') return arpPayload(body, pass);
  if (body.base !== undefined) return rawPayload(body, pass);
  const { packet, ttl } = pass.flight;
  const family = isV6(packet) ? 6 : 4;
  const [protocol, field] = [String(body.protocol), String(body.field)];
  if (protocol === 'ip' || protocol === 'ip6') return sized(family, protocol === 'ip' ? 4 : 6, networkField(field, pass, ttl));
  if (protocol === 'ether') return field === 'saddr' ? pass.frame.from : field === 'daddr' ? pass.frame.to : family === 4 ? 0x0800 : 0x86dd;
  if (protocol === 'vlan') return pass.frame.vlan === undefined ? absent : field === 'id' ? pass.frame.vlan : undefined;
  if (protocol === 'icmp' || protocol === 'icmpv6') {
    if (packet.protocol === 'any') return undefined;
    if (packet.protocol !== 'icmp' || (protocol === 'icmp') !== (family === 4)) return absent;
    return field === 'type' ? icmpOf(pass).type : field === 'code' ? icmpOf(pass).code : field === 'checksum' ? checksum : undefined;
  }
  return transportField(protocol, field, pass);
};

/** Of a question or an answer by ARP: its link-level header, and the addresses in it (RFC 826); it has no IP header. */
const arpPayload = ({ base, protocol, field }: Json, { frame, flight: { packet } }: Pass): Value => {
  if (base !== undefined) return undefined;
  if (protocol === 'ether') return field === 'saddr' ? frame.from : field === 'daddr' ? frame.to : ARP;
  if (protocol === 'vlan') return frame.vlan === undefined ? absent : field === 'id' ? frame.vlan : undefined;
  if (protocol !== 'arp') return absent;
  return field === 'saddr ip' ? addressValue(packet.source) : field === 'daddr ip' ? addressValue(packet.destination) : undefined;
};

const networkField = (field: string, { flight: { packet } }: Pass, ttl: number | undefined): Value => {
  switch (field) {
    case 'saddr':
      return addressValue(packet.source);
    case 'daddr':
      return addressValue(packet.destination);
    case 'protocol':
    case 'nexthdr':
      return protocolOf(packet);
    case 'dscp':
      return (packet.tos ?? 0) >> 2;
    case 'ttl':
    case 'hoplimit':
      return ttl;
    case 'length':
      return packet.length === undefined ? undefined : isV6(packet) ? packet.length - 40 : packet.length;
    case 'version':
      return isV6(packet) ? 6 : 4;
    default:
      return undefined;
  }
};

const transports = new Set(['tcp', 'udp', 'sctp', 'udplite', 'dccp', 'th']);
const tcpBits = { FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16, URG: 32 };

const transportField = (protocol: string, field: string, pass: Pass): Value => {
  const { packet } = pass.flight;
  if (!transports.has(protocol) || packet.protocol === 'any') return undefined;
  if (protocol === 'th' && packet.protocol === 'icmp') return underPort(field, pass);
  if (protocol !== 'th' && packet.protocol !== protocol) return absent;
  if (field === 'sport' || field === 'dport') {
    if (!transports.has(packet.protocol)) return absent;
    return portOf(pass.flight, field === 'sport' ? 'sourcePort' : 'destinationPort');
  }
  return field === 'flags' && packet.protocol === 'tcp' ? tcpFlagsOf(pass).reduce((bits, flag) => bits | tcpBits[flag], 0) : undefined;
};

/** Where other protocols have ports, ICMP has type and code, and a checksum, which is no number that anybody wrote into a rule. */
const underPort = (field: string, pass: Pass): Value => {
  const { type, code } = icmpOf(pass);
  return field === 'sport' ? type * 256 + code : field === 'dport' ? checksum : undefined;
};

/** Equal to nothing, in no range. */
const checksum = Number.NaN;

/** `@nh,96,32`: bits of the header, as far as whole bytes are known. */
const rawPayload = ({ base, offset, len }: Json, pass: Pass): Value => {
  const bytes = headerBytes(pass);
  const start = base === 'th' ? (isV6(pass.flight.packet) ? 40 : 20) : base === 'nh' ? 0 : undefined;
  const [from, count] = [Number(offset) / 8, Number(len) / 8];
  if (start === undefined || !Number.isInteger(from) || !Number.isInteger(count) || count > 4) return undefined;
  return bytes
    .slice(start + from, start + from + count)
    .reduce<number | undefined>((sum, byte) => (byte === undefined || sum === undefined ? undefined : sum * 256 + byte), 0);
};
