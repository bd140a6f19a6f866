import type { ClusterFacts } from '../../cluster/facts.ts';
import type { PacketEnd } from '../end.ts';
import { restartAgent } from '../remedy.ts';

/** Agents that judge network policies in a program of their own, by their nftables table (kube-network-policies' option NFTableName). */
const OWNERS: { table: string; agent: string }[] = [
  { table: 'inet kube-network-policies', agent: 'kube-network-policies' },
  { table: 'inet kindnet-network-policies', agent: 'kindnet' },
];

/** Whose program should read the queue of a rule, where the rule tells. */
export const queueOwner = (facts: ClusterFacts, { facts: { table } }: PacketEnd['stop'], node: string): { restart?: string[]; notes: string[] } => {
  const owner = OWNERS.find((one) => one.table === table);
  if (!owner) return { notes: [] };
  return {
    restart: restartAgent(facts, owner.agent, node),
    notes: [
      `It is no policy that denies this: ${owner.agent} judges packets of pods that policies select in a program of its own, and without its verdict they are lost.`,
    ],
  };
};
