import { type Found, findConnection, invert, newConnection, sameTuple, tupleOf } from '../conntrack.ts';
import { isV6, type Pass, tcpFlagsOf } from '../pass.ts';
import { sysctl } from '../sysctl.ts';
import { proceed, type Verdict } from './context.ts';

/** Connection tracking's own place among the rules: finds the packet's entry or makes one (nf_conntrack_core.c nf_conntrack_in). */
export const track = (pass: Pass): Verdict => {
  const { journey, place, flight, tracking } = pass;
  // loopback's packets keep their entry; NOTRACK was before this
  if (tracking.state === 'UNTRACKED' || tracking.found) return proceed;
  if (isNeighbourDiscovery(pass)) {
    pass.tracking = { state: 'UNTRACKED', zone: 0 };
    return proceed;
  }
  const { node } = place.snapshot;
  const { inode: netns } = place.netns;
  // an ICMP error belongs to the flow of the packet it is about, and goes the other way
  const tuple = flight.about ? invert(flight.about) : tupleOf(flight.packet);
  const sought = { node, netns, zone: tracking.zone, tuple };
  const found = asAnswer(findConnection(journey.connections, sought), pass);
  if (flight.about) {
    if (found && isKnown(found, pass)) pass.tracking = { ...tracking, state: 'RELATED', found };
    return proceed;
  }
  if (found?.direction === 'reply') found.connection.seenReply = true;
  if (found) {
    const isUnderWay = found.connection.seenReply || journey.options.connection === 'established';
    pass.tracking = { ...tracking, state: isUnderWay ? 'ESTABLISHED' : 'NEW', found };
    return proceed;
  }
  if (!canStart(pass)) return proceed;
  const connection = newConnection(sought, flight.packet);
  if (flight.drawn === 'sourcePort') connection.drawn = { before: true, after: true };
  journey.connections.push(connection);
  const established = journey.options.connection === 'established' && flight.direction === 'request' && !flight.carries;
  pass.tracking = { ...tracking, state: established ? 'ESTABLISHED' : 'NEW', found: { connection, direction: 'original' } };
  return proceed;
};

/** A flow whose first packet got no further than here is known to the error about it while that is made, and to nobody afterwards (nf_conntrack_attach). */
const isKnown = ({ connection }: Found, { hook, journey }: Pass): boolean =>
  hook === 'output' || connection.confirmed === true || journey.options.connection === 'established';

/** Echoes have no ports: to oneself, question and answer look alike here, and differ by their type alone (struct nf_conntrack_tuple). */
const asAnswer = (found: Found | undefined, { flight: { packet, direction } }: Pass): Found | undefined =>
  found && direction === 'reply' && packet.protocol === 'icmp' && !packet.icmp && sameTuple(found.connection.reply, tupleOf(packet))
    ? { ...found, direction: 'reply' }
    : found;

/** Router and neighbour discovery and multicast reports have no state (nf_conntrack_proto_icmpv6.c noct_valid_new). */
const isNeighbourDiscovery = ({ flight: { packet } }: Pass): boolean =>
  packet.protocol === 'icmp' && packet.icmp !== undefined && isV6(packet) && [130, 131, 132, 133, 134, 135, 136, 143].includes(packet.icmp.type);

/** An answer nobody asked for begins no connection: it is INVALID (nf_conntrack_proto_tcp.c tcp_new, nf_conntrack_proto_icmp.c). */
const canStart = (pass: Pass): boolean => {
  const { flight, journey, place } = pass;
  const { protocol } = flight.packet;
  if (protocol === 'tcp') {
    const flags = tcpFlagsOf(pass);
    if (flags.includes('RST')) return false;
    if (flags.includes('SYN')) return !flags.includes('ACK');
    return journey.options.connection === 'established' || sysctl(place.netns, 'net.netfilter.nf_conntrack_tcp_loose') !== '0';
  }
  if (protocol === 'icmp') return flight.packet.icmp === undefined ? flight.direction === 'request' : isQuestion(flight.packet.icmp.type);
  return true;
};

/** ICMP requests: echo, timestamp, information, address mask, router solicitation aside; ICMPv6 echo and node information. */
const isQuestion = (type: number): boolean => [8, 13, 15, 17, 128, 139].includes(type);
