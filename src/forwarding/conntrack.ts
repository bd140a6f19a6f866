import { sameAddress } from './address.ts';
import type { IpProtocol, Packet, RuleRef, Translation } from './hop.ts';

/** What tells flows apart (struct nf_conntrack_tuple). Ports that nobody named are equal to each other. */
export interface Tuple {
  source: string;
  destination: string;
  protocol: IpProtocol;
  sourcePort?: number;
  destinationPort?: number;
}

/** One entry of one netns' table (struct nf_conn). */
export interface Connection {
  node: string;
  netns: string;
  /** `-j CT --zone`: flows of different zones do not know each other. */
  zone: number;
  original: Tuple;
  /** What an answer looks like here: the original turned round, with what NAT made of it. */
  reply: Tuple;
  /** The first packet as it entered. */
  entered: Packet;
  mark: number;
  /** Which side's NAT rules were asked already; they are asked once (nf_nat_initialized). */
  asked: { source: boolean; destination: boolean };
  /** Whether the asker's port was drawn at random before it came here, as it goes on from here, and by this very node. */
  drawn?: { before: boolean; after: boolean; here?: boolean };
  /** What translated it, first rule first. */
  by: RuleRef[];
  seenReply: boolean;
  /** Its first packet got through INPUT or POSTROUTING (IPS_CONFIRMED). */
  confirmed?: boolean;
}

export const tupleOf = ({ source, destination, protocol, sourcePort, destinationPort }: Packet): Tuple => ({
  source,
  destination,
  protocol,
  ...(sourcePort === undefined ? {} : { sourcePort }),
  ...(destinationPort === undefined ? {} : { destinationPort }),
});

export const invert = ({ source, destination, protocol, sourcePort, destinationPort }: Tuple): Tuple => ({
  source: destination,
  destination: source,
  protocol,
  ...(destinationPort === undefined ? {} : { sourcePort: destinationPort }),
  ...(sourcePort === undefined ? {} : { destinationPort: sourcePort }),
});

export const sameTuple = (a: Tuple, b: Tuple): boolean =>
  a.protocol === b.protocol &&
  a.sourcePort === b.sourcePort &&
  a.destinationPort === b.destinationPort &&
  sameAddress(a.source, b.source) &&
  sameAddress(a.destination, b.destination);

export interface Found {
  connection: Connection;
  direction: 'original' | 'reply';
}

interface Sought {
  node: string;
  netns: string;
  zone: number;
  tuple: Tuple;
}

/** The latest entry that knows the packet, in either direction. */
export const findConnection = (connections: Connection[], { node, netns, zone, tuple }: Sought): Found | undefined => {
  for (const connection of connections.toReversed()) {
    if (connection.node !== node || connection.netns !== netns || connection.zone !== zone) continue;
    if (sameTuple(connection.original, tuple)) return { connection, direction: 'original' };
    if (sameTuple(connection.reply, tuple)) return { connection, direction: 'reply' };
  }
  return undefined;
};

export const newConnection = ({ node, netns, zone, tuple }: Sought, entered: Packet): Connection => ({
  node,
  netns,
  zone,
  original: tuple,
  reply: invert(tuple),
  entered,
  mark: 0,
  asked: { source: false, destination: false },
  by: [],
  seenReply: false,
});

/** Each walk writes to copies: the reply of a walk does not change the walk. */
export const copyConnection = (connection: Connection): Connection => ({
  ...connection,
  asked: { ...connection.asked },
  by: [...connection.by],
});

/** What the flow is addressed to, or comes from, is not what was sent (IPS_DST_NAT, IPS_SRC_NAT). */
export const isTranslated = ({ original, reply, drawn }: Connection, side: 'source' | 'destination'): boolean => {
  if (side === 'source' && drawn?.here === true) return true;
  const sent = invert(reply);
  const port = side === 'source' ? 'sourcePort' : 'destinationPort';
  return !sameAddress(sent[side], original[side]) || sent[port] !== original[port];
};

/** The packet with one side rewritten to what the entry says (nf_nat_packet): a request forwards, a reply backwards. */
export const rewrite = (packet: Packet, { connection, direction }: Found, side: 'source' | 'destination'): Packet => {
  const target = invert(direction === 'original' ? connection.reply : connection.original);
  const port = side === 'source' ? 'sourcePort' : 'destinationPort';
  if (sameAddress(packet[side], target[side]) && packet[port] === target[port]) return packet;
  return { ...packet, [side]: target[side], ...(target[port] === undefined ? {} : { [port]: target[port] }) };
};

/** A port of one of its tuples as rules see it. */
export const trackedPort = (
  { drawn, ...tuples }: Connection,
  which: 'original' | 'reply',
  side: 'sourcePort' | 'destinationPort',
): number | undefined => {
  const isDrawn = which === 'original' ? side === 'sourcePort' && drawn?.before : side === 'destinationPort' && drawn?.after;
  return isDrawn === true ? undefined : tuples[which][side];
};

/** Is an answer to this port one to a port drawn at random? */
export const isDrawn = (connections: Connection[], { destination, destinationPort }: Tuple): boolean =>
  connections.some(
    ({ drawn, reply }) => drawn?.after === true && reply.destinationPort === destinationPort && sameAddress(reply.destination, destination),
  );

export const translationOf = (connection: Connection): Translation | undefined => {
  if (!isTranslated(connection, 'source') && !isTranslated(connection, 'destination')) return undefined;
  const { node, netns, entered, by, reply } = connection;
  return { node, netns, before: entered, after: { ...entered, ...invert(reply) }, by };
};
