import type { PodFacts } from '../../cluster/facts.ts';
import { inPrefix, sameAddress } from '../../forwarding/address.ts';
import type { Netns } from '../../node/snapshot.ts';
import { COPY_FOR_SOCKETS } from '../../probe/drops/copies.ts';
import type { KernelDrop } from '../../probe/watch/kernel-drop.ts';
import type { DropKind } from '../drops/meaning.ts';
import { tcpFlagsIn } from './packet.ts';

/** How much a drop matters: `problem` stops traffic that somebody wants; `warning` may; a healthy node has the `harmless` ones all the time. */
export type Severity = 'problem' | 'warning' | 'harmless';

export interface Concern {
  severity: Severity;
  /** Why it is harmless, or what is not sure. */
  why?: string;
  /** A bridge sent it to every port. */
  flooded?: true;
}

const harmless = (why: string): Concern => ({ severity: 'harmless', why });

const problem: Concern = { severity: 'problem' };

/** Reasons that are no loss, by the kernel's names (include/net/dropreason-core.h). */
const HARMLESS_REASONS: Record<string, string> = {
  ...Object.fromEntries(
    [
      'TCP_OLD_DATA',
      'TCP_OLD_ACK',
      'TCP_TOO_OLD_ACK',
      'TCP_OFOMERGE',
      'TCP_OLD_SEQUENCE',
      'TCP_RFC7323_PAWS',
      'TCP_RFC7323_PAWS_ACK',
      'TCP_RFC7323_TW_PAWS',
      'TCP_RFC7323_TSECR',
    ].map((reason) => [reason, 'TCP had this already: a repetition']),
  ),
  ...Object.fromEntries(
    [
      'TCP_CLOSE',
      'TCP_RESET',
      'TCP_FLAGS',
      'TCP_ABORT_ON_DATA',
      'TCP_INVALID_SEQUENCE',
      'TCP_INVALID_END_SEQUENCE',
      'TCP_INVALID_ACK_SEQUENCE',
      'TCP_ACK_UNSENT_DATA',
    ].map((reason) => [reason, 'the end of a TCP connection']),
  ),
  TCP_ZEROWINDOW: 'the receiver was asked whether it reads again',
  TCP_OVERWINDOW: 'more than the receiver had room for, which TCP sends again',
  SOCKET_CLOSE: 'its socket was closed',
  QUEUE_PURGE: 'its socket was closed',
  UNIX_DISCONNECT: 'its socket was closed',
  SOCKET_FILTER: 'a raw socket that did not want it, such as of a capture or a ping',
  PACKET_SOCK_ERROR: 'a copy for a capture',
  UNHANDLED_PROTO: 'of a protocol nobody here speaks',
  IPV6_NDISC_NS_OTHERHOST: "a neighbour's question for somebody else",
  NO_TX_TARGET: 'nowhere to be flooded to',
};

/** The same by the function that dropped, or one close above it, for kernels and places without a reason. */
const HARMLESS_FUNCTIONS: [RegExp, string][] = [
  // whoever waits for an echo reply is given a copy, and the original is freed
  [/^(ping_rcv|icmp_rcv)$/, 'the reply to a ping that has it already'],
  [/^(ip6_mc_input|ip_mc_input|igmp_rcv|igmp6_event_query|mld_)/, 'multicast that nobody here listens to'],
  [
    /^(inet_sock_destruct|udp_destruct_common|udpv?6?_destruct|sk_stream_kill_queues|skb_queue_purge|__skb_queue_purge|tcp_write_queue_purge|unix_|netlink_|packet_release|sock_def_destruct)/,
    'its socket was closed',
  ],
  [COPY_FOR_SOCKETS, 'a copy for a raw socket'],
  [/^(arp_process|arp_rcv|arp_send)/, 'ARP that was for somebody else'],
  [/^(ndisc_rcv|ndisc_recv_|icmpv6_rcv|icmpv6_notify)/, 'ICMPv6 that was for somebody else, or was answered'],
  [
    /^(tcp_v[46]_do_rcv|tcp_rcv_state_process|tcp_rcv_established|tcp_data_queue|tcp_ack|tcp_validate_incoming|tcp_child_process|tcp_time_?wait)/,
    'the end of a TCP connection, or a repetition',
  ],
];

/** What an interface says to its neighbours when it comes up; nobody may be there yet. */
const ANNOUNCEMENTS = /^(mld_sendpack|mld_send|ndisc_send_|addrconf_|igmp_|igmpv3_|arp_send|arp_solicit)/;

