/** Where the question is put from: a pod of the other node, or a neighbour on the victim's own bridge. */
export type Placement = 'cross node' | 'same node';

export type Protocol = 'tcp' | 'udp' | 'icmp';

/** One way to lose a packet, and what a report has to say of it first. */
export interface Row {
  /** Of the lab; absent where nothing is broken but the question. */
  fault?: string;
  title?: string;
  /** Where not the ones that the server listens on. */
  ports?: Partial<Record<Protocol, number>>;
  /** Finding's code. */
  code: string;
  /** Node and interface the report points at, by placement; a placement that is not here is not touched by the fault and stays healthy. */
  place: Partial<Record<Placement, RegExp>>;
  /** The kernel's own reason or function, in the evidence; absent where the kernel drops nothing. */
  kernel?: RegExp;
  /** Text of the rule, in the evidence together with the rise of its counter. */
  rule?: RegExp;
  /** A rule that does not count: no counter can be told. */
  uncounted?: true;
  /** What is said of the counter; by default that it rose by exactly the probes. */
  counter?: RegExp;
  /** Both when absent. */
  families?: (4 | 6)[];
  /** All when absent. */
  protocols?: Protocol[];
  /** Its cross-node TCP over IPv4 case is kept as a bundle, which the unit tests judge again. */
  recorded?: true;
}

const device = String.raw`flannel(-v6)?\.1`;
const NODE1_IN = new RegExp(`^node1 ${device}$`);
const NODE2_IN = new RegExp(`^node2 ${device}$`);
/** The node's end of a pod's link. */
const VETH = /^node2 veth\w+$/;
const EVERYWHERE = { 'cross node': NODE2_IN, 'same node': VETH };
const FROM_AFAR = { 'cross node': NODE2_IN };
const NETFILTER = /NETFILTER_DROP/;
const BY_HAND = /rule: -A FORWARD -s \S+ .*"forbidden by hand" -j/;

const COUNTED_DROP = /rule: ip6? saddr \S+ ip6? daddr \S+ counter drop/;

