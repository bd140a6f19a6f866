import type { Endpoint } from '../cluster/endpoint.ts';
import type { PodFacts } from '../cluster/facts.ts';
import type { DoorRequest } from './ports.ts';

/** A Service can have backends on every node of a large cluster; more nodes than this are not entered for it. */
const MOST_BACKEND_NODES = 3;

/** The pods at the ends, with the backends of a Service. */
export const podsOf = (...endpoints: Endpoint[]): PodFacts[] =>
  endpoints.flatMap(({ kind, pod, backends }) => (pod ? [pod] : kind === 'service' ? backends : []));

/** Nodes the packet can pass, the two ends' first. */
export const involvedNodes = (from: Endpoint, to: Endpoint): DoorRequest[] => {
  const requests = new Map<string, DoorRequest>();
  const add = (node: string | undefined, pod?: PodFacts): void => {
    if (node !== undefined && !requests.has(node))
      requests.set(node, { node, ...(pod ? { pod: { namespace: pod.namespace, name: pod.name, uid: pod.uid } } : {}) });
  };
  for (const { node, pod } of [from, to]) add(node?.name ?? pod?.node, pod);
  const backendNodes = [...new Set(to.kind === 'service' ? to.backends.flatMap(({ node }) => node ?? []) : [])];
  for (const node of backendNodes.slice(0, MOST_BACKEND_NODES)) {
    add(
      node,
      to.backends.find((pod) => pod.node === node),
    );
  }
  return [...requests.values()];
};
