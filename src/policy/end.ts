import type { NodeFacts, PodFacts, ServiceFacts } from '../cluster/facts.ts';

/** What a word of the question stands for: all of it, not one pod of several. */
export type End = { word: string; label: string; note?: string } & (
  | { is: 'pods'; pods: PodFacts[] }
  /** `address`: the one of its addresses that was asked for. */
  | { is: 'service'; service: ServiceFacts; pods: PodFacts[]; address?: string }
  | { is: 'node'; node: NodeFacts }
  | { is: 'outside'; ips: string[] }
);