export const DROP_TABLE: Row[] = [
  { fault: 'forward-rule-drop', code: 'ND3003', place: EVERYWHERE, kernel: /NETFILTER_DROP in nft_do_chain/, rule: BY_HAND },
  { fault: 'forward-rule-reject', code: 'ND3004', place: EVERYWHERE, kernel: /NETFILTER_DROP in nft_do_chain/, rule: BY_HAND },
  { fault: 'legacy-rule-drop', code: 'ND3003', place: EVERYWHERE, kernel: /NETFILTER_DROP in nf_hook_slow/, rule: BY_HAND },
  { fault: 'legacy-rule-reject', protocols: ['tcp'], code: 'ND3004', place: EVERYWHERE, kernel: /NETFILTER_DROP in nf_hook_slow/, rule: BY_HAND },
  {
    fault: 'queue-unread',
    recorded: true,
    protocols: ['tcp'],
    code: 'ND3018',
    place: EVERYWHERE,
    kernel: /nobody has bound queue 100[\s\S]*in nf_queue\(\), at the FORWARD hook/,
    rule: /rule: -A FORWARD -s \S+ .*"forbidden by hand" -j NFQUEUE --queue-num 100/,
  },
  // servers answer half-open connections of earlier questions again and again
  { fault: 'reply-rule-drop', code: 'ND3003', place: { 'cross node': NODE1_IN }, kernel: NETFILTER, rule: BY_HAND, counter: /its counter rose by/ },
  { fault: 'nft-forward-drop', code: 'ND3003', place: EVERYWHERE, kernel: NETFILTER, rule: COUNTED_DROP },
  {
    fault: 'nft-forward-drop-uncounted',
    protocols: ['tcp'],
    code: 'ND3003',
    place: EVERYWHERE,
    kernel: NETFILTER,
    rule: /rule: ip6? saddr \S+ ip6? daddr \S+ drop/,
    uncounted: true,
  },
  {
    fault: 'nft-forward-reject',
    protocols: ['tcp'],
    code: 'ND3004',
    place: EVERYWHERE,
    kernel: NETFILTER,
    rule: /rule: ip6? saddr \S+ ip6? daddr \S+ counter reject/,
  },
  {
    fault: 'nft-ingress-drop',
    code: 'ND3003',
    place: EVERYWHERE,
    kernel: /NETFILTER_DROP .*at the ingress hook/,
    rule: COUNTED_DROP,
  },
  {
    fault: 'bridge-rule-drop',
    protocols: ['tcp'],
    code: 'ND3003',
    place: { 'cross node': /^node2 cni0$/, 'same node': VETH },
    kernel: /NETFILTER_DROP .*at the bridge hook/,
    rule: COUNTED_DROP,
  },
  {
    fault: 'pod-input-drop',
    protocols: ['tcp'],
    code: 'ND3003',
    place: { 'cross node': /^node2 eth0$/, 'same node': /^node2 eth0$/ },
    kernel: /NETFILTER_DROP .*at the INPUT hook/,
    rule: COUNTED_DROP,
  },
  {
    fault: 'tc-ingress-drop',
    code: 'ND3011',
    place: EVERYWHERE,
    kernel: /TC_INGRESS/,
    rule: /filter: \S+ ingress pref 7 bpf direct-action/,
    uncounted: true,
  },
  {
    fault: 'tc-egress-drop',
    code: 'ND3011',
    place: { 'cross node': VETH, 'same node': VETH },
    kernel: /TC_EGRESS/,
    rule: /filter: veth\w+ egress pref 7 bpf direct-action/,
    uncounted: true,
  },
  {
    fault: 'tc-redirect-nowhere',
    protocols: ['tcp'],
    code: 'ND3011',
    place: EVERYWHERE,
    kernel: /TC_INGRESS/,
    rule: /filter: \S+ ingress pref \d+ u32 mirred .*labnowhere/,
    uncounted: true,
  },
  {
    fault: 'xdp-drop',
    recorded: true,
    code: 'ND3019',
    place: EVERYWHERE,
    kernel: /in do_xdp_generic\(\)/,
    rule: /XDP program drop \(id \d+, generic\) is on /,
    uncounted: true,
  },
  {
    fault: 'xdp-drop-native',
    recorded: true,
    protocols: ['tcp', 'icmp'],
    code: 'ND3019',
    place: { 'cross node': /^node2 eth0$/ },
    rule: /XDP program drop \(id \d+, native\) is on eth0/,
    counter: /the driver of eth0 counted \d+ frames that XDP dropped/,
  },
  { fault: 'queue-full', recorded: true, code: 'ND3012', place: { 'cross node': VETH, 'same node': VETH }, kernel: /QDISC_DROP/ },
  { fault: 'queue-shaper', protocols: ['tcp'], code: 'ND3012', place: { 'cross node': VETH, 'same node': VETH }, kernel: /QDISC_DROP/ },
  { fault: 'rp-filter', code: 'ND3005', place: FROM_AFAR, kernel: /IP_RPFILTER/, families: [4] },
  { fault: 'source-is-local', code: 'ND3005', place: FROM_AFAR, kernel: /IP_LOCAL_SOURCE/, families: [4] },
  { fault: 'source-is-local', code: 'ND3017', place: { 'cross node': /^node2 lo$/ }, families: [6] },
  { fault: 'own-pod-route-missing', code: 'ND3007', place: FROM_AFAR, kernel: /IP_INNOROUTES/ },
  { fault: 'pod-without-routes', recorded: true, code: 'ND3007', place: { 'cross node': /^node2/, 'same node': /^node2/ } },
  { fault: 'blackhole-route', code: 'ND3006', place: FROM_AFAR, kernel: /ip_error|ip6_pkt_discard|dst_discard/ },
  { fault: 'unreachable-route', code: 'ND3006', place: FROM_AFAR, kernel: /ip_error|ip6_pkt_discard/ },
  { fault: 'prohibit-route', protocols: ['tcp'], code: 'ND3006', place: { 'cross node': /^node1 cni0$/ }, kernel: /ip_error|ip6_pkt_prohibit/ },
  { fault: 'ip-forward-off', code: 'ND3001', place: FROM_AFAR, kernel: /ip_error|ip6_forward/ },
  { fault: 'routing-loop', code: 'ND3013', place: { 'cross node': /^node[12] / }, kernel: /IP_INHDR|a single packet passed \S+ on node\d \d+ times/ },
  { fault: 'hop-limit-small', code: 'ND3013', place: FROM_AFAR, kernel: /IP_INHDR/ },
  { fault: 'narrow-tunnel', code: '', place: {} },
  { fault: 'mtu-black-hole', code: 'ND3016', place: { 'cross node': /^node1 cni0$/ }, protocols: ['tcp', 'icmp'] },
  {
    fault: 'pod-mtu-smaller',
    code: 'ND3016',
    place: { 'cross node': VETH, 'same node': VETH },
    kernel: /__dev_forward_skb/,
    // the tunnel of IPv6 takes less than the pods' MTU anyhow, and the sender is told
    families: [4],
    protocols: ['tcp', 'icmp'],
  },
  {
    fault: 'neighbour-silent',
    recorded: true,
    code: 'ND1007',
    place: { 'cross node': /^node2 cni0$/, 'same node': /^node2 eth0$/ },
    kernel: /NEIGH_FAILED|neigh_invalidate|nobody answered \d questions?/,
  },
  {
    fault: 'pod-mac-wrong',
    code: 'ND2112',
    place: { 'cross node': /^node2 eth0$/, 'same node': /^node2 eth0$/ },
    kernel: /OTHERHOST/,
  },
  { fault: 'vtep-mac-stale', code: 'ND2108', place: FROM_AFAR, kernel: /OTHERHOST/ },
  {
    fault: 'vtep-change-unheard',
    families: [4],
    protocols: ['tcp'],
    code: 'ND2105',
    place: { 'cross node': NODE1_IN },
    kernel: /OTHERHOST/,
    recorded: true,
  },
  { fault: 'vni-mismatch', code: 'ND2112', place: { 'cross node': /^node2 eth0$/ }, kernel: /VXLAN_VNI_NOT_FOUND/ },
  { fault: 'receiving-vxlan-missing', code: 'ND2109', place: FROM_AFAR, kernel: /NO_SOCKET/ },
  { fault: 'underlay-drops-tunnel', code: 'ND2101', place: { 'cross node': /^node1 eth0$/ } },
  {
    title: 'nobody listens on the port',
    ports: { tcp: 8081, udp: 9998 },
    code: 'ND4001',
    place: { 'cross node': /^node2$/, 'same node': /^node2$/ },
    protocols: ['tcp', 'udp'],
  },
];
