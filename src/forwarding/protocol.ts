import type { IpProtocol, Packet } from './hop.ts';
import { isV6 } from './pass.ts';

/** Assigned numbers by the names that iptables, nft, ip and tc print (/etc/protocols). */
const numbers: Record<string, number> = {
  ip: 0,
  icmp: 1,
  igmp: 2,
  ipencap: 4,
  ipip: 4,
  'ip-encap': 4,
  tcp: 6,
  udp: 17,
  dccp: 33,
  ipv6: 41,
  gre: 47,
  esp: 50,
  'ipv6-crypt': 50,
  ah: 51,
  'ipv6-auth': 51,
  icmpv6: 58,
  icmp6: 58,
  'ipv6-icmp': 58,
  comp: 108,
  l2tp: 115,
  sctp: 132,
  udplite: 136,
};

/** Undefined for a name that nobody here knows. */
export const protocolNumber = (text: string | number): number | undefined =>
  typeof text === 'number' || /^\d+$/.test(text) ? Number(text) : numbers[text.toLowerCase()];

const carried: Record<Exclude<IpProtocol, 'any'>, number> = { tcp: 6, udp: 17, icmp: 1, sctp: 132, ipencap: 4, ipv6: 41, gre: 47 };

/** The packet's own; undefined when it may be any. */
export const protocolOf = (packet: Packet): number | undefined => {
  if (packet.protocol === 'any') return undefined;
  return packet.protocol === 'icmp' && isV6(packet) ? 58 : carried[packet.protocol];
};

/** Those that have ports at the start of their header. */
export const hasPorts = ({ protocol }: Packet): boolean => protocol === 'tcp' || protocol === 'udp' || protocol === 'sctp';
