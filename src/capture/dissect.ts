import ipaddr from 'ipaddr.js';
import { aboutInner, type Frame } from '../probe/tap/frame.ts';
import { type IpPacket, readIp } from '../probe/tap/ip-packet.ts';
import { ETHERTYPE, type LinkFrame, macText, readLink } from '../probe/tap/link-layer.ts';
import { readTransport, type Transport } from '../probe/tap/transport.ts';
import { decapsulate, type Outer, type TunnelPorts } from '../probe/tap/tunnel.ts';

/** ARP (RFC 826) for IPv4. */
export interface Arp {
  reply: boolean;
  sender: string;
  senderMac: string;
  target: string;
}

/** What is inside a captured packet, as far as it is understood; innermost headers. */
export interface Dissected {
  link: LinkFrame;
  /** Innermost. */
  packet?: IpPacket;
  transport?: Transport;
  /** Outermost tunnel header. */
  outer?: Outer;
  /** Bytes at L3 with all tunnel headers. */
  wireLength: number;
  arp?: Arp;
}

const readArp = (bytes: Buffer): Arp | undefined => {
  if (bytes.length < 28 || bytes.readUInt16BE(2) !== ETHERTYPE.ipv4) return undefined;
  const address = (at: number): string => ipaddr.fromByteArray([...bytes.subarray(at, at + 4)]).toString();
  return { reply: bytes.readUInt16BE(6) === 2, sender: address(14), senderMac: macText(bytes.subarray(8, 14)), target: address(24) };
};

export const dissect = (linktype: number, bytes: Buffer, ports: TunnelPorts): Dissected | undefined => {
  const link = readLink(linktype, bytes);
  if (!link) return undefined;
  const arp = link.ethertype === ETHERTYPE.arp ? readArp(link.payload) : undefined;
  const ip = readIp(link.ethertype, link.payload);
  if (!ip) return { link, wireLength: link.payload.length, ...(arp ? { arp } : {}) };
  const { packet, outer } = decapsulate(ip, ports);
  const transport = readTransport(packet);
  return {
    link,
    packet,
    ...(transport ? { transport: aboutInner(transport, ports) } : {}),
    ...(outer ? { outer } : {}),
    wireLength: ip.length,
  };
};

/** The same as the joining with probes takes it. */
export const frameOf = ({ link, packet, transport, outer, wireLength }: Dissected, name: string, seconds: number): Frame | undefined =>
  packet && transport
    ? {
        time: seconds,
        interface: name,
        direction: link.direction,
        ...(link.sourceMac === undefined ? {} : { sourceMac: link.sourceMac }),
        packet,
        transport,
        ...(outer ? { outer } : {}),
        wireLength,
      }
    : undefined;
