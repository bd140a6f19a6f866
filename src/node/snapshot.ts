/**
 * What one node's kernel and file system said at one moment, parsed and typed. Produced by src/node from the collector's raw sections;
 * everything that judges reads this and nothing else of a node.
 */

import type { CiliumState, OvnState, OvsState } from './dataplane-state.ts';
import type { Netfilter } from './netfilter-state.ts';

export type Family = 4 | 6;

/** Why a piece of a snapshot is absent. Absence without one of these is a bug: silence is never health. */
export interface SectionProblem {
  /** Collector section, e.g. `iptables-nft` or `links`. */
  section: string;
  /** Network namespace inode, absent for what belongs to the node as a whole. */
  netns?: string;
  /** `missing`: no such tool on image or node; `failed`: the tool said no; `unparsed`: we did not understand it; `truncated`: cut at the size limit. */
  kind: 'missing' | 'failed' | 'unparsed' | 'truncated';
  detail: string;
}

export interface NodeSnapshot {
  /** Kubernetes node name. */
  node: string;
  /** Seconds since the epoch on the node's own clock when collection began. */
  clock: number;
  kernel: string;
  /** The node's host network namespace first, then the others in ascending inode order. */
  namespaces: Netns[];
  problems: SectionProblem[];
  /** Absolute path → text of the CNI configuration and state files read (net.d, subnet.env, host-local records). */
  files: Record<string, string>;
  /** Processes whose liveness is evidence, by command name (kubelet, kube-proxy, flanneld…): pids. */
  daemons: Record<string, number[]>;
  /**
   * Answers of loopback health endpoints that were asked: HTTP status, 0 when nothing listens, 599 when what listens does not answer.
   * `kube-proxy` (10256/healthz) and `kubelet` (10248/healthz) always; `felix`, `cilium-agent`, `kube-router` where that daemon runs.
   */
  health: Record<string, number>;
  /** When kube-proxy last wrote the rules of each family, as its health check says (RFC 3339, UTC); absent where it does not tell. */
  proxyWrote?: { 4?: string; 6?: string };
  ovs?: OvsState;
  /** What OVN made of policies, where it is OVN that does. */
  ovn?: OvnState;
  cilium?: CiliumState;
}

/** One network namespace. Inode numbers are strings because they are names, not quantities. */
export interface Netns {
  /** Inode of the nsfs file, decimal (`stat -L -c %i /proc/PID/ns/net`). */
  inode: string;
  role: 'host' | 'pod' | 'other';
  /** UID of the pod whose cgroup the processes inside belong to, when known. */
  podUid?: string;
  /**
   * How much of it was read, when not everything: `attach`: links, routes, neighbours, FDB; `links`: interfaces with addresses;
   * `listed`: nothing but what stands here and `localAddresses`. What was not read is empty and no problem is noted for it.
   */
  seen?: 'attach' | 'links' | 'listed';
  /** Addresses the kernel answers for in here (fib_trie, if_inet6), known even where no link was read; without loopback's and fe80::/10. */
  localAddresses?: string[];
  /** Lowest pid inside, as seen from the node; absent when no process lives there. */
  pid?: number;
  /** How many processes live inside. */
  processes: number;
  /** Files that pin it: /run/netns/x, /run/docker/netns/x… */
  pinnedAt: string[];
  /** nsid of other namespaces as seen from inside this one (`ip netns list-id` / RTM_GETNSID): nsid → inode. */
  nsids: Record<string, string>;
  links: Link[];
  routes: Route[];
  rules: Rule[];
  neighbours: Neighbour[];
  fdb: FdbEntry[];
  vlans: BridgeVlan[];
  netfilter: Netfilter;
  tc: TcState;
  /** By dotted name; an interface keeps its own dots: `net.ipv4.conf.vxlan.calico.rp_filter`. */
  sysctls: Record<string, string>;
  sockets: ListeningSocket[];
  ipvs: IpvsService[];
  wireguard?: WireguardDevice[];
  conntrack?: ConntrackCounters;
  /** The IP stack's own counters, by protocol and name: `Ip.InAddrErrors`, `TcpExt.IPReversePathFilter`, `Ip6.InNoRoutes`. */
  counters?: Record<string, number>;
}

