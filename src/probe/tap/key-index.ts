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
const asSent = (index: KeyIndex, packet: IpPacket, { sourcePort, destinationPort }: Tcp | Udp): ProbeKey | undefined =>
  index.sourcePorts.get(sourcePort)?.find((key) => key.port === destinationPort && canonical(key.destination) === packet.destination);

/** The only attempt that used this source port: what is left when the address was translated before the first capture (socket load balancing). */
const bySourcePort = (index: KeyIndex, { sourcePort }: Tcp | Udp): ProbeKey | undefined => {
  const [key, ...others] = index.sourcePorts.get(sourcePort) ?? [];
  return others.length === 0 ? key : undefined;
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
  if (transport.kind === 'tcp') return index.sequences.get(transport.sequence) ?? asSent(index, quoted, transport);
  return transport.kind === 'udp' ? (udpKey(index, quoted, transport) ?? asSent(index, quoted, transport)) : undefined;
};

/** Whether what an ICMP error quotes is the answer to that attempt. */
export const quotesReply = (index: KeyIndex, key: ProbeKey, quoted: IpPacket | undefined): boolean => {
  if (!quoted) return false;
  const transport = readTransport(quoted);
  if (transport?.kind === 'echo') return transport.reply;
  return transport?.kind === 'udp' && !isUdpRequest(index, key, quoted, transport);
};

type Learn = (index: KeyIndex, packet: IpPacket, transport: Tcp | Udp) => void;

const learnSequence = (index: KeyIndex, { sequence }: Tcp, key: ProbeKey | undefined): void => {
  if (key?.protocol === 'tcp' && !index.sequences.has(sequence)) index.sequences.set(sequence, key);
};

const learnFlow = (index: KeyIndex, packet: IpPacket, { sourcePort, destinationPort }: Udp, key: ProbeKey | undefined): void => {
  if (key) index.flows.set(flowOf(packet, sourcePort, destinationPort), key);
};

/** From packets that are still as they were sent. */
const learnCertain: Learn = (index, packet, transport) => {
  if (transport.kind === 'tcp') return learnSequence(index, transport, asSent(index, packet, transport));
  const key = udpKey(index, packet, transport);
  if (key && key.sourcePort === transport.sourcePort) learnFlow(index, packet, transport, key);
};

/** From translated ones, for what is not known by then: another session may use the same port at the same time. */
const learnLikely: Learn = (index, packet, transport) => {
  if (transport.kind === 'tcp') {
    const key = bySourcePort(index, transport);
    const known = new Set(index.sequences.values());
    return learnSequence(index, transport, key && !known.has(key) ? key : undefined);
  }
  const key = udpKey(index, packet, transport);
  if (key && isUdpRequest(index, key, packet, transport)) learnFlow(index, packet, transport, key);
};

type Seen = Pick<Frame, 'packet' | 'transport'>;

const learnBy = (learn: Learn, index: KeyIndex, { packet, transport }: Seen): void => {
  const isSyn = transport.kind === 'tcp' && transport.syn && transport.acknowledged === undefined;
  if (isSyn || transport.kind === 'udp') learn(index, packet, transport);
};

/** Learns from one packet more, where packets come in the order of their time: a probe is then seen as it was sent before it is translated. */
export const learnNext = (index: KeyIndex, seen: Seen): void => {
  for (const learn of [learnCertain, learnLikely]) learnBy(learn, index, seen);
};

export const emptyIndex = (): KeyIndex => ({ sequences: new Map(), flows: new Map(), marks: new Map(), sourcePorts: new Map() });

export const addKeys = (index: KeyIndex, keys: ProbeKey[]): void => {
  for (const key of keys) {
    const mark = markOf(key);
    if (mark !== undefined) index.marks.set(mark, key);
    if (key.sourcePort !== undefined) index.sourcePorts.set(key.sourcePort, [...(index.sourcePorts.get(key.sourcePort) ?? []), key]);
  }
};

/** Learns sequence numbers from the SYNs and flows from the datagrams that carry our source ports and cookies. */
export const indexKeys = (keys: ProbeKey[], frames: Frame[]): KeyIndex => {
  const index = emptyIndex();
  addKeys(index, keys);
  for (const learn of [learnCertain, learnLikely]) for (const frame of frames) learnBy(learn, index, frame);
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