const EVERYBODY = ['224.0.0.0/4', 'ff00::/8', '255.255.255.255/32'];

const isMulticast = (address: string): boolean => EVERYBODY.some((prefix) => inPrefix(prefix, address));

/** The broadcast address of one of the namespace's own networks. */
const isBroadcast = (netns: Netns | undefined, address: string): boolean =>
  netns?.routes.some(({ type, destination }) => type === 'broadcast' && destination === `${address}/32`) ?? false;

export const belongsHere = (netns: Netns | undefined, address: string): boolean =>
  netns?.links.some(({ addresses }) => addresses.some((own) => sameAddress(own.address, address))) ?? false;

/** Kinds that are a firewall's or a program's decision: whom the packet was for does not matter. */
const DECISIONS = new Set<DropKind>(['rule', 'policy', 'reject', 'queue', 'verdict', 'tc', 'xdp']);

const noSocket = ({ packet }: KernelDrop): Concern => {
  const ip = packet?.packet;
  const flags = ip && tcpFlagsIn(ip);
  if (!flags)
    return ip
      ? { severity: 'warning', why: 'nobody listens there' }
      : { severity: 'warning', why: 'nobody listens, or the connection was closed already' };
  return flags.includes('SYN')
    ? { severity: 'warning', why: 'nobody listens there: the connection is refused' }
    : harmless('a late packet of a connection that is closed');
};

const FLOODED: Concern = { severity: 'warning', why: 'it does not know which port leads to that pod, and sends to all', flooded: true };

/** A frame for another MAC: for an address that is held here the sender has a wrong one; for a pod's, the bridge has none. */
const otherHost = (netns: Netns | undefined, destination: string | undefined, pods: PodFacts[]): Concern => {
  if (destination !== undefined && belongsHere(netns, destination)) return problem;
  const isPods = pods.some(({ ips, hostNetwork }) => !hostNetwork && ips.some((ip) => destination !== undefined && sameAddress(ip, destination)));
  return isPods ? FLOODED : harmless('frames for others, on a port that gets them all');
};

const WITHOUT_NAME: Concern = { severity: 'warning', why: 'the kernel gives no reason' };

/** Reasons that say nothing, and the one that echo replies and closed sockets share with a port where nobody listens. */
const SAYS_LITTLE = new Set(['NOT_SPECIFIED', 'NO_SOCKET']);

/** Why a drop at this very place is harmless, whatever else the call stack says. */
export const harmlessPlace = ({ reason, function: place }: KernelDrop): string | undefined =>
  reason === undefined || SAYS_LITTLE.has(reason) ? HARMLESS_FUNCTIONS.find(([pattern]) => pattern.test(place))?.[1] : undefined;

/** Whether a drop is worth a thought. `netns` is where it happened, as far as that is known. */
export const concernOf = (drop: KernelDrop, kind: DropKind, netns: Netns | undefined, pods: PodFacts[]): Concern => {
  const { reason, stack, packet } = drop;
  const place = harmlessPlace(drop);
  if (place !== undefined) return harmless(place);
  if (DECISIONS.has(kind)) return problem;
  if (stack.some((name) => ANNOUNCEMENTS.test(name))) return harmless('an interface that announces itself');
  const destination = packet?.packet?.destination;
  if (destination !== undefined && (isMulticast(destination) || isBroadcast(netns, destination)))
    return harmless('multicast or broadcast that nobody here takes');
  const named = reason === undefined ? undefined : HARMLESS_REASONS[reason];
  // a frame that a tunnel has no peer for is lost, unless it was for everybody
  if (named !== undefined && !(reason === 'NO_TX_TARGET' && destination !== undefined)) return harmless(named);
  if (kind === 'no-socket') return noSocket(drop);
  if (kind === 'otherhost') return otherHost(netns, destination, pods);
  const above = reason === undefined || SAYS_LITTLE.has(reason) ? stack.slice(0, 3) : [];
  const [, why] = HARMLESS_FUNCTIONS.find(([pattern]) => above.some((name) => pattern.test(name))) ?? [];
  if (why !== undefined) return harmless(why);
  if (kind === 'ttl') return { severity: 'warning', why: 'a traceroute does that, and so does a circle' };
  if (kind === 'bridge-port' && destination === undefined) return { severity: 'warning', why: 'a port that has just come up learns for a moment' };
  return kind === 'other' ? WITHOUT_NAME : problem;
};
