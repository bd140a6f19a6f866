import type { Protocol } from '../../cluster/facts.ts';
import type { Packet } from '../../forwarding/hop.ts';
import type { Sighting, TapResult } from '../observation.ts';
import type { Frame } from './frame.ts';
import { echoMark, indexKeys, isUdpRequest, type KeyIndex, quotedKey, quotesReply, sctpKey, tcpKey, udpKey } from './key-index.ts';
import type { ProbeKey } from './probe-keys.ts';
import type { TapCapture } from './tap-output.ts';
import type { Transport } from './transport.ts';

export type Match = { key: ProbeKey; what: Sighting['what'] };

const match = (key: ProbeKey | undefined, what: Sighting['what']): Match | undefined => key && { key, what };

/** What a packet is to the probes the index knows. */
export const matchOf = (index: KeyIndex, { packet, transport }: Frame): Match | undefined => {
  switch (transport.kind) {
    case 'tcp':
      return match(tcpKey(index, transport), transport.reset ? 'reset' : transport.acknowledged === undefined ? 'request' : 'reply');
    case 'udp': {
      const key = udpKey(index, packet, transport);
      return key && match(key, isUdpRequest(index, key, packet, transport) ? 'request' : 'reply');
    }
    case 'echo':
      return match(index.marks.get(echoMark(transport)), transport.reply ? 'reply' : 'request');
    case 'sctp': {
      const key = sctpKey(index, transport.sourcePort, transport.destinationPort);
      return key && match(key, transport.sourcePort === key.sourcePort ? 'request' : 'reply');
    }
    case 'icmp-error':
      return match(quotedKey(index, transport.quoted), 'icmp-error');
    default:
      return undefined;
  }
};

const PROTOCOLS: Record<Transport['kind'], Protocol> = {
  tcp: 'tcp',
  udp: 'udp',
  sctp: 'sctp',
  echo: 'icmp',
  'icmp-error': 'icmp',
  neighbour: 'icmp',
};

const packetOf = ({ packet, transport }: Frame): Packet => ({
  source: packet.source,
  destination: packet.destination,
  protocol: PROTOCOLS[transport.kind],
  ...('sourcePort' in transport ? { sourcePort: transport.sourcePort, destinationPort: transport.destinationPort } : {}),
  length: packet.length,
});

const errorOf = ({ packet, transport }: Frame, key: ProbeKey, index: KeyIndex): Pick<Sighting, 'icmpError'> => {
  if (transport.kind !== 'icmp-error') return {};
  const { type, code, quoted } = transport;
  return { icmpError: { from: packet.source, type, code, ...(quotesReply(index, key, quoted) ? { aboutReply: true } : {}) } };
};

const sightingOf = (frame: Frame, { key, what }: Match, { node, netns }: TapCapture, index: KeyIndex): Sighting => ({
  node,
  netns,
  interface: frame.interface,
  direction: frame.direction,
  time: frame.time,
  packet: packetOf(frame),
  wireLength: frame.wireLength,
  ...(frame.outer ? { outer: frame.outer } : {}),
  ...(frame.sourceMac === undefined ? {} : { sourceMac: frame.sourceMac }),
  what,
  ...errorOf(frame, key, index),
  attempt: key.attempt,
  probe: key.probe,
});

/**
 * Which captured packets are the probes, their replies and the errors about them. Captures of all nodes have to be joined in one call: a
 * SYN's sequence number is learned where the source port is still the one we chose, and recognised everywhere else by itself.
 */
export const joinSightings = (captures: TapCapture[], keys: ProbeKey[]): TapResult[] => {
  const all = captures.flatMap((capture) => capture.frames);
  const index = indexKeys(keys, all);
  return captures.map((capture) => {
    const { frames, ...result } = capture;
    const sightings = frames.flatMap((frame) => {
      const found = matchOf(index, frame);
      return found ? [sightingOf(frame, found, capture, index)] : [];
    });
    return { ...result, sightings: sightings.sort((a, b) => a.time - b.time) };
  });
};
