import type { Packet, TunnelKind } from '../forwarding/hop.ts';

/** One captured packet that belongs to a probe: the strongest evidence there is. */
export interface Sighting {
  node: string;
  netns: string;
  interface: string;
  direction: 'in' | 'out' | 'peer';
  /** Seconds on that node's clock. */
  time: number;
  /** Innermost addresses and ports. */
  packet: Packet;
  /** Outer header when it was seen encapsulated. */
  outer?: { kind: TunnelKind; source: string; destination: string; port?: number; vni?: number };
  /** Bytes at L3 as captured, tunnel headers included. */
  wireLength: number;
  /** Link-level sender as captured. */
  sourceMac?: string;
  what: 'request' | 'reply' | 'reset' | 'icmp-error';
  /** For an ICMP error: who sent it, and type/code. One about the reply goes to who replied, and is no answer to the probe. */
  icmpError?: { from: string; type: number; code: number; aboutReply?: true };
  /** Which attempt of the probe, 0-based, where the cookie tells. */
  attempt?: number;
  /** `id` of the ProbeRequest it belongs to. */
  probe?: string;
}

/** Somebody asked for, or claimed, an address (ARP, neighbour discovery): two MACs that claim one address are two owners. */
export interface AddressClaim {
  time: number;
  interface: string;
  direction: 'in' | 'out' | 'peer';
  sourceMac?: string;
  what: 'who-has' | 'is-at';
  address: string;
  /** is-at: the MAC that is claimed. */
  mac?: string;
  /** who-has: the address that asks. */
  asker?: string;
}

/** What one netns' capture gave. */
export interface TapResult {
  node: string;
  netns: string;
  sightings: Sighting[];
  /** Packets the kernel could not hand to the capture: then "not seen" is not proof. */
  dropped: number;
  /** Set when the capture ended at its size limit: what came later is missing. */
  full?: boolean;
  /** ARP and neighbour discovery for the addresses involved. */
  claims?: AddressClaim[];
  /** Set when nothing could be captured here, with the reason. */
  notSeen?: string;
}

/** The kernel freed a packet of a probe as dropped (tracepoint skb:kfree_skb). */
export interface Drop {
  node: string;
  /** Where the packet was last before that. */
  netns: string;
  interface: string;
  direction: Sighting['direction'];
  /** Seconds on that node's clock. */
  time: number;
  /** `id` of the ProbeRequest. */
  probe: string;
  attempt: number;
  /** What was dropped: the probe, or an answer to it. */
  what: Sighting['what'];
  /** The packet as it was seen last. */
  packet: Packet;
  /** It was inside a tunnel then. */
  tunnelled: boolean;
  /** Bytes at L3 of what was dropped, tunnel headers included. */
  wireLength: number;
  /** The kernel's name of the reason, e.g. NETFILTER_DROP; kernels before 5.17 have none. */
  reason?: string;
  /** Kernel function that dropped it. */
  function: string;
  /** Functions that called it, innermost first. */
  stack: string[];
}

/** What one node's kernel said of the probes' packets. */
export interface DropResult {
  node: string;
  drops: Drop[];
  /** Events the ring buffer could not keep: then "no drop" is no proof. */
  lostEvents: number;
  /** Set when this node was not traced, with the reason. */
  notTraced?: string;
}
