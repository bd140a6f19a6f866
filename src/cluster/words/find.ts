import type { V1LabelSelector, V1Node, V1Pod, V1Service } from '@kubernetes/client-node';
import type { ApiReader } from '../api/reader.ts';
import { ApiError } from '../errors.ts';
import { nodeFacts } from '../read/node.ts';
import * as path from '../read/paths.ts';
import { podFacts } from '../read/pod.ts';
import { serviceFacts } from '../read/service.ts';
import { findAddress } from './address.ts';
import type { Found } from './found.ts';
import { findHost } from './host.ts';
import { missing, pathOf } from './missing.ts';
import { selectorText } from './selector.ts';
import { podsBySelector, podsOfService } from './service-pods.ts';
import type { Kind, Word } from './word.ts';

interface Workload {
  spec?: { selector?: V1LabelSelector };
}

/** GET, with NotFound turned into a suggestion. */
const getOrSuggest = async <Item>(reader: ApiReader, kind: Kind, namespace: string, name: string): Promise<Item> => {
  try {
    return await reader.get<Item>(pathOf(kind, namespace, name));
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) throw await missing(reader, kind, namespace, name);
    throw error;
  }
};

const findObject = async (reader: ApiReader, word: Word, kind: Kind, namespace: string, name: string): Promise<Found> => {
  if (kind === 'pods') return { word, is: 'pods', pods: [podFacts(await getOrSuggest<V1Pod>(reader, kind, namespace, name))] };
  if (kind === 'nodes') return { word, is: 'node', node: nodeFacts(await getOrSuggest<V1Node>(reader, kind, namespace, name)) };
  if (kind === 'services') {
    const service = serviceFacts(await getOrSuggest<V1Service>(reader, kind, namespace, name));
    return { word, is: 'service', service, pods: await podsOfService(reader, service) };
  }
  const workload = await getOrSuggest<Workload>(reader, kind, namespace, name);
  const pods = await podsBySelector(reader, namespace, selectorText(workload.spec?.selector ?? {}));
  return { word, is: 'pods', pods, workload: `${kind.slice(0, -1)} ${namespace}/${name}` };
};

/** A bare name is a pod's, as in kubectl; one with a dot that is no pod's is a host name. */
const findName = async (reader: ApiReader, word: Word, namespace: string, name: string): Promise<Found> => {
  const pod = await reader.get<V1Pod>(path.pods(namespace, name)).catch((error: unknown) => {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw error;
  });
  if (pod) return { word, is: 'pods', pods: [podFacts(pod)] };
  if (name.includes('.')) return findHost(reader, word, name, namespace, findObject);
  throw await missing(reader, 'pods', namespace, name);
};

/**
 * What a word stands for.
 * @throws CliError in one line, with the nearest existing name when there is none of this one
 */
export const find = (reader: ApiReader, word: Word): Promise<Found> => {
  const { target } = word;
  if (target.is === 'address') return findAddress(reader, word, target.ip);
  if (target.is === 'host') return findHost(reader, word, target.name, target.namespace, findObject);
  if (target.is === 'name') return findName(reader, word, target.namespace, target.name);
  return findObject(reader, word, target.kind, target.namespace, target.name);
};
