import type { StreamedPacket } from '../probe/stream/pcap-reader.ts';
import { type Dissected, dissect, frameOf } from '../probe/tap/dissect.ts';
import type { TunnelPorts } from '../probe/tap/tunnel.ts';
import { type Flow, type Narrowing, wayOf } from './flows.ts';
import type { CapturedPacket, CapturePlace, HopMatch, ProbeMatch } from './packet.ts';
import type { Recogniser } from './recognise.ts';
import type { HopFinder } from './ways.ts';

/** One capture: whose packets they are. */
export interface Source {
  node: string;
  netns: string;
  where: string;
  /** ifindex → name. */
  interfaces: Map<number, string>;
  /** LINKTYPE_*, known with its first packet. */
  readonly linktype: number | undefined;
}

export interface Interpretation {
  finder: HopFinder;
  recogniser: Recogniser;
  tunnels: TunnelPorts;
  /** Number of probes, by their request's id; packets of other requests (the clocks') are not shown. */
  probes: Map<string, number>;
  /** Set where users' own traffic is followed. */
  traffic?: { flows: Flow[]; narrowing: Narrowing };
}

/** What is not shown: the packets that compare the clocks, and others' that the filter could not tell from ours. */
export type LeftOut = 'clock' | 'other';

const placeOf = ({ node, netns, where, interfaces }: Source, { link }: Dissected): CapturePlace => {
  const { ifindex } = link;
  if (ifindex === undefined) return { node, netns, where, interface: 'any' };
  return { node, netns, where, interface: interfaces.get(ifindex) ?? `#${ifindex}`, ifindex };
};

/** Somebody asks who holds an address, or says so. */
const isClaim = ({ arp, transport }: Dissected): boolean => arp !== undefined || transport?.kind === 'neighbour';

type Sense = { way?: HopMatch['way']; probe?: ProbeMatch } | LeftOut;

const senseOf = (dissected: Dissected, name: string, nanos: bigint, { recogniser, probes, traffic }: Interpretation): Sense => {
  const frame = frameOf(dissected, name, Number(nanos) / 1e9);
  const match = frame && recogniser.recognise(frame);
  if (match) {
    const of = probes.get(match.key.probe);
    if (of === undefined) return 'clock';
    return { way: match.what === 'request' ? 'there' : 'back', probe: { attempt: match.key.attempt + 1, of, what: match.what } };
  }
  if (isClaim(dissected)) return {};
  if (!traffic) return 'other';
  const way = wayOf(traffic.flows, traffic.narrowing, dissected);
  if (way !== undefined) return { way };
  // a later fragment has no header to be judged by: the node's filter let it through
  return dissected.packet ? 'other' : {};
};

/** The same for all packets of one probe, or of one connection whichever of its addresses is translated: an end's port stays. */
const conversationOf = ({ packet, transport }: Dissected, { way, probe }: Exclude<Sense, LeftOut>): string => {
  if (probe) return `${probe.attempt}`;
  if (!packet || !transport || !('sourcePort' in transport)) return '';
  return way === 'back' ? `${packet.destination} ${transport.destinationPort}` : `${packet.source} ${transport.sourcePort}`;
};

const hopOf = (
  dissected: Dissected,
  place: CapturePlace,
  direction: 'in' | 'out',
  sense: Exclude<Sense, LeftOut>,
  how: Interpretation,
): HopMatch | undefined => {
  const { packet, outer } = dissected;
  if (isClaim(dissected) || !packet) return undefined;
  const { node, netns, interface: name } = place;
  const { source, destination } = packet;
  const seen = { node, netns, interface: name, direction, tunnelled: outer !== undefined, source, destination };
  return how.finder.find(seen, sense.way, conversationOf(dissected, sense));
};

/** Makes of what a capture saw what is shown of it. @param nanos on the first node's clock */
export const interpret = (source: Source, packet: StreamedPacket, nanos: bigint, how: Interpretation): CapturedPacket | LeftOut => {
  const { bytes, length } = packet;
  const linktype = source.linktype ?? 0;
  const dissected = dissect(linktype, bytes, how.tunnels);
  if (!dissected) return 'other';
  const place = placeOf(source, dissected);
  const sense = senseOf(dissected, place.interface, nanos, how);
  if (typeof sense === 'string') return sense;
  const direction = dissected.link.direction === 'out' ? 'out' : 'in';
  const hop = hopOf(dissected, place, direction, sense, how);
  return {
    place,
    linktype,
    nanos,
    bytes,
    length,
    direction,
    dissected,
    ...(hop ? { hop } : {}),
    ...(sense.probe ? { probe: sense.probe } : {}),
  };
};
