import type { KernelDrop } from '../../probe/watch/kernel-drop.ts';
import { modelPacket } from './packet.ts';

/** What was dropped, without the port that a client changes from connection to connection. */
export interface Flow {
  source: string;
  destination: string;
  /** `tcp`, `udp`, `icmp`…, `arp`, or a number. */
  protocol: string;
  sourcePort?: number;
  destinationPort?: number;
}

/** Of two ports the smaller one is the service's, but for two that clients choose from. */
const servicePort = (source: number, destination: number): Pick<Flow, 'sourcePort' | 'destinationPort'> =>
  source < destination && source < 32_768 ? { sourcePort: source } : { destinationPort: destination };

export const flowOf = ({ packet }: KernelDrop): Flow | undefined => {
  if (packet?.arp) return { source: packet.arp.sender, destination: packet.arp.target, protocol: 'arp' };
  const seen = packet && modelPacket(packet);
  if (!seen) return undefined;
  const { source, destination, protocol, sourcePort, destinationPort } = seen;
  const name = protocol === 'any' ? `${packet?.packet?.protocol}` : protocol;
  const ports = sourcePort === undefined || destinationPort === undefined ? {} : servicePort(sourcePort, destinationPort);
  return { source, destination, protocol: name, ...ports };
};

export const flowKey = ({ source, destination, protocol, sourcePort, destinationPort }: Flow): string =>
  [protocol, source, sourcePort ?? '', destination, destinationPort ?? ''].join(' ');
