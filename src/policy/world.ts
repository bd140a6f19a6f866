import type { ApiObject, ClusterFacts, EndpointFacts, NamespaceFacts, NodeFacts, PodFacts, ServiceFacts } from '../cluster/facts.ts';
import type { Labels } from './selector/selector.ts';

/** A cluster as policies see it, looked up by name. */
export interface World {
  pods: readonly PodFacts[];
  nodes: readonly NodeFacts[];
  services: readonly ServiceFacts[];
  endpoints: readonly EndpointFacts[];
  objects: readonly ApiObject[];
  namespaceOf: (name: string) => NamespaceFacts;
  nodeNamed: (name: string | undefined) => NodeFacts | undefined;
  /** Labels of a service account; none of one that is not known. */
  accountLabels: (namespace: string, name: string) => Labels;
}

/** The API server puts it on every namespace (NamespaceDefaultLabelName); a manifest does not have it. */
const NAME_LABEL = 'kubernetes.io/metadata.name';

const named = ({ name, labels }: NamespaceFacts): NamespaceFacts => ({ name, labels: { ...labels, [NAME_LABEL]: name } });

export const worldOf = ({ pods, nodes, services, endpoints, policies }: ClusterFacts): World => {
  const namespaces = new Map((policies?.namespaces ?? []).map((namespace) => [namespace.name, named(namespace)]));
  const nodesByName = new Map(nodes.map((node) => [node.name, node]));
  const accounts = new Map((policies?.serviceAccounts ?? []).map(({ namespace, name, labels }) => [`${namespace}/${name}`, labels]));
  return {
    pods,
    nodes,
    services,
    endpoints,
    objects: policies?.objects ?? [],
    namespaceOf: (name) => {
      const known = namespaces.get(name);
      if (known) return known;
      const made = named({ name, labels: {} });
      namespaces.set(name, made);
      return made;
    },
    nodeNamed: (name) => (name === undefined ? undefined : nodesByName.get(name)),
    accountLabels: (namespace, name) => accounts.get(`${namespace}/${name}`) ?? {},
  };
};

/** A pod that is over holds no address any more, whatever its status still says. */
export const isOver = ({ phase }: PodFacts): boolean => phase === 'Succeeded' || phase === 'Failed';

/**
 * Policies act on pods that have an address. A pod without one counts only where its manifest is all there is: it has no status at all.
 */
export const isEndpoint = (pod: PodFacts): boolean => !isOver(pod) && (pod.ips.length > 0 || pod.phase === 'Unknown');