export interface Address {
  family: Family;
  address: string;
  prefix: number;
  scope: string;
  /** `dadfailed`, `tentative`, `deprecated`… as iproute2 prints them. */
  flags: string[];
  /** Peer of a point-to-point address. */
  peer?: string;
}

/** A network interface (IFLA_*). */
export interface Link {
  ifindex: number;
  name: string;
  /** rtnetlink kind: veth, bridge, vxlan, ipip, macvlan, tun, openvswitch…; `''` for a physical or loopback device. */
  kind: string;
  mac?: string;
  mtu: number;
  /** Administrative state: IFF_UP. */
  up: boolean;
  /** IFF_LOWER_UP: the peer or carrier is there. */
  carrier: boolean;
  operstate: string;
  promiscuous: boolean;
  /** ifindex of the bridge, bond or VRF this is a port of, with its name. */
  master?: { ifindex: number; name: string };
  /** IFLA_LINK: for a veth the peer's ifindex in the namespace `linkNsid`; for a VLAN or macvlan its parent. */
  peerIfindex?: number;
  /** IFLA_LINK_NETNSID: absent means this same namespace. */
  linkNsid?: number;
  /** `ethtool -S` peer_ifindex, the independent second source. */
  ethtoolPeerIfindex?: number;
  alias?: string;
  /** Name or number of its group, where it is not the default one. */
  group?: string;
  /** IFF_NOARP: neighbours are not asked for. */
  noArp?: boolean;
  addresses: Address[];
  vxlan?: { vni: number; port: number; local?: string; remote?: string; group?: string; underlay?: string; learning: boolean; external: boolean };
  /** Ports of a bridge only. */
  bridgePort?: BridgePort;
  /** Bridges only. `callIptables`: br_netfilter for this bridge alone. */
  bridge?: { stp: boolean; vlanFiltering: boolean; groupForwardMask: string; callIptables?: boolean; callIp6tables?: boolean };
  /** macvlan, macvtap and ipvlan. */
  macvlanMode?: string;
  /** 802.1Q VLAN devices. */
  vlan?: { id: number; protocol: string };
  geneve?: { vni: number; port: number; remote?: string; external: boolean };
  /** ipip, sit, gre, ip6tnl…: both ends where they are fixed. */
  ipTunnel?: { local?: string; remote?: string; key?: string; external: boolean; pmtuDiscovery: boolean };
  /** Table of a VRF. */
  vrfTable?: string;
  /** Bonds and teams: the mode, and the port in use where only one is. */
  bond?: { mode: string; active?: string };
  /** `tun` or `tap`. */
  tunType?: string;
  stats?: LinkStats;
  /** A program that sees each frame that comes in before everything else. */
  xdp?: XdpProgram;
}

/** IFLA_XDP. */
export interface XdpProgram {
  /** `native`: in the driver, before there is a packet of the kernel; `generic`: on such packets (net/core/dev.c do_xdp_generic). */
  mode?: 'native' | 'generic' | 'hardware' | 'several';
  id?: number;
  name?: string;
  /** Frames it dropped, by the driver's own counter (`ethtool -S`), where the driver has one: only of native programs. */
  dropped?: number;
}

/** Counters since the interface was made (struct rtnl_link_stats64). */
export interface LinkStats {
  rxPackets: number;
  rxBytes: number;
  rxErrors: number;
  rxDropped: number;
  rxOtherhost: number;
  txPackets: number;
  txBytes: number;
  txErrors: number;
  txDropped: number;
}

export interface Route {
  family: Family;
  /** `default` is written 0.0.0.0/0 or ::/0; hosts carry /32 or /128. */
  destination: string;
  table: string;
  /** unicast, local, broadcast, blackhole, unreachable, prohibit, throw, multicast, anycast. */
  type: string;
  gateway?: string;
  device?: string;
  source?: string;
  metric: number;
  /** Type of service it is for; absent or 0 for any. */
  tos?: number;
  protocol: string;
  scope: string;
  /** `onlink`, `linkdown`, `dead`, `offload`… */
  flags: string[];
  mtu?: number;
  /** `mtu lock`: discovery does not change it, and what is larger is fragmented. */
  mtuLock?: boolean;
  /** Multipath next hops; empty for a single path. */
  nexthops: { gateway?: string; device?: string; weight: number; flags: string[] }[];
}

