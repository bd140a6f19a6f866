import type { Protocol } from '../cluster/facts.ts';

/** A packet's header fields as far as forwarding reads them. Addresses are canonical text. */
export interface Packet {
  source: string;
  destination: string;
  protocol: Protocol;
  sourcePort?: number;
  destinationPort?: number;
  /** Bytes at L3. */
  length?: number;
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
  tunnel?: { kind: 'vxlan' | 'geneve' | 'ipip'; vni?: number; port?: number; local: string; remote: string };
  /** Why the packet ends here, when the prediction says so. */
  stop?: Stop;
  /** What the snapshot could not tell here. */
  unsure?: string;
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
  | 'not-translated'
  | 'tc'
  | 'too-big'
  | 'ttl'
  | 'loop';

/** A predicted end of the way. */
export interface Stop {
  reason: StopReason;
  message: string;
  /** Text of the rule or route that decided. */
  decidedBy?: string;
  /** The objects a fix needs: interface, route, neighbour, chain… */
  facts: Record<string, string>;
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
  backend: 'iptables-nft' | 'iptables-legacy' | 'nft';
  table: string;
  chain: string;
  /** 1-based position (iptables) or handle (nft); absent for a chain's policy. */
  number?: number;
  text: string;
}

/** The predicted way of one packet, in order. */
export interface Walk {
  /** As it was sent, source chosen. */
  packet: Packet;
  hops: Hop[];
  outcome: 'delivered' | 'stopped' | 'left' | 'unknown';
  /** Where it was delivered, and the packet as the process there sees it. */
  end?: { node: string; netns: string };
  arrived?: Packet;
  translations: Translation[];
  /** `node/inode` of each netns whose conntrack saw it. */
  tracked: string[];
  /** Choices the kernel makes at random here, e.g. "KUBE-SVC-… picks one of 3". */
  choices: string[];
}
