import type { PacketEnd } from '../end.ts';
import { type Evidence, snapshotOf } from '../evidence.ts';
import { agentHealth } from '../health.ts';
import { restartAgent } from '../remedy.ts';

/** Agents that judge network policies in a program of their own, by their nftables table (kube-network-policies' option NFTableName). */
const OWNERS: Record<string, string> = {
  'inet kube-network-policies': 'kube-network-policies',
  'inet kindnet-network-policies': 'kindnet',
};

/** Whose program should read the queue of a rule. */
export interface QueueOwner {
  /** What speaks against it. */
  ill: string[];
  restart: string[];
  note: string;
}

/** The owner, where the rule tells whose it is. */
export const queueOwner = (evidence: Evidence, { stop, hop }: PacketEnd): QueueOwner | undefined => {
  const agent = OWNERS[stop.facts.table ?? ''];
  if (agent === undefined) return undefined;
  const snapshot = snapshotOf(evidence, hop.node);
  const health = snapshot && agentHealth(evidence, snapshot, agent);
  return {
    ill: health && !health.well ? health.words : [],
    restart: restartAgent(evidence.facts, agent, hop.node),
    note: `It is no policy that denies this: ${agent} judges packets of pods that policies select in a program of its own, and without its verdict they are lost.`,
  };
};
