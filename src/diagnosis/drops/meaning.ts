import type { StopReason } from '../../forwarding/hop.ts';
import type { Drop } from '../../probe/observation.ts';

/** Ends that only the kernel or the whole of the evidence can tell, beside those that the model knows. */
export type DropKind = StopReason | 'kept' | 'verdict' | 'qdisc' | 'xdp' | 'checksum' | 'no-socket' | 'socket' | 'port-mtu' | 'other';

export type Hook = 'PREROUTING' | 'INPUT' | 'FORWARD' | 'OUTPUT' | 'POSTROUTING' | 'ingress' | 'egress' | 'bridge';

/** What a kernel says of a drop, as far as its meaning goes. */
export type Dropped = Pick<Drop, 'reason' | 'function' | 'stack' | 'tunnelled'>;

/** What a drop of the kernel means. */
export interface Meaning {
  /** Predicted ends that this can be, the likeliest first. */
  kinds: DropKind[];
  /** Netfilter's hook, as the call stack shows it. */
  hook?: Hook;
}

/**
 * Reasons by the kernel's own names (include/net/dropreason-core.h). NOT_SPECIFIED and the reasons of kernels that have none are judged by
 * the function that dropped.
 */
const BY_REASON: Record<string, DropKind[]> = {
  NETFILTER_DROP: ['rule', 'policy', 'reject'],
  IP_RPFILTER: ['reverse-path'],
  IP_LOCAL_SOURCE: ['martian-source'],
  IP_INVALID_SOURCE: ['martian-source'],
  IP_LOCALNET: ['martian-source'],
  IP_INVALID_DEST: ['no-route'],
  IP_INNOROUTES: ['no-route', 'blackhole', 'unreachable', 'prohibit'],
  IP_OUTNOROUTES: ['no-route', 'blackhole', 'unreachable', 'prohibit'],
  IP_INADDRERRORS: ['forwarding-off', 'no-route'],
  PKT_TOO_BIG: ['too-big'],
  NEIGH_FAILED: ['no-neighbour'],
  NEIGH_QUEUEFULL: ['no-neighbour'],
  NEIGH_DEAD: ['no-neighbour'],
  OTHERHOST: ['otherhost'],
  VXLAN_VNI_NOT_FOUND: ['no-tunnel-device'],
  VXLAN_NO_REMOTE: ['no-fdb', 'no-neighbour'],
  MAC_INVALID_SOURCE: ['otherhost'],
  TC_INGRESS: ['tc'],
  TC_EGRESS: ['tc'],
  XDP: ['xdp'],
  QDISC_DROP: ['qdisc'],
  QDISC_OVERLIMIT: ['qdisc'],
  QDISC_CONGESTED: ['qdisc'],
  TCP_CSUM: ['checksum'],
  UDP_CSUM: ['checksum'],
  ICMP_CSUM: ['checksum'],
  IP_CSUM: ['checksum'],
  SKB_CSUM: ['checksum'],
  NO_SOCKET: ['no-socket'],
  SOCKET_RCVBUFF: ['socket'],
  SOCKET_FILTER: ['socket'],
  SOCKET_BACKLOG: ['socket'],
  BRIDGE_INGRESS_STP_STATE: ['bridge-port'],
  DEV_READY: ['link-down', 'no-carrier'],
  IFF_UP: ['link-down'],
};

/** By function, where the reason says nothing: the first that matches the dropping function or one of its nearest callers. */
const BY_FUNCTION: [RegExp, DropKind[]][] = [
  // freed by itself, for want of a program or of room (net/netfilter/nf_queue.c); the hook calls it, so it comes before nf_hook_slow
  [/^nf_queue$/, ['queue']],
  // no reason is given (net/core/dev.c do_xdp_generic, drivers/net/veth.c, drivers/net/tun.c)
  [/^(do_xdp_generic|netif_receive_generic_xdp|veth_xdp_rcv|tun_xdp_)/, ['xdp']],
  // what a program said no to, or had not judged when it ended (nfnetlink_queue.c nfqnl_recv_verdict, nfqnl_flush)
  [/^(nf_reinject|nfqnl_reinject)$/, ['verdict']],
  [/^(nft_do_chain|nf_hook_slow|ipt_do_table|ip6t_do_table)/, ['rule', 'policy', 'reject']],
  [/^(neigh_|__neigh_|arp_error_report|ndisc_error_report)/, ['no-neighbour']],
  [/^(ip_error|ip6_pkt_drop|ip6_pkt_prohibit|ip6_pkt_discard|dst_discard|dst_blackhole)/, ['blackhole', 'unreachable', 'prohibit', 'no-route']],
  [/^(vxlan_rcv|geneve_udp_encap_recv|geneve_rx|ipip_rcv|ip_tunnel_rcv)/, ['no-tunnel-device']],
  [/^(vxlan_xmit)/, ['no-fdb', 'no-neighbour']],
  // a veth's peer or another local device takes no more than its own MTU (is_skb_forwardable)
  [/^(__dev_forward_skb|dev_forward_skb|veth_xmit)/, ['port-mtu', 'link-down']],
  [/^(br_handle_frame|br_forward|__br_forward|br_flood|br_dev_queue_push_xmit|br_pass_frame_up)/, ['bridge-port']],
  [/^(fib_validate_source|__fib_validate_source|ip_route_input)/, ['reverse-path', 'martian-source']],
  [/^(tcp_v[46]_rcv|__udp[46]_lib_rcv|udp[v6]*_rcv)/, ['no-socket']],
  [/^(tcf_|cls_|sch_handle_ingress|sch_handle_egress)/, ['tc']],
  [/^(__dev_xmit_skb|.*_enqueue)/, ['qdisc']],
];

