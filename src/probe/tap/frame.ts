import ipaddr from 'ipaddr.js';
import type { AddressClaim } from '../observation.ts';
import { type IpPacket, readIp } from './ip-packet.ts';
import { ETHERTYPE, type LinkFrame, macText, readLink } from './link-layer.ts';
import { type PcapRecord, readPcap } from './pcap.ts';
import { readTransport, type Transport } from './transport.ts';
import { decapsulate, type Outer, type TunnelPorts } from './tunnel.ts';

/** One captured packet, innermost header first. */
export interface Frame {
  time: number;
  interface: string;
  direction: LinkFrame['direction'];
  sourceMac?: string;
  packet: IpPacket;
  transport: Transport;
  outer?: Outer;
  /** Bytes at L3 with all tunnel headers. */
  wireLength: number;
}

export interface Frames {
  frames: Frame[];
  claims: AddressClaim[];
}

const ipText = (bytes: Buffer): string => ipaddr.fromByteArray([...bytes]).toString();

type Place = Pick<Frame, 'time' | 'interface' | 'direction' | 'sourceMac'>;

/** RFC 826 for Ethernet and IPv4: hardware 1, protocol 0x0800, operation 1 or 2. */
const readArp = (bytes: Buffer, place: Place): AddressClaim | undefined => {
  if (bytes.length < 28 || bytes.readUInt16BE(0) !== 1 || bytes.readUInt16BE(2) !== ETHERTYPE.ipv4) return undefined;
  const operation = bytes.readUInt16BE(6);
  const [sender, target] = [ipText(bytes.subarray(14, 18)), ipText(bytes.subarray(24, 28))];
  return operation === 2
    ? { ...place, what: 'is-at', address: sender, mac: macText(bytes.subarray(8, 14)) }
    : { ...place, what: 'who-has', address: target, asker: sender };
};

const claimOf = (transport: Transport, packet: IpPacket, place: Place): AddressClaim | undefined => {
  if (transport.kind !== 'neighbour') return undefined;
  const address = ipText(transport.target);
  if (!transport.advertisement) return { ...place, what: 'who-has', address, asker: packet.source };
  return { ...place, what: 'is-at', address, ...(transport.linkAddress ? { mac: macText(transport.linkAddress) } : {}) };
};

/** An error about a tunnel packet (its port is closed, the path to the VTEP is) is an error about what the tunnel carries. */
export const aboutInner = (transport: Transport, ports: TunnelPorts): Transport =>
  transport.kind === 'icmp-error' && transport.quoted ? { ...transport, quoted: decapsulate(transport.quoted, ports).packet } : transport;

const readRecord = (record: PcapRecord, linktype: number, names: Map<number, string>, ports: TunnelPorts, into: Frames): void => {
  const link = readLink(linktype, record.bytes);
  if (!link) return;
  const place: Place = {
    time: record.time,
    interface: link.ifindex === undefined ? 'any' : (names.get(link.ifindex) ?? `#${link.ifindex}`),
    direction: link.direction,
    ...(link.sourceMac === undefined ? {} : { sourceMac: link.sourceMac }),
  };
  const arp = link.ethertype === ETHERTYPE.arp ? readArp(link.payload, place) : undefined;
  if (arp) into.claims.push(arp);
  const ip = readIp(link.ethertype, link.payload);
  if (!ip) return;
  const { packet, outer } = decapsulate(ip, ports);
  const transport = readTransport(packet);
  if (!transport) return;
  const claim = claimOf(transport, packet, place);
  if (claim) into.claims.push(claim);
  else into.frames.push({ ...place, packet, transport: aboutInner(transport, ports), ...(outer ? { outer } : {}), wireLength: ip.length });
};

/** All packets of a savefile that we understand; undefined when it is no savefile. `names` is the netns' ifindex → name. */
export const readFrames = (file: Buffer, names: Map<number, string>, ports: TunnelPorts): (Frames & { records: number }) | undefined => {
  const pcap = readPcap(file);
  if (!pcap) return undefined;
  const into: Frames = { frames: [], claims: [] };
  for (const record of pcap.records) readRecord(record, pcap.linktype, names, ports, into);
  return { ...into, records: pcap.records.length };
};
