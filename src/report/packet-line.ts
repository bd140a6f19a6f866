import ipaddr from 'ipaddr.js';
import { hostPort } from '../forwarding/address.ts';
import type { Dissected } from '../probe/tap/dissect.ts';
import { icmpMeaning } from '../probe/tap/icmp-meaning.ts';
import type { IpPacket } from '../probe/tap/ip-packet.ts';
import { macText } from '../probe/tap/link-layer.ts';
import { readTransport, type Transport } from '../probe/tap/transport.ts';

/** TCP's flags by their bits (RFC 9293 3.1), in the order in which people say them. */
const FLAGS: [bit: number, name: string][] = [
  [0x02, 'SYN'],
  [0x01, 'FIN'],
  [0x04, 'RST'],
  [0x08, 'PSH'],
  [0x10, 'ACK'],
];

/** Headers without options or extensions: what is wrong then is a number of bytes on a line for people. */
const IP_HEADER = { 4: 20, 6: 40 } as const;

const bytes = (count: number): string => (count > 0 ? ` ${count} B` : '');

const tcpWords = ({ family, length, transport }: IpPacket): string => {
  const flags = transport[13];
  if (flags === undefined) return ' TCP';
  const names = FLAGS.filter(([bit]) => flags & bit).map(([, name]) => name);
  const header = ((transport[12] ?? 0) >> 4) * 4;
  return ` ${names.join(' ') || 'TCP'}${bytes(length - IP_HEADER[family] - header)}`;
};

const ends = ({ source, destination }: Pick<IpPacket, 'source' | 'destination'>, transport: Transport | undefined): string => {
  const ports = transport && 'sourcePort' in transport ? transport : undefined;
  return `${hostPort(source, ports?.sourcePort)} → ${hostPort(destination, ports?.destinationPort)}`;
};

const errorWords = (packet: IpPacket, { type, code, quoted }: Extract<Transport, { kind: 'icmp-error' }>): string => {
  const { detail } = icmpMeaning({ from: packet.source, type, code }, 'udp');
  return ` ${detail}${quoted ? ` (about ${ends(quoted, readTransport(quoted))})` : ''}`;
};

const claimWords = ({ arp, packet, transport }: Dissected): string | undefined => {
  if (arp) return arp.reply ? `ARP ${arp.sender} is at ${arp.senderMac}` : `ARP who has ${arp.target}, asks ${arp.sender}`;
  if (transport?.kind !== 'neighbour' || !packet) return undefined;
  const target = ipaddr.fromByteArray([...transport.target]).toString();
  if (!transport.advertisement) return `ND who has ${target}, asks ${packet.source}`;
  return `ND ${target} is at ${transport.linkAddress ? macText(transport.linkAddress) : packet.source}`;
};

const contentWords = (packet: IpPacket, transport: Transport | undefined): string => {
  switch (transport?.kind) {
    case 'tcp':
      return tcpWords(packet);
    case 'udp':
      return ` UDP${bytes((packet.transport.length >= 6 ? packet.transport.readUInt16BE(4) : 8) - 8)}`;
    case 'sctp':
      return ' SCTP';
    case 'echo':
      return ` ping ${transport.reply ? 'reply' : 'request'} ${transport.sequence}`;
    case 'icmp-error':
      return errorWords(packet, transport);
    default:
      return ` IP protocol ${packet.protocol}${bytes(packet.length - IP_HEADER[packet.family])}`;
  }
};

/** `10.244.1.5:61440 → 10.244.2.6:8080 SYN, in VXLAN 1`; a packet in tcpdump's spirit, shorter. */
export const describePacket = (dissected: Dissected): string => {
  const claim = claimWords(dissected);
  if (claim !== undefined) return claim;
  const { packet, transport, outer, link } = dissected;
  if (!packet) return `a later fragment or another protocol (ethertype 0x${link.ethertype.toString(16).padStart(4, '0')}, ${link.payload.length} B)`;
  const tunnel = outer ? `, in ${outer.kind.toUpperCase()}${outer.vni === undefined ? '' : ` ${outer.vni}`}` : '';
  return `${ends(packet, transport)}${contentWords(packet, transport)}${tunnel}`;
};
