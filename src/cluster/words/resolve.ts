import type { ApiReader } from '../api/reader.ts';
import type { Endpoint } from '../endpoint.ts';
import { find } from './find.ts';
import { pick } from './pick.ts';
import { parseWord } from './word.ts';

const nodeNameOf = ({ pod, node }: Endpoint): string | undefined => pod?.node ?? node?.name;

/**
 * Both ends of a question, looked up at the same time. Of several replicas the target is taken on another node than the source, as the
 * network between nodes is what breaks.
 * @param namespace of names that say none
 * @throws CliError in one line
 */
export const resolvePair = async (
  reader: ApiReader,
  namespace: string,
  words: { from: string; to: string },
): Promise<{ from: Endpoint; to: Endpoint }> => {
  const [fromWord, toWord] = [parseWord(words.from, namespace), parseWord(words.to, namespace)];
  const [fromFound, toFound] = await Promise.all([find(reader, fromWord), find(reader, toWord)]);
  // when only the target is fixed, it is the source that has the choice
  const fixedNode = toFound.is === 'pods' && toFound.workload === undefined ? toFound.pods[0]?.node : undefined;
  const from = pick(fromFound, { role: 'from', ...(fixedNode ? { peerNode: fixedNode } : {}) });
  const peerNode = nodeNameOf(from);
  return { from, to: pick(toFound, { role: 'to', ...(peerNode ? { peerNode } : {}) }) };
};

/** One word on its own, as a source would be: for `node`, `veth` and the like. */
export const resolveOne = async (reader: ApiReader, namespace: string, word: string, role: 'from' | 'to' = 'from'): Promise<Endpoint> =>
  pick(await find(reader, parseWord(word, namespace)), { role });
