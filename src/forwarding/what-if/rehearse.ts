import type { World } from '../world.ts';
import { ChangeError, fail, type Tool, withNamespaces } from './change.ts';
import { readCommand } from './target.ts';
import { tools } from './tools.ts';

const toolFor = (name: string): Tool =>
  tools[name.replace(/^.*\//, '')] ?? fail(`${name} is not among the commands that can be tried: ${Object.keys(tools).join(', ')}`);

const changed = (world: World, text: string): World => {
  const { place, words } = readCommand(world, text);
  const [name = '', ...rest] = words;
  const after = withNamespaces(place.snapshot, toolFor(name)(rest, place));
  return { ...world, snapshots: world.snapshots.map((snapshot) => (snapshot === place.snapshot ? after : snapshot)) };
};

/**
 * The world as it would be after these commands, in their order; nothing is changed anywhere.
 * @param texts `NODE: COMMAND` or `NAMESPACE/POD: COMMAND`, in the words of the tools that people type
 * @throws ChangeError with the command that cannot be tried, and why
 */
export const rehearse = (world: World, texts: readonly string[]): World =>
  texts.reduce((before, text) => {
    try {
      return changed(before, text);
    } catch (error) {
      throw error instanceof ChangeError ? new ChangeError(`"${text}": ${error.message}`) : error;
    }
  }, world);
