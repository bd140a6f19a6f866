import type { Packet, TcpFlag } from '../../forwarding/hop.ts';
import type { Contents } from '../../probe/tap/dissect.ts';
import { type IpPacket, PROTOCOL } from '../../probe/tap/ip-packet.ts';

const PROTOCOLS: Record<number, Packet['protocol']> = {
  [PROTOCOL.tcp]: 'tcp',
  [PROTOCOL.udp]: 'udp',
  [PROTOCOL.sctp]: 'sctp',
  [PROTOCOL.icmp]: 'icmp',
  [PROTOCOL.icmpv6]: 'icmp',
  [PROTOCOL.ipip]: 'ipencap',
  [PROTOCOL.ipv6]: 'ipv6',
  47: 'gre',
};

const FLAGS: [number, TcpFlag][] = [
  [0x01, 'FIN'],
  [0x02, 'SYN'],
  [0x04, 'RST'],
  [0x08, 'PSH'],
  [0x10, 'ACK'],
  [0x20, 'URG'],
];

export const tcpFlagsIn = ({ protocol, transport }: IpPacket): TcpFlag[] | undefined => {
  const flags = protocol === PROTOCOL.tcp ? transport[13] : undefined;
  return flags === undefined ? undefined : FLAGS.filter(([bit]) => flags & bit).map(([, name]) => name);
};

/** A packet that was seen, as the forwarding model takes it; undefined for what is no IP. */
export const modelPacket = ({ packet, transport }: Contents): Packet | undefined => {
  if (!packet) return undefined;
  const flags = tcpFlagsIn(packet);
  const icmp = packet.protocol === PROTOCOL.icmp || packet.protocol === PROTOCOL.icmpv6 ? packet.transport : undefined;
  return {
    source: packet.source,
    destination: packet.destination,
    protocol: PROTOCOLS[packet.protocol] ?? 'any',
    ...(transport && 'sourcePort' in transport ? { sourcePort: transport.sourcePort, destinationPort: transport.destinationPort } : {}),
    length: packet.length,
    ttl: packet.ttl,
    ...(flags ? { tcpFlags: flags } : {}),
    ...(icmp && icmp.length >= 2 ? { icmp: { type: icmp[0] ?? 0, code: icmp[1] ?? 0 } } : {}),
  };
};
