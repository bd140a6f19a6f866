import type { Source } from '../../../src/capture/interpret.ts';
import type { Way } from '../../../src/capture/ways.ts';
import type { Hop, Packet } from '../../../src/forwarding/hop.ts';
import { walk, walkBack } from '../../../src/forwarding/walk.ts';
import type { StreamedPacket } from '../../../src/probe/stream/pcap-reader.ts';
import { type FlannelCluster, flannelCluster, found } from '../forwarding/world.ts';
import { cooked2, ethernet, ipv4, tcp, udp, vxlan } from '../probe/packets.ts';

/** What captures at every hop of a flannel cluster see of one TCP packet. */
export interface Crossing {
  cluster: FlannelCluster;
  way: Way;
  /** One packet per hop, ten microseconds apart. */
  seen: (which: 'there' | 'back', make?: MakePacket) => { source: Source; packet: StreamedPacket }[];
}

type MakePacket = (packet: Packet) => Buffer;

const SYN = 2;
const SYN_ACK = 0x12;

/** A probe's SYN and the answer to it; the sequence number is the same at every hop. */
export const handshake: Record<'there' | 'back', MakePacket> = {
  there: ({ source, destination, sourcePort = 0, destinationPort = 0 }) =>
    ipv4(source, destination, 6, tcp(sourcePort, destinationPort, 1000, 0, SYN)),
  back: ({ source, destination, sourcePort = 0, destinationPort = 0 }) =>
    ipv4(source, destination, 6, tcp(sourcePort, destinationPort, 7, 1001, SYN_ACK)),
};

const OUTGOING = 4;

const asSeen = (hop: Hop, make: MakePacket): Buffer => {
  const inner = make(hop.packet);
  const { tunnel } = hop;
  const packet = tunnel
    ? ipv4(tunnel.local, tunnel.remote, 17, udp(40000, tunnel.port ?? 0, vxlan(tunnel.vni ?? 0, ethernet(0x0800, inner))))
    : inner;
  return cooked2(0x0800, hop.ifindex ?? 0, hop.direction === 'out' ? OUTGOING : 0, packet);
};

/** Names of all links of the namespace a hop is in. */
export const sourceAt = (cluster: FlannelCluster, hop: Hop): Source => {
  const netns = found(cluster.node(hop.node).namespaces.find(({ inode }) => inode === hop.netns));
  return {
    node: hop.node,
    netns: netns.inode,
    where: hop.where,
    interfaces: new Map(netns.links.map(({ ifindex, name }) => [ifindex, name])),
    linktype: 276,
  };
};

/** From web-0 on node1 to an address, by default that of db-0 on node2. */
export const crossing = (destination = '10.244.1.5', destinationPort = 8080, sourcePort = 61_440): Crossing => {
  const cluster = flannelCluster();
  const there = walk(
    { source: '10.244.0.4', destination, protocol: 'tcp', sourcePort, destinationPort },
    { node: 'node1', netns: cluster.pod('web-0').inode },
    cluster,
  );
  const back = found(walkBack(there, cluster));
  const way = { there, back };
  return {
    cluster,
    way,
    seen: (which, make = handshake[which]) =>
      way[which].hops.map((hop, index) => {
        const bytes = asSeen(hop, make);
        const nanos = 1_700_000_000_000_000_000n + BigInt(((which === 'there' ? 0 : 20) + index) * 10_000);
        return { source: sourceAt(cluster, hop), packet: { nanos, bytes, length: bytes.length } };
      }),
  };
};