/** Callers of a hook (include/linux/netfilter.h NF_HOOK users), innermost first on the stack. */
const HOOKS: [RegExp, Hook][] = [
  // br_netfilter gives bridged packets to the hooks of IP (net/bridge/br_netfilter_hooks.c)
  [/^br_nf_forward/, 'FORWARD'],
  [/^br_nf_pre_routing/, 'PREROUTING'],
  [/^br_nf_post_routing/, 'POSTROUTING'],
  [/^(br_nf_|br_handle_frame|br_forward|__br_forward|br_pass_frame_up|br_netif_receive)/, 'bridge'],
  [/^(ip6?_forward|ip6_forward_finish)/, 'FORWARD'],
  [/^(ip_local_deliver|ip6_input)/, 'INPUT'],
  [/^(__ip6?_local_out|ip6?_local_out|ip6_xmit|raw_send_hdrinc|rawv6_send_hdrinc)/, 'OUTPUT'],
  [/^(ip6?_output|ip_mc_output|ip6_finish_output|ip_build_and_send)/, 'POSTROUTING'],
  [/^(ip_rcv|ipv6_rcv|ip_sublist_rcv|ipv6_list_rcv|ip_list_rcv)/, 'PREROUTING'],
  [/^(__netif_receive_skb_core|nf_hook_ingress)/, 'ingress'],
  [/^(__dev_queue_xmit|nf_hook_egress)/, 'egress'],
];

/** What lies between the hook and the chain. */
const NETFILTER = /^(nft?_|ipt?6?_do_table|ip6?t_|iptable_|ip6table_|nf_)/;

const hookOf = ({ stack }: Pick<Drop, 'stack'>): Hook | undefined => {
  const caller = stack.find((name) => !NETFILTER.test(name));
  return caller === undefined ? undefined : HOOKS.find(([pattern]) => pattern.test(caller))?.[1];
};

const byFunction = (names: string[]): DropKind[] => {
  for (const name of names) {
    const found = BY_FUNCTION.find(([pattern]) => pattern.test(name));
    if (found) return found[1];
  }
  return ['other'];
};

/** A packet whose time to live is over is dropped as one with a bad header (IPSTATS_MIB_INHDRERRORS in ip_forward, ip6_forward). */
const isTtl = ({ reason, function: place }: Dropped): boolean => reason === 'IP_INHDR' && /^ip6?_forward/.test(place);

const kindsOf = (drop: Dropped): DropKind[] => {
  if (isTtl(drop)) return ['ttl'];
  const known = drop.reason === undefined ? undefined : BY_REASON[drop.reason];
  const kinds = known ?? byFunction([drop.function, ...drop.stack.slice(0, 3)]);
  // nobody takes the tunnel's own datagram: there is no such tunnel here
  if (drop.tunnelled && kinds.includes('no-socket')) return ['no-tunnel-device'];
  // delivered where nobody waits for it
  return kinds.includes('no-socket') ? [...kinds, 'kept', 'astray'] : kinds;
};

/** A rule did it: it drops, or hands the packet to a queue. */
export const isFirewalls = (kinds: readonly DropKind[]): boolean => kinds.includes('rule') || kinds.includes('queue');

export const meaningOf = (drop: Dropped): Meaning => {
  const kinds = kindsOf(drop);
  const hook = isFirewalls(kinds) ? hookOf(drop) : undefined;
  return { kinds, ...(hook === undefined ? {} : { hook }) };
};
