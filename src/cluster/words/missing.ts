import type { ApiReader } from '../api/reader.ts';
import { CliError, EXIT } from '../errors.ts';
import * as path from '../read/paths.ts';
import { nearest } from './nearest.ts';
import type { Kind } from './word.ts';

interface NamedList {
  items?: { metadata?: { name?: string; namespace?: string } }[];
}

/** How a word of this kind begins. */
const PREFIX: Record<Kind, string> = {
  pods: '',
  deployments: 'deploy/',
  statefulsets: 'sts/',
  daemonsets: 'ds/',
  replicasets: 'rs/',
  jobs: 'job/',
  services: 'svc/',
  nodes: 'node/',
};

const GROUP: Partial<Record<Kind, string>> = {
  deployments: '.apps',
  statefulsets: '.apps',
  daemonsets: '.apps',
  replicasets: '.apps',
  jobs: '.batch',
};

export const pathOf = (kind: Kind, namespace: string, name?: string): string => {
  if (kind === 'pods') return path.pods(namespace, name);
  if (kind === 'services') return path.services(namespace, name);
  return kind === 'nodes' ? path.nodes(name) : path.workloads(kind, namespace, name);
};

/** Enough to find a misspelt name, little enough for a namespace with thousands of pods. */
const MOST_NAMES = '500';

const names = async (reader: ApiReader, at: string, query: Record<string, string> = {}): Promise<{ name: string; namespace: string }[]> => {
  const list = await reader.get<NamedList>(at, { limit: MOST_NAMES, ...query }).catch((): NamedList => ({}));
  return (list.items ?? []).map(({ metadata = {} }) => ({ name: metadata.name ?? '', namespace: metadata.namespace ?? '' }));
};

/** Other things of exactly this name: the usual slip is the wrong namespace or a forgotten kind. */
const sameName = async (reader: ApiReader, kind: Kind, namespace: string, name: string): Promise<string[]> => {
  const kinds: Kind[] = ['pods', 'services', 'deployments', 'statefulsets', 'daemonsets', 'nodes'];
  const here = kinds
    .filter((other) => other !== kind)
    .map(async (other) =>
      (await reader.get(pathOf(other, namespace, name)).catch(() => undefined)) === undefined ? [] : [`${PREFIX[other]}${name}`],
    );
  const elsewhere =
    kind === 'nodes'
      ? []
      : [
          names(reader, pathOf(kind, ''), { fieldSelector: `metadata.name=${name}` }).then((found) =>
            found.map((other) => (kind === 'pods' ? `${other.namespace}/${name}` : `${other.namespace}/${PREFIX[kind]}${name}`)),
          ),
        ];
  return (await Promise.all([...here, ...elsewhere])).flat();
};

/** `NotFound` in kubectl's words, with what was probably meant. */
export const missing = async (reader: ApiReader, kind: Kind, namespace: string, name: string): Promise<CliError> => {
  const [twins, others] = await Promise.all([sameName(reader, kind, namespace, name), names(reader, pathOf(kind, namespace))]);
  const near = nearest(
    name,
    others.map((other) => other.name),
  );
  const meant = twins.length > 0 ? twins : near ? [`${PREFIX[kind]}${near}`] : [];
  const where = kind === 'nodes' ? '' : ` in namespace ${namespace}`;
  const advice = meant.length > 0 ? `; did you mean ${meant.slice(0, 3).join(' or ')}?` : '';
  return new CliError(`Error from server (NotFound): ${kind}${GROUP[kind] ?? ''} "${name}" not found${where}${advice}`, EXIT.notFound);
};
