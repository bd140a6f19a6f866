import type { DropKind } from '../drops/meaning.ts';

/** What a drop of each kind is called, the finding it belongs to, and what to look at. */
export interface KindWords {
  code: string;
  /** `packets for which there is no route`: goes behind "node1 drops 12.0/s". */
  title: string;
  /** Cell of a table. */
  short: string;
  advice: string[];
}

const MTU = "Give all links of the way the MTU that the pods' interfaces count on: the tunnel's header has to fit into the node's uplink, too.";
const ROUTES = 'Look at the routes and rules there: ip route get ADDRESS, ip rule.';
const PROGRAM = "Where the network plugin's own programs decide (Cilium), ask it: its drop counters name the policy.";

const KINDS: Partial<Record<DropKind, KindWords>> = {
  rule: { code: 'ND3003', title: 'by a firewall rule', short: 'firewall rule', advice: [] },
  policy: { code: 'ND3002', title: 'by the policy of a firewall chain', short: 'chain policy', advice: [] },
  reject: { code: 'ND3004', title: 'by a firewall rule that rejects them', short: 'firewall rule (reject)', advice: [] },
  queue: {
    code: 'ND3018',
    title: 'that a rule hands to a queue which no program reads, or not fast enough',
    short: 'queue without a reader',
    advice: [
      'Start the program again that reads the queue, or find out why it does not keep up: cat /proc/net/netfilter/nfnetlink_queue, there, lists the queues that are read.',
      'Where packets should pass while no program reads it, the rule has to say --queue-bypass (nft: flags bypass).',
    ],
  },
  verdict: {
    code: 'ND3015',
    title: 'that a rule hands to a program (NFQUEUE, nft queue), which refuses them',
    short: 'verdict of a program',
    advice: ['An agent that judges network policies so (kube-network-policies, kindnet) logs what it denies, and so does an IPS.'],
  },
  'reverse-path': {
    code: 'ND3005',
    title: 'whose source does not lead back the way they came (rp_filter)',
    short: 'reverse-path filter',
    advice: ['Find out why they take another way back than there, or set net.ipv4.conf.INTERFACE.rp_filter=2.'],
  },
  'martian-source': {
    code: 'ND3005',
    title: 'with an impossible source address',
    short: 'impossible source',
    advice: ['Two hosts may have the same address: kubectl netdoctor path names them.'],
  },
  blackhole: { code: 'ND3006', title: 'into a blackhole route', short: 'blackhole route', advice: [ROUTES] },
  unreachable: { code: 'ND3006', title: 'for a route that says unreachable', short: 'unreachable route', advice: [ROUTES] },
  prohibit: { code: 'ND3006', title: 'for a route that prohibits them', short: 'prohibit route', advice: [ROUTES] },
  'no-route': { code: 'ND3007', title: 'for which it has no route', short: 'no route', advice: [ROUTES] },
  'forwarding-off': {
    code: 'ND3001',
    title: 'as forwarding is switched off',
    short: 'forwarding is off',
    advice: ['sysctl -w net.ipv4.ip_forward=1, and find out who switched it off.'],
  },
  'no-neighbour': {
    code: 'ND1007',
    title: 'as nobody answers for the next hop',
    short: 'next hop does not answer',
    advice: ['Whose address is it? A pod that is gone, or one whose interface is down: kubectl netdoctor veth --ip ADDRESS.'],
  },
  otherhost: {
    code: 'ND2112',
    title: 'that are addressed to another MAC than its own',
    short: 'wrong MAC',
    advice: ['Whoever sends them has a stale neighbour entry: ip neigh, there.'],
  },
  'no-tunnel-device': {
    code: 'ND2109',
    title: 'that come in a tunnel it has no interface for',
    short: 'no tunnel interface',
    advice: ['Compare the VNIs and ports of the nodes: ip -d link show type vxlan.'],
  },
  'no-fdb': {
    code: 'ND2113',
    title: 'for which its tunnel has no peer',
    short: 'no tunnel peer',
    advice: ['bridge fdb show, for the tunnel interface; the network plugin keeps it.'],
  },
  'bridge-port': {
    code: 'ND1005',
    title: 'at a bridge port that does not forward',
    short: 'bridge port',
    advice: ['bridge -d link: state, isolated, and the VLANs of the port.'],
  },
  'link-down': { code: 'ND3010', title: 'for an interface that is down', short: 'interface is down', advice: ['ip link show, there.'] },
  'no-carrier': {
    code: 'ND3010',
    title: 'for an interface without carrier',
    short: 'no carrier',
    advice: ['ip link show, there, and at its other end.'],
  },
  tc: { code: 'ND3011', title: 'by a traffic-control filter or a BPF program', short: 'tc or BPF program', advice: [PROGRAM] },
  xdp: { code: 'ND3019', title: 'by an XDP program', short: 'XDP program', advice: ['Find it with `bpftool net`.', PROGRAM] },
  qdisc: {
    code: 'ND3012',
    title: 'as the queue of an interface is full',
    short: 'queue is full',
    advice: ['tc -s qdisc show; an interface that is down has a queue that takes nothing.'],
  },
  ttl: {
    code: 'ND3013',
    title: 'whose time to live is over',
    short: 'time to live is over',
    advice: ['A traceroute does that, and so do two routes that point at each other.'],
  },
  'too-big': { code: 'ND3014', title: 'that are larger than the next link takes', short: 'too big', advice: [MTU] },
  'port-mtu': { code: 'ND3014', title: 'that are larger than the next device takes', short: 'too big', advice: [MTU] },
  checksum: {
    code: 'ND3015',
    title: 'for a wrong checksum',
    short: 'wrong checksum',
    advice: ['Checksum offload of a network card or hypervisor often breaks tunnels: ethtool -K DEVICE tx-checksum-ip-generic off, on the sender.'],
  },
  'no-socket': { code: 'ND4001', title: 'for ports where nobody listens', short: 'nobody listens', advice: [] },
  socket: {
    code: 'ND3015',
    title: 'as the receiving program does not read fast enough',
    short: 'socket buffer is full',
    advice: ['Look at the program, and not at the network.'],
  },
};

const OTHER: KindWords = {
  code: 'ND3015',
  title: 'for a reason that has no name here',
  short: 'kernel',
  advice: ['The function named here is where the kernel did it; its source says for what.'],
};

/** kube-proxy rejects what is sent to a Service nobody serves, in each of its modes. */
const NO_ENDPOINTS: KindWords = {
  code: 'ND4003',
  title: 'for a Service without ready endpoints',
  short: 'Service without endpoints',
  advice: ['The comment of the rule names the Service: kubectl get endpointslices, and why its pods are not ready.'],
};

/** Kinds that only the model knows never come from a kernel. @param rule its text, where one was found */
export const wordsFor = (kind: DropKind, rule?: string): KindWords =>
  kind === 'reject' && rule !== undefined && /has no (local )?endpoints|reject-chain/.test(rule) ? NO_ENDPOINTS : (KINDS[kind] ?? OTHER);
