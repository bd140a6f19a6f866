import type { V1ConfigMap, V1DaemonSet, V1EndpointSlice, V1Node, V1Pod, V1Service } from '@kubernetes/client-node';
import type { ClusterFacts, DaemonSetFacts } from '../facts.ts';
import { nodeFacts } from './node.ts';
import { podFacts } from './pod.ts';
import { endpointFacts, serviceFacts } from './service.ts';

/** API objects as they were read, stripped of what must not be kept. */
export interface RawCluster {
  pods: V1Pod[];
  nodes: V1Node[];
  services: V1Service[];
  endpointSlices: V1EndpointSlice[];
  configMaps: V1ConfigMap[];
  daemonSets: V1DaemonSet[];
  notRead: string[];
}

const daemonSetFacts = ({ metadata = {}, spec, status }: V1DaemonSet): DaemonSetFacts => ({
  namespace: metadata.namespace ?? '',
  name: metadata.name ?? '',
  desired: status?.desiredNumberScheduled ?? 0,
  ready: status?.numberReady ?? 0,
  images: (spec?.template.spec?.containers ?? []).flatMap(({ image }) => (image ? [image] : [])),
});

const unique = <Thing>(things: Thing[], keyOf: (thing: Thing) => string): Thing[] => [
  ...new Map(things.map((thing) => [keyOf(thing), thing])).values(),
];

/** Pure: what the judgements read, from what the API said. An object that two questions brought in appears once. */
export const factsOf = (raw: RawCluster): ClusterFacts => ({
  pods: unique(raw.pods.map(podFacts), ({ namespace, name }) => `${namespace}/${name}`),
  nodes: unique(raw.nodes.map(nodeFacts), ({ name }) => name),
  services: unique(raw.services.map(serviceFacts), ({ namespace, name }) => `${namespace}/${name}`),
  endpoints: unique(raw.endpointSlices, ({ metadata }) => `${metadata?.namespace}/${metadata?.name}`).flatMap(endpointFacts),
  configMaps: Object.fromEntries(raw.configMaps.map(({ metadata, data }) => [`${metadata?.namespace}/${metadata?.name}`, data ?? {}])),
  daemonSets: unique(raw.daemonSets.map(daemonSetFacts), ({ namespace, name }) => `${namespace}/${name}`),
  notRead: [...new Set(raw.notRead)],
});
