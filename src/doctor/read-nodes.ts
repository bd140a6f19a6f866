import { AgentError } from '../cluster/agent-session.ts';
import type { CollectRequest } from '../node/collect.ts';
import { parseCollection } from '../node/parse-collection.ts';
import type { NodeSnapshot } from '../node/snapshot.ts';
import type { NodeDoor } from './ports.ts';

export interface NodesRead {
  snapshots: NodeSnapshot[];
  /** Nodes whose agent broke, in words. */
  notChecked: string[];
}

/** Reads all doors at the same time; a node whose agent breaks is missing from the result and said in `notChecked`. */
export const readNodes = async (doors: NodeDoor[], requestFor: (door: NodeDoor) => CollectRequest): Promise<NodesRead> => {
  const notChecked: string[] = [];
  const snapshots = await Promise.all(
    doors.map(async (door) => {
      try {
        return [parseCollection(await door.collect(requestFor(door)))];
      } catch (error) {
        if (!(error instanceof AgentError)) throw error;
        notChecked.push(`node ${door.node}: ${error.message}`);
        return [];
      }
    }),
  );
  return { snapshots: snapshots.flat(), notChecked };
};
