import type { Frontend } from './frontend.ts';

/** What a node does with packets for one frontend, by its rules. */
export interface Programmed {
  verdict: 'forward' | 'reject' | 'drop';
  /** The rule, element or virtual server it begins with, as a person finds it on the node. */
  text: string;
  /** The chain that spreads connections; absent with IPVS. */
  chain?: string;
  /** Backends, `address:port`, that can be reached from there. */
  targets: string[];
  /** Chains on the way that lead nowhere. */
  hollow: string[];
  /** The chain in which some or all connections meet no rule that translates, and stay as they are. */
  leaks?: string;
  affinity: boolean;
  /** `namespace/name` that the rules themselves speak of. */
  service?: string;
}

/** The rules of one node, whatever the mode. */
export interface ProxyRules {
  /** All that the node has for it, what a packet meets first in front: two worlds of iptables, or what an earlier mode left, may hold some each. */
  lookup: (frontend: Frontend) => Programmed[];
  /** What should lead packets to the rules and does not, in words. */
  unhooked: (frontend: Frontend) => string[];
  /** What should give packets from outside the node's own address and does not, in words. */
  unmasked: (frontend: Frontend) => string[];
}
