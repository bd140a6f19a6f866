import type { Protocol } from '../cluster/facts.ts';
import { sameAddress } from '../forwarding/address.ts';
import type { Packet } from '../forwarding/hop.ts';
import type { Dissected } from '../probe/tap/dissect.ts';
import { type IpPacket, PROTOCOL } from '../probe/tap/ip-packet.ts';
import { readTransport, type Transport } from '../probe/tap/transport.ts';
import type { HopMatch } from './packet.ts';
import type { Way } from './ways.ts';

/** What traffic between the ends looks like at some hop: whom it is from and to, on the way there. */
export interface Flow {
  source: string;
  destination: string;
  /** Of the destination. */
  port?: number;
}

/** Only what the user asked for narrows the traffic. */
export interface Narrowing {
  protocol?: Protocol;
  /** Ports count, as they are translated on the way. */
  ports: boolean;
}

const flowOf = ({ source, destination, destinationPort }: Packet, { ports }: Narrowing): Flow => ({
  source,
  destination,
  ...(ports && destinationPort !== undefined ? { port: destinationPort } : {}),
});

const reverse = (packet: Packet): Packet => ({
  source: packet.destination,
  destination: packet.source,
  protocol: packet.protocol,
  ...(packet.sourcePort === undefined ? {} : { destinationPort: packet.sourcePort }),
});

/** Every pair of addresses the traffic has on its way, translated or not, as the model predicts it for each family and endpoint. */
export const flowsOf = (ways: Way[], narrowing: Narrowing): Flow[] => {
  const packets = ways.flatMap(({ there, back }) => [
    ...[there.packet, ...there.hops.map(({ packet }) => packet)],
    ...(back?.hops ?? []).map(({ packet }) => reverse(packet)),
  ]);
  const flows = packets.filter(({ source, destination }) => source !== '' && destination !== '').map((packet) => flowOf(packet, narrowing));
  return [...new Map(flows.map((flow) => [`${flow.source} ${flow.destination} ${flow.port ?? ''}`, flow])).values()];
};

/** IANA number of a protocol. */
export const protocolNumber = (protocol: Protocol, family: 4 | 6): number =>
  protocol === 'icmp' ? PROTOCOL[family === 4 ? 'icmp' : 'icmpv6'] : PROTOCOL[protocol];

const portsOf = (transport: Transport | undefined): { source?: number; destination?: number } =>
  transport && 'sourcePort' in transport ? { source: transport.sourcePort, destination: transport.destinationPort } : {};

const wayIn = (flows: Flow[], { protocol }: Narrowing, packet: IpPacket, transport: Transport | undefined): HopMatch['way'] | undefined => {
  if (protocol !== undefined && packet.protocol !== protocolNumber(protocol, packet.family)) return undefined;
  const ports = portsOf(transport);
  const goes = (from: string, to: string, port: number | undefined): boolean =>
    flows.some(
      (flow) =>
        sameAddress(flow.source, from) && sameAddress(flow.destination, to) && (flow.port === undefined || port === undefined || flow.port === port),
    );
  if (goes(packet.source, packet.destination, ports.destination)) return 'there';
  return goes(packet.destination, packet.source, ports.source) ? 'back' : undefined;
};

const opposite = { there: 'back', back: 'there' } as const;

/** Which way a packet goes; an ICMP error goes against the packet it is about. Undefined for what is none of this traffic. */
export const wayOf = (flows: Flow[], narrowing: Narrowing, { packet, transport }: Dissected): HopMatch['way'] | undefined => {
  if (!packet) return undefined;
  const quoted = transport?.kind === 'icmp-error' ? transport.quoted : undefined;
  if (!quoted) return wayIn(flows, narrowing, packet, transport);
  const about = wayIn(flows, narrowing, quoted, readTransport(quoted));
  return about && opposite[about];
};
