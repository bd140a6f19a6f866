import ipaddr from 'ipaddr.js';
import { dnsName } from '../live/dns-message.ts';
import type { Frame } from './frame.ts';
import type { IpPacket } from './ip-packet.ts';
import type { ProbeKey } from './probe-keys.ts';
import { readTransport, type Transport } from './transport.ts';

type Tcp = Extract<Transport, { kind: 'tcp' }>;
type Udp = Extract<Transport, { kind: 'udp' }>;
type Echo = Extract<Transport, { kind: 'echo' }>;

/** Finds the attempt that a packet belongs to, by what survives NAT and tunnels. */
export interface KeyIndex {
  /** Initial sequence number → attempt: the same at each hop. */
  sequences: Map<number, ProbeKey>;
  /** `source port destination port` of each UDP request seen at any hop → attempt: finds replies that do not repeat the cookie. */
  flows: Map<string, ProbeKey>;
  /** Hex of cookie, request and attempt, or of a DNS id → attempt. */
  marks: Map<string, ProbeKey>;
  /** Own source port → attempts that used it. */
  sourcePorts: Map<number, ProbeKey[]>;
}

const canonical = (address: string): string => (ipaddr.isValid(address) ? ipaddr.parse(address).toString() : address);

export const flowOf = (packet: Pick<IpPacket, 'source' | 'destination'>, from: number, to: number): string =>
  `${packet.source} ${from} ${packet.destination} ${to}`;

/** ICMP: cookie and request number lie behind ping's time stamp, and with the sequence number they are the mark. */
const ECHO_MARK = { at: 16, length: 5 } as const;
const COOKIE_MARK_LENGTH = 6;

export const echoMark = ({ payload, sequence }: Echo): string =>
  `icmp ${payload.toString('hex', ECHO_MARK.at, ECHO_MARK.at + ECHO_MARK.length)}${sequence.toString(16).padStart(4, '0')}`;

const markOf = ({ protocol, query, mark }: ProbeKey): string | undefined => mark && `${query === undefined ? protocol : 'dns'} ${mark}`;

/** The attempt whose probe left its source with these ports to this address. */
const bySourcePort = (index: KeyIndex, packet: IpPacket, { sourcePort, destinationPort }: Tcp | Udp): ProbeKey | undefined => {
  const keys = index.sourcePorts.get(sourcePort) ?? [];
  const exact = keys.find((key) => key.port === destinationPort && canonical(key.destination) === packet.destination);
  // Behind a DNAT the address is another; the port alone tells while only one attempt used it.
  return exact ?? (keys.length === 1 ? keys[0] : undefined);
};

export const udpKey = (index: KeyIndex, packet: IpPacket, udp: Udp): ProbeKey | undefined =>
  index.marks.get(`udp ${udp.payload.toString('hex', 0, COOKIE_MARK_LENGTH)}`) ??
  dnsKey(index, udp) ??
  index.flows.get(flowOf(packet, udp.sourcePort, udp.destinationPort)) ??
  index.flows.get(flowOf({ source: packet.destination, destination: packet.source }, udp.destinationPort, udp.sourcePort));

const DNS_HEADER = 12;

/** A DNS id alone is 16 bits that others use too: the name has to be the same, as far as the capture has it. Its case may differ (0x20). */
const dnsKey = (index: KeyIndex, { payload }: Udp): ProbeKey | undefined => {
  const key = payload.length > DNS_HEADER ? index.marks.get(`dns ${payload.toString('hex', 0, 2)}`) : undefined;
  const name = key?.query === undefined ? undefined : dnsName(key.query);
  const asked = name && payload.subarray(DNS_HEADER, DNS_HEADER + name.length);
  return asked && asked.toString('latin1').toLowerCase() === name.toString('latin1', 0, asked.length).toLowerCase() ? key : undefined;
};

export const tcpKey = (index: KeyIndex, { sequence, acknowledged, syn, reset }: Tcp): ProbeKey | undefined =>
  syn && acknowledged === undefined
    ? index.sequences.get(sequence)
    : acknowledged !== undefined && (syn || reset)
      ? index.sequences.get((acknowledged - 1) >>> 0)
      : undefined;

export const sctpKey = (index: KeyIndex, sourcePort: number, destinationPort: number): ProbeKey | undefined =>
  [...(index.sourcePorts.get(sourcePort) ?? []), ...(index.sourcePorts.get(destinationPort) ?? [])].find((key) => key.protocol === 'sctp');

/** What an ICMP error quotes is the probe as the one who complains saw it. */
export const quotedKey = (index: KeyIndex, quoted: IpPacket | undefined): ProbeKey | undefined => {
  const transport = quoted && readTransport(quoted);
  if (!transport) return undefined;
  if (transport.kind === 'echo') return index.marks.get(echoMark(transport));
  if (transport.kind === 'tcp') return index.sequences.get(transport.sequence) ?? bySourcePort(index, quoted, transport);
  return transport.kind === 'udp' ? (udpKey(index, quoted, transport) ?? bySourcePort(index, quoted, transport)) : undefined;
};

/** Learns sequence numbers from the SYNs and flows from the datagrams that carry our source ports and cookies. */
export const indexKeys = (keys: ProbeKey[], frames: Frame[]): KeyIndex => {
  const index: KeyIndex = { sequences: new Map(), flows: new Map(), marks: new Map(), sourcePorts: new Map() };
  for (const key of keys) {
    const mark = markOf(key);
    if (mark !== undefined) index.marks.set(mark, key);
    if (key.sourcePort !== undefined) index.sourcePorts.set(key.sourcePort, [...(index.sourcePorts.get(key.sourcePort) ?? []), key]);
  }
  for (const { packet, transport } of frames) {
    if (transport.kind === 'tcp' && transport.syn && transport.acknowledged === undefined) {
      const key = bySourcePort(index, packet, transport);
      if (key?.protocol === 'tcp' && !index.sequences.has(transport.sequence)) index.sequences.set(transport.sequence, key);
    } else if (transport.kind === 'udp') {
      const key = udpKey(index, packet, transport);
      if (key && isUdpRequest(index, key, packet, transport)) index.flows.set(flowOf(packet, transport.sourcePort, transport.destinationPort), key);
    }
  }
  return index;
};

/** An echo server sends the cookie back, so the cookie does not tell which way a datagram went; ports do, and DNS has a bit for it. */
export const isUdpRequest = (index: KeyIndex, key: ProbeKey, packet: IpPacket, { sourcePort, destinationPort, payload }: Udp): boolean => {
  if (key.query !== undefined && payload.length >= 3) return ((payload[2] ?? 0) & 0x80) === 0;
  if (index.flows.has(flowOf(packet, sourcePort, destinationPort))) return true;
  if (index.flows.has(flowOf({ source: packet.destination, destination: packet.source }, destinationPort, sourcePort))) return false;
  if (sourcePort === key.sourcePort) return true;
  return destinationPort !== key.sourcePort && sourcePort !== key.port;
};
