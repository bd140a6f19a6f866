import { type Kind, parseWord } from '../../cluster/words/word.ts';
import type { Candidate } from '../flag.ts';
import type { Names } from './names.ts';

/** Kinds as people write them, for words that stand for pods, and for those that are an end of a path. */
const POD_KINDS = ['deploy', 'sts', 'ds', 'svc'];
const END_KINDS = [...POD_KINDS, 'node'];

interface Begun {
  /** `deploy/`, `shop/`, `shop/svc/`: what stands before the name. */
  head: string;
  kind: Kind;
  namespace: string;
  /** Behind it a kind may still come. */
  isNamespace: boolean;
}

/** What a word with a slash in it is about, by the same rules as the finished word; undefined when it can mean nothing. */
const readHead = (typed: string, namespace: string): Begun | undefined => {
  const head = typed.slice(0, typed.lastIndexOf('/') + 1);
  try {
    const { target } = parseWord(`${head}x`, namespace);
    if (target.is !== 'object') return undefined;
    return { head, kind: target.kind, namespace: target.namespace, isNamespace: head === `${target.namespace}/` && target.kind === 'pods' };
  } catch {
    return undefined;
  }
};

/** No namespace can be called so; it marks words that name none. */
const OWN = 'own.namespace';

const under = (head: string, candidates: Candidate[]): Candidate[] => candidates.map((one) => ({ ...one, value: `${head}${one.value}` }));

const kindHeads = (kinds: string[]): Candidate[] => kinds.map((kind) => ({ value: `${kind}/` }));

/** A look-up that fails takes nothing from the others: a user may list pods and not namespaces. */
const all = async (parts: (Candidate[] | Promise<Candidate[]>)[]): Promise<Candidate[]> =>
  (await Promise.allSettled(parts)).flatMap((part) => (part.status === 'fulfilled' ? part.value : []));

/** Candidates for a word that stands for pods (`pod`) or, being an end of a path, may also be a node (`end`). */
export const endCandidates = async (values: 'pod' | 'end', typed: string, names: Names): Promise<Candidate[]> => {
  const kinds = values === 'pod' ? POD_KINDS : END_KINDS;
  if (typed.includes('/')) {
    const begun = readHead(typed, OWN);
    if (begun === undefined) return [];
    const { head, kind, namespace, isNamespace } = begun;
    if (kind === 'nodes' && values === 'pod') return [];
    const objects = names.objects(kind, namespace === OWN ? undefined : namespace);
    return under(head, await all([objects, isNamespace ? kindHeads(kinds.filter((one) => one !== 'node')) : []]));
  }
  // with nothing typed, the namespaces of a large cluster would bury its pods
  const namespaces = typed === '' ? [] : names.objects('namespaces').then((found) => found.map(({ value }) => ({ value: `${value}/` })));
  return all([names.objects('pods'), kindHeads(kinds), namespaces]);
};
