import type { V1ConfigMap, V1DaemonSet, V1EndpointSlice, V1Node, V1Pod, V1Service } from '@kubernetes/client-node';
import type { Query } from '../api/client.ts';
import type { ApiReader } from '../api/reader.ts';
import { ApiError } from '../errors.ts';
import type { ClusterFacts } from '../facts.ts';
import { factsOf, type RawCluster } from './objects.ts';
import * as path from './paths.ts';
import { readPolicies } from './policies.ts';

/** What a command has to know of the cluster: no more than this is read, whatever the cluster's size. */
export interface Need {
  /** Nodes whose objects and pods are read; `all` for every one. */
  nodes: string[] | 'all';
  /** Namespaces whose Services and EndpointSlices are read, as a rule those of the two ends; `all` for every one. */
  serviceNamespaces: string[] | 'all';
  /** Pods to read by this namespace (`''` for all) and label selector, whatever their node; for `veth -l`. */
  pods?: { namespace: string; selector: string }[];
  /** Namespaces whose policies are read, with those of the whole cluster; absent: none are. */
  policies?: readonly string[] | 'all';
}

/** Names that the Service of the cluster's own DNS goes by; its label is the same everywhere. */
const DNS_NAMES = ['kube-dns', 'coredns', 'rke2-coredns-rke2-coredns'];
const DNS_LABEL = 'k8s-app=kube-dns';

const CONFIG_MAPS: [namespace: string, name: string][] = [
  ['kube-system', 'kube-proxy'],
  ['kube-flannel', 'kube-flannel-cfg'],
  ['kube-system', 'kube-flannel-cfg'],
  ['kube-system', 'calico-config'],
  ['kube-system', 'cilium-config'],
];

interface List<Item> {
  items?: Item[];
}

/** What the reader was refused: a fact for the report. What the API server could not answer at all is an error for everybody. */
const refusedAs = (what: string, notRead: string[]) => (error: unknown) => {
  if (!(error instanceof ApiError) || error.status === 401) throw error;
  if (error.status !== 404) notRead.push(`${what}: ${error.status === 403 ? 'forbidden' : error.detail}`);
  return undefined;
};

const where = (namespace: string): string => (namespace === '' ? '' : ` in ${namespace}`);

/**
 * Reads what is needed, all at once. What is forbidden lands in `notRead`; what does not exist is just absent.
 * @throws CliError when the API server cannot be reached or does not let us in
 */
export const readCluster = async (reader: ApiReader, need: Need): Promise<{ raw: RawCluster; facts: ClusterFacts }> => {
  const raw: RawCluster = { pods: [], nodes: [], services: [], endpointSlices: [], configMaps: [], daemonSets: [], notRead: [] };
  const list = async <Item>(into: Item[], what: string, at: string, query: Query = path.fromCache): Promise<void> => {
    const answer = await reader.get<List<Item>>(at, query).catch(refusedAs(what, raw.notRead));
    into.push(...(answer?.items ?? []));
  };
  const get = async <Item>(into: Item[], what: string, at: string): Promise<void> => {
    const answer = await reader.get<Item>(at).catch(refusedAs(what, raw.notRead));
    if (answer) into.push(answer);
  };
  const serviceSpaces = need.serviceNamespaces === 'all' ? [''] : [...new Set(need.serviceNamespaces)];
  const nodeNames = need.nodes === 'all' ? [] : [...new Set(need.nodes)];
  const [policies] = await Promise.all([
    need.policies === undefined ? undefined : readPolicies(reader, need.policies),
    ...(need.nodes === 'all'
      ? [list<V1Node>(raw.nodes, 'nodes', path.nodes()), list<V1Pod>(raw.pods, 'pods', path.pods(''))]
      : nodeNames.flatMap((name) => [
          get<V1Node>(raw.nodes, `node ${name}`, path.nodes(name)),
          list<V1Pod>(raw.pods, `pods on ${name}`, path.pods(''), { ...path.fromCache, fieldSelector: `spec.nodeName=${name}` }),
        ])),
    ...(need.pods ?? []).map(({ namespace, selector }) =>
      list<V1Pod>(raw.pods, `pods${where(namespace)}`, path.pods(namespace), { ...path.fromCache, ...(selector ? { labelSelector: selector } : {}) }),
    ),
    ...serviceSpaces.flatMap((namespace) => [
      list<V1Service>(raw.services, `services${where(namespace)}`, path.services(namespace)),
      list<V1EndpointSlice>(raw.endpointSlices, `endpointslices${where(namespace)}`, path.endpointSlices(namespace)),
    ]),
    ...(serviceSpaces.includes('') || serviceSpaces.includes('kube-system')
      ? []
      : [
          list<V1Service>(raw.services, 'the DNS service', path.services('kube-system'), { ...path.fromCache, labelSelector: DNS_LABEL }),
          list<V1EndpointSlice>(raw.endpointSlices, 'endpointslices of the DNS service', path.endpointSlices('kube-system'), {
            ...path.fromCache,
            labelSelector: `kubernetes.io/service-name in (${DNS_NAMES.join(',')})`,
          }),
        ]),
    ...CONFIG_MAPS.map(([namespace, name]) => get<V1ConfigMap>(raw.configMaps, `configmap ${namespace}/${name}`, path.configMap(namespace, name))),
    list<V1DaemonSet>(raw.daemonSets, 'daemonsets', path.workloads('daemonsets', '')),
  ]);
  raw.notRead.push(...(policies?.notRead ?? []));
  return { raw, facts: { ...factsOf(raw), ...(policies?.policies ? { policies: policies.policies } : {}) } };
};
