import type { Netns, NodeSnapshot } from '../../node/snapshot.ts';
import type { Place } from '../world.ts';

/** Why a change cannot be tried: one line for whoever typed it. */
export class ChangeError extends Error {}

/**
 * One command as it would be typed on a node. Answers with the namespaces of that node that it changes, as new objects: what was laid out for
 * the old ones stays theirs.
 * @throws ChangeError where the real command would fail, or asks for what the model cannot do
 */
export type Tool = (words: readonly string[], place: Place) => Netns[];

export const fail = (message: string): never => {
  throw new ChangeError(message);
};

/** The node with these namespaces in the place of those with their inodes. */
export const withNamespaces = (snapshot: NodeSnapshot, changed: readonly Netns[]): NodeSnapshot => {
  const byInode = new Map(changed.map((netns) => [netns.inode, netns]));
  return { ...snapshot, namespaces: snapshot.namespaces.map((netns) => byInode.get(netns.inode) ?? netns) };
};
