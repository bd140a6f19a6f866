import type { NodeFacts, PodFacts, ServiceFacts } from '../facts.ts';
import type { Word } from './word.ts';

/** What a word stands for in this cluster, before it is decided which pod of several is taken. */
export type Found = {
  word: Word /** The very address that was asked for; a pod, Service or node may have one of each family. */;
  address?: string;
} & (
  | { is: 'pods'; pods: PodFacts[] /** `deploy/web`, when it was not a pod's own name. */; workload?: string; note?: string }
  | { is: 'service'; service: ServiceFacts; pods: PodFacts[]; note?: string }
  | { is: 'node'; node: NodeFacts; note?: string }
  | { is: 'external'; ips: string[]; label: string; note?: string }
);
