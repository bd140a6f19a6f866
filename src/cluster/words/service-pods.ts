import type { V1Pod } from '@kubernetes/client-node';
import type { ApiReader } from '../api/reader.ts';
import type { PodFacts, ServiceFacts } from '../facts.ts';
import * as path from '../read/paths.ts';
import { podFacts } from '../read/pod.ts';
import { selectorText } from './selector.ts';

interface PodList {
  items?: V1Pod[];
}

export const podsBySelector = async (reader: ApiReader, namespace: string, selector: string): Promise<PodFacts[]> =>
  ((await reader.get<PodList>(path.pods(namespace), { ...path.fromCache, labelSelector: selector })).items ?? []).map(podFacts);

/** Pods that the Service's selector picks; none for a Service without one, whose endpoints somebody else writes. */
export const podsOfService = async (reader: ApiReader, { namespace, selector }: ServiceFacts): Promise<PodFacts[]> =>
  Object.keys(selector).length === 0 ? [] : podsBySelector(reader, namespace, selectorText({ matchLabels: selector }));
