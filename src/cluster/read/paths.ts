import { apiPath, type Query } from '../api/client.ts';

/** The few REST paths that are read. `all` namespaces is the empty string, as in client-go. */
const namespaced = (group: string, resource: string, namespace: string, name?: string): string =>
  namespace === '' ? `/${group}/${resource}` : apiPath(`${group}/namespaces`, namespace, resource, ...(name === undefined ? [] : [name]));

export const pods = (namespace: string, name?: string): string => namespaced('api/v1', 'pods', namespace, name);
export const services = (namespace: string, name?: string): string => namespaced('api/v1', 'services', namespace, name);
export const configMap = (namespace: string, name: string): string => namespaced('api/v1', 'configmaps', namespace, name);
export const endpointSlices = (namespace: string): string => namespaced('apis/discovery.k8s.io/v1', 'endpointslices', namespace);
export const workloads = (resource: string, namespace: string, name?: string): string =>
  namespaced(resource === 'jobs' ? 'apis/batch/v1' : 'apis/apps/v1', resource, namespace, name);
export const nodes = (name?: string): string => apiPath('api/v1/nodes', ...(name === undefined ? [] : [name]));

export const namespaces = (name?: string): string => apiPath('api/v1/namespaces', ...(name === undefined ? [] : [name]));
export const serviceAccounts = (namespace: string): string => namespaced('api/v1', 'serviceaccounts', namespace);
/** The groups a server serves. */
export const groups = '/apis';
/** Objects of any other kind. @param namespace empty for all of them, or for a kind that is in none */
export const objects = (groupVersion: string, plural: string, namespace: string): string => namespaced(`apis/${groupVersion}`, plural, namespace);

/** Answered from the API server's cache, which is as fresh as `kubectl get` needs and costs etcd nothing. */
export const fromCache: Query = { resourceVersion: '0' };
