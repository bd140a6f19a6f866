import type { Family } from './snapshot.ts';

/** Rules, sets and queues of one network namespace. */
export interface Netfilter {
  /** Every ruleset that exists, both iptables worlds in both families; nft tables that are iptables-nft's own are in `iptables` only. */
  iptables: IptablesTable[];
  nft: NftTable[];
  ipsets: Ipset[];
  /** /proc/net/xt_recent: list → addresses in it; absent where there is no such list or it was not read. */
  recent?: Record<string, string[]>;
  /** Queues that a program has bound, in the order of their numbers; empty where nobody has, absent where that was not read. */
  queues?: PacketQueue[];
}

/** A queue of packets that rules hand to a program (NFQUEUE, nft queue), as /proc/net/netfilter/nfnetlink_queue tells of it. */
export interface PacketQueue {
  number: number;
  /** Netlink port of the program: as a rule its pid, where it opened one such socket. */
  portId: number;
  /** Packets that have no verdict yet. */
  waiting: number;
  /** What the program is given of each packet; with `none` the kernel drops them all, also where a rule says bypass. */
  copies: 'none' | 'meta' | 'packet';
  /** Dropped by the kernel as too many were waiting. */
  dropped: number;
  /** Dropped as the program's socket took no more. */
  userDropped: number;
}

export interface IptablesTable {
  backend: 'nft' | 'legacy';
  family: Family;
  table: string;
  chains: IptablesChain[];
}

export interface IptablesChain {
  name: string;
  /** Present for built-in chains only. */
  policy?: 'ACCEPT' | 'DROP';
  packets: number;
  bytes: number;
  rules: IptablesRule[];
}

export interface IptablesRule {
  /** 1-based position in its chain, as `iptables -L --line-numbers` shows it. */
  number: number;
  packets: number;
  bytes: number;
  /** The rule as iptables-save prints it after `-A CHAIN`, quotes kept. */
  text: string;
  target?: string;
  comment?: string;
}

/** `nft -j list ruleset`, by table; expressions are left as nft's own JSON (libnftables-json(5)). */
export interface NftTable {
  family: 'ip' | 'ip6' | 'inet' | 'bridge' | 'arp' | 'netdev';
  name: string;
  /** `dormant`: its chains are asked by nobody. */
  flags?: string[];
  chains: NftChain[];
  sets: NftSet[];
  objects: unknown[];
}

export interface NftChain {
  name: string;
  type?: string;
  hook?: string;
  priority?: number;
  policy?: string;
  device?: string;
  rules: { handle: number; comment?: string; expr: unknown[] }[];
}

export interface NftSet {
  name: string;
  map: boolean;
  type: unknown;
  flags: string[];
  elements: unknown[];
}

export interface Ipset {
  name: string;
  type: string;
  family?: Family;
  /** Addresses count by their first bits only. */
  netmask?: number;
  /** Bits of a packet's mark that count. */
  markmask?: string;
  /** What was added; `nomatch` and `wildcard` follow their entry. */
  entries: string[];
}
