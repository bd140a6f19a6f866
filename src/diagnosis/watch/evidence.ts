import type { ClusterFacts, PodFacts } from '../../cluster/facts.ts';
import type { World } from '../../forwarding/world.ts';
import type { NodeSnapshot } from '../../node/snapshot.ts';
import type { WatchResult } from '../../probe/watch/kernel-drop.ts';

/** What one node's kernel dropped in a while, with what the node is like. */
export interface WatchEvidence {
  /** Read after the watch. */
  snapshot: NodeSnapshot;
  /** And before it, for counters that rose. */
  before?: NodeSnapshot;
  facts: ClusterFacts;
  /** Only what concerns this pod. */
  pod?: PodFacts;
  result: WatchResult;
}

export const worldOf = ({ snapshot, facts }: WatchEvidence): World => ({ snapshots: [snapshot], facts });