export interface Rule {
  family: Family;
  priority: number;
  not: boolean;
  from: string;
  to: string;
  iif?: string;
  oif?: string;
  /** `0x4000/0x4000` */
  fwmark?: string;
  ipproto?: string;
  sport?: string;
  dport?: string;
  /** `1000-2000`: owner of the sending socket. */
  uidRange?: string;
  tos?: number;
  tunnelId?: string;
  /** Looks in the table of the packet's VRF. */
  l3mdev?: boolean;
  /** Table name for a lookup; `action` is then `lookup`. */
  table?: string;
  /** Results with a prefix this short or shorter do not count (wg-quick). */
  suppressPrefixLength?: number;
  /** Nor do those out of a device of this group. */
  suppressGroup?: string;
  action: string;
}

export interface Neighbour {
  family: Family;
  address: string;
  device: string;
  mac?: string;
  /** NUD_*: REACHABLE, STALE, PERMANENT, FAILED, INCOMPLETE, NOARP… */
  state: string;
  proxy: boolean;
  router: boolean;
}

export interface BridgePort {
  state: string;
  hairpin: boolean;
  learning: boolean;
  /** Takes frames for addresses that no entry leads to. */
  flood: boolean;
  /** False where frames for many, or for all, do not go out by it. */
  multicastFlood?: boolean;
  broadcastFlood?: boolean;
  isolated: boolean;
  guard: boolean;
}

export interface FdbEntry {
  mac: string;
  device: string;
  /** VTEP the MAC lies behind (vxlan devices). */
  destination?: string;
  /** Device that packets to the VTEP leave by, where the entry says so. */
  via?: string;
  vni?: number;
  port?: number;
  vlan?: number;
  master?: string;
  /** `self`, `permanent`, `extern_learn`, `offload`… */
  flags: string[];
  state: string;
}

export interface BridgeVlan {
  device: string;
  vlan: number;
  pvid: boolean;
  untagged: boolean;
}

export interface TcState {
  qdiscs: { device: string; kind: string; handle: string; parent: string; packets: number; dropped: number }[];
  filters: TcFilter[];
}

export interface TcFilter {
  device: string;
  /** `ingress`, `egress` or a class handle. */
  parent: string;
  kind: string;
  protocol: string;
  pref: number;
  /** What it asks for, a line each as tc prints it: `match 0a000001/ffffffff at 16`, `ip_proto tcp`; absent where it was not read. */
  keys?: string[];
  /** mirred: where packets go; bpf: program name. */
  actions: { kind: string; detail: string; redirectTo?: string; packets: number; dropped: number }[];
}

export interface ListeningSocket {
  protocol: 'tcp' | 'udp' | 'sctp';
  family: Family;
  address: string;
  port: number;
  /** Accepting both families (IPV6_V6ONLY off on ::). */
  dual: boolean;
  /** Command name; told for sockets of the host only. */
  process?: string;
}

export interface IpvsService {
  protocol: string;
  address: string;
  port: number;
  scheduler: string;
  /** A client stays with its server for a while. */
  persistent?: boolean;
  servers: { address: string; port: number; weight: number; forward: string }[];
}

/** What `wg show` says of a device, without private or preshared keys. */
export interface WireguardDevice {
  device: string;
  publicKey?: string;
  listenPort?: number;
  /** Mark of the packets it sends. */
  fwmark?: number;
  peers: WireguardPeer[];
}

export interface WireguardPeer {
  publicKey: string;
  /** `192.0.2.1:51820`; absent until it was heard from or told. */
  endpoint?: string;
  allowedIps: string[];
  /** Seconds since the epoch, 0 when there never was one. */
  latestHandshake: number;
}

export interface ConntrackCounters {
  count: number;
  max: number;
  insertFailed: number;
  drop: number;
  earlyDrop: number;
}
