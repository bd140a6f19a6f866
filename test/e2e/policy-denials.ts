import type { Enforcing } from '../lab/options.ts';

interface Denial {
  /** Lines of the evidence when the destination's policies deny. */
  ingress: RegExp[];
  /** When the source's do. */
  egress: RegExp[];
  /** What the kernel says of the drop. */
  kernel: { reason: string; hook?: string };
}

/** How each plugin shows on a node that it denies. */
export const DENIALS: Record<Enforcing, Denial> = {
  felix: {
    ingress: [
      /calico on node2 denies it by (ip6tables )?filter cali-tw-cali[0-9a-f]{11} #\d+: "End of tier default\. Drop if no policies passed packet"/,
      /its counter rose by (exactly the 5 (lost )?probes|\d+ packets, \d+ bytes while)/,
      /what node2 has for demo\/server-node2, ingress: NetworkPolicy demo\/servers \(cali-pi-/,
    ],
    egress: [
      /calico on node1 denies it by (ip6tables )?filter cali-fw-cali[0-9a-f]{11} #\d+: "End of tier default\. Drop if no policies passed packet"/,
      /its counter rose by (exactly the 5 (lost )?probes|\d+ packets, \d+ bytes while)/,
    ],
    kernel: { reason: 'NETFILTER_DROP', hook: 'FORWARD' },
  },
  cilium: {
    ingress: [
      /cilium on node2 denies it by policy map of endpoint \d+: "no entry allows identity \d+ \(k8s:app=\w+\); drop reason Policy denied, ingress"; its counter rose by \d+/,
    ],
    egress: [
      /cilium on node1 denies it by policy map of endpoint \d+: "no entry allows identity \d+ \(k8s:app=\w+\); drop reason Policy denied, egress"; its counter rose by \d+/,
    ],
    kernel: { reason: 'TC_INGRESS' },
  },
};
