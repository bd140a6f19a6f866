import type { Protocol } from '../../src/cluster/facts.ts';

/**
 * A case as data: namespaces, and lines that configure them. It is flat on purpose: a disagreement shrinks by leaving lines out, and what is
 * left can be read, and typed, by a person.
 */
export interface Case {
  seed: number;
  /** What was put in, for the statistics: `vxlan flannel`, `rp_filter`, `nft set`… */
  tags: string[];
  spaces: Space[];
  lines: Line[];
  probes: Probe[];
}

/** A network namespace: a node's own, a pod's on a node, or the network between the nodes, which nobody reads. */
export type Space = { name: string; role: 'host' | 'pod'; node: string } | { name: string; role: 'outside' };

export type Xtables = 'iptables-legacy' | 'ip6tables-legacy' | 'iptables-nft' | 'ip6tables-nft';

/** One line for a tool in a space. `@NAME@` in it stands for that space's namespace; `wiring` marks what makes the healthy network. */
export type Line = { space: string; text: string; wiring?: true } & (
  | { tool: 'ip' | 'ip6' | 'bridge' | 'ipset' | 'nft' | 'tc' }
  /** `net/ipv4/ip_forward=1`; those of `default` are written before any link is made, all others at the end. */
  | { tool: 'sysctl' }
  /** As iptables-save prints it: `:CHAIN - [0:0]` or `-A CHAIN …`. */
  | { tool: Xtables; table: string }
);

/** A question that a process of `from` asks. */
export interface Probe {
  from: string;
  /** Absent: the route chooses. */
  source?: string;
  destination: string;
  protocol: Extract<Protocol, 'tcp' | 'udp'> | 'icmp';
  sourcePort: number;
  /** 0 for ICMP. */
  destinationPort: number;
  /** More than one where the kernel may choose at random. */
  attempts: number;
  /** Bytes of payload, where they matter. */
  size?: number;
  /** Whether routers may split it; only with a size. */
  fragment?: boolean;
}
