import ipaddr from 'ipaddr.js';
import { aboutInner, type Frame } from './frame.ts';
import { type IpPacket, readIp } from './ip-packet.ts';
import { ETHERTYPE, type LinkFrame, macText, readLink } from './link-layer.ts';
import { readTransport, type Transport } from './transport.ts';
import { decapsulate, type Outer, type TunnelPorts } from './tunnel.ts';

/** ARP (RFC 826) for IPv4. */
export interface Arp {
  reply: boolean;
  sender: string;
  senderMac: string;
  target: string;
}

/** A packet from its network header on, as far as it is understood. */
export interface Contents {
  /** Innermost. */
  packet?: IpPacket;
  transport?: Transport;
  /** Outermost tunnel header. */
  outer?: Outer;
  /** Bytes at L3 with all tunnel headers. */
  wireLength: number;
  arp?: Arp;
}

/** What is inside a captured packet. */
export interface Dissected extends Contents {
  link: LinkFrame;
}

const readArp = (bytes: Buffer): Arp | undefined => {
  if (bytes.length < 28 || bytes.readUInt16BE(2) !== ETHERTYPE.ipv4) return undefined;
  const address = (at: number): string => ipaddr.fromByteArray([...bytes.subarray(at, at + 4)]).toString();
  return { reply: bytes.readUInt16BE(6) === 2, sender: address(14), senderMac: macText(bytes.subarray(8, 14)), target: address(24) };
};

export const readContents = (ethertype: number, payload: Buffer, ports: TunnelPorts): Contents => {
  const arp = ethertype === ETHERTYPE.arp ? readArp(payload) : undefined;
  const ip = readIp(ethertype, payload);
  if (!ip) return { wireLength: payload.length, ...(arp ? { arp } : {}) };
  const { packet, outer } = decapsulate(ip, ports);
  const transport = readTransport(packet);
  return {
    packet,
    ...(transport ? { transport: aboutInner(transport, ports) } : {}),
    ...(outer ? { outer } : {}),
    wireLength: ip.length,
  };
};

export const dissect = (linktype: number, bytes: Buffer, ports: TunnelPorts): Dissected | undefined => {
  const link = readLink(linktype, bytes);
  return link && { link, ...readContents(link.ethertype, link.payload, ports) };
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
