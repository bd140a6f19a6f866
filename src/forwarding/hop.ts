import type { Protocol } from '../cluster/facts.ts';
import type { Connection } from './conntrack.ts';
import type { Learned, Located } from './flight.ts';

/** What a probe speaks, what carries tunnels, or `any`: then each rule that asks for a protocol may match or not. */
export type IpProtocol = Protocol | 'ipencap' | 'ipv6' | 'gre' | 'any';

export type TcpFlag = 'FIN' | 'SYN' | 'RST' | 'PSH' | 'ACK' | 'URG';

/** A packet's header fields as far as forwarding reads them. Addresses are canonical text. What is absent is not known, but for the defaults named. */
export interface Packet {
  source: string;
  destination: string;
  protocol: IpProtocol;
  sourcePort?: number;
  destinationPort?: number;
  /** Bytes at L3. Without it no MTU stops the packet. */
  length?: number;
  /** Default: what the sending netns has in ip_default_ttl, or 64. */
  ttl?: number;
  /** IPv4's DF bit, which PMTU discovery sets (the default). */
  dontFragment?: boolean;
  /** Default: SYN on the way there, SYN and ACK on the way back, ACK on an established connection. */
  tcpFlags?: TcpFlag[];
  /** Default: an echo request there, its reply back. */
  icmp?: { type: number; code: number };
  /** The whole TOS byte or traffic class; default 0. */
  tos?: number;
  /** SO_MARK of the sending socket; default 0. */
  mark?: number;
  /** Owner of the sending socket. */
  uid?: number;
  gid?: number;
}

/** One place a packet passes, predicted from snapshots; observations are joined to it by node, netns and interface. */
export interface Hop {
  node: string;
  /** Netns inode; absent where the place lies on no node we read (external host). */
  netns?: string;
  /** `pod default/web-0`, `host`, `external`. */
  where: string;
  interface: string;
  ifindex?: number;
  /** Seen from this place: leaving through the interface (`out`) or arriving (`in`). */
  direction: 'in' | 'out';
  /** One line of what the kernel decides here: the route, bridge port, VTEP, NAT. */
  what: string;
  /** The packet as a capture at this interface shows it; on a tunnel's underlay legs the inner one. */
  packet: Packet;
  /** Set on the underlay legs of a tunnel. */
  tunnel?: { kind: TunnelKind; vni?: number; port?: number; local: string; remote: string };
  /** What decided here, in order: each with the object a person would look up. */
  decisions?: Decision[];
  /** Why the packet ends here, when the prediction says so. */
  stop?: Stop;
  /** What the snapshot could not tell here. */
  unsure?: string;
  /** Reached only if what decides before (OVS flows, a BPF program) lets it pass. */
  assumed?: boolean;
}

export type TunnelKind = 'vxlan' | 'geneve' | 'ipip' | 'sit' | 'ip6tnl' | 'gre' | 'wireguard';

/** One decision of the kernel and the object that made it: `route` and its line, `rule` and its text with chain and number, `fdb` and its entry. */
export interface Decision {
  by: 'rule' | 'route' | 'neighbour' | 'fdb' | 'port' | 'tc' | 'ipvs' | 'conntrack' | 'tunnel' | 'sysctl' | 'socket';
  /** As the node's own tools print it. */
  object: string;
}

/** Stable words that diagnosis matches. */
export type StopReason =
  | 'link-down'
  | 'no-carrier'
  | 'no-device'
  | 'no-route'
  | 'blackhole'
  | 'unreachable'
  | 'prohibit'
  | 'no-neighbour'
  | 'no-fdb'
  | 'no-receiver'
  | 'otherhost'
  | 'no-tunnel-device'
  | 'bridge-port'
  | 'forwarding-off'
  | 'reverse-path'
  | 'martian-source'
  | 'rule'
  | 'policy'
  | 'reject'
  | 'queue'
  | 'not-translated'
  | 'astray'
  | 'no-translation'
  | 'martian-destination'
  | 'vlan'
  | 'tc'
  | 'no-peer'
  | 'too-big'
  | 'ttl'
  | 'program'
  | 'loop';

/** A predicted end of the way. */
export interface Stop {
  reason: StopReason;
  message: string;
  /** Text of the rule or route that decided. */
  decidedBy?: string;
  /** The objects a fix needs: interface, route, neighbour, chain… */
  facts: Record<string, string>;
  /** What keeps a neighbour from answering, where that is known. */
  because?: Stop;
}

/** An address translation conntrack remembers in one netns, both sides as the first packet saw them. */
export interface Translation {
  node: string;
  netns: string;
  before: Packet;
  after: Packet;
  /** What did it, source rule first met. */
  by: RuleRef[];
}

/** One netfilter rule or chain policy, as a person would look it up. */
export interface RuleRef {
  backend: 'iptables-nft' | 'iptables-legacy' | 'nft' | 'ipvs';
  table: string;
  chain: string;
  /** 1-based position (iptables) or handle (nft); absent for a chain's policy. */
  number?: number;
  text: string;
}

export type Outcome = 'delivered' | 'stopped' | 'left' | 'unknown';

/** The predicted way of one packet, in order. */
export interface Walk {
  /** Where it was sent from. */
  start?: { node: string; netns: string };
  /** As it was sent, source chosen. */
  packet: Packet;
  hops: Hop[];
  outcome: Outcome;
  /** Where it was delivered, and the packet as the process there sees it. */
  end?: { node: string; netns: string };
  arrived?: Packet;
  /** Where it left for a network that was not read, and the packet as it left. */
  exit?: { node: string; netns: string; interface: string; packet: Packet };
  /** Where it was stopped, and the packet as it was then; not set for what a tunnel carries. */
  stopped?: { node: string; netns: string; packet: Packet };
  translations: Translation[];
  /** What conntrack remembers of it, netns by netns; the reply is put through these. */
  connections: Connection[];
  /** Neighbours that asking on the way made known: the answer need not ask again. */
  learned?: Learned[];
  /** What bridges on the way learned from it. */
  located?: Located[];
  /** Choices the kernel makes at random here, e.g. "KUBE-SVC-… picks one of 3". */
  choices: string[];
  /** What kept the answer from being certain: the rule, section or program, as a person would look it up. Empty when it is certain. */
  doubts: string[];
  /** The largest packet, in bytes at L3, that would go this way whole, and where the limit is. */
  mtu?: PathMtu;
}

export interface PathMtu {
  bytes: number;
  node: string;
  interface: string;
}
