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
  /** The packet as it should look here, after what happens in `what`. */
  packet: Packet;
  /** Set on the underlay legs of a tunnel. */
  tunnel?: { kind: 'vxlan' | 'geneve' | 'ipip'; vni?: number; port?: number; local: string; remote: string };
  /** Why the packet ends here, when the prediction says so. */
  stop?: Stop;
  /** What the snapshot could not tell here. */
  unsure?: string;
}

/** A predicted end of the way. */
export interface Stop {
  /** Stable word that diagnosis matches: `link-down`, `no-route`, `blackhole`, `no-neighbour`, `no-fdb`, `bridge-port`, `forwarding-off`, `rule`… */
  reason: string;
  message: string;
  /** Text of the rule or route that decided. */
  decidedBy?: string;
  /** The objects a fix needs: interface, route, neighbour, chain… */
  facts: Record<string, string>;
}

/** The predicted way of one packet, in order. */
export interface Walk {
  packet: Packet;
  hops: Hop[];
  outcome: 'delivered' | 'stopped' | 'left' | 'unknown';
}
