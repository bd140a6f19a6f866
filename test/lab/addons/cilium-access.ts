import type { Manifest } from '../kubectl.ts';
import { access } from './access.ts';

const namespace = 'kube-system';

const read = ['get', 'list', 'watch'];
const all = ['*'];

/** What the chart's ClusterRoles allow, without what this lab leaves off (secrets, ingress, BGP, gateways). */
const rules = {
  cilium: [
    { apiGroups: [''], resources: ['namespaces', 'services', 'pods', 'endpoints', 'nodes', 'configmaps'], verbs: read },
    { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: read },
    { apiGroups: ['networking.k8s.io'], resources: ['networkpolicies'], verbs: read },
    { apiGroups: ['apiextensions.k8s.io'], resources: ['customresourcedefinitions'], verbs: read },
    { apiGroups: ['cilium.io'], resources: ['*'], verbs: read },
    {
      apiGroups: ['cilium.io'],
      resources: ['ciliumidentities', 'ciliumendpoints', 'ciliumendpoints/status', 'ciliumnodes', 'ciliumnodes/status'],
      verbs: ['create', 'update', 'patch', 'delete'],
    },
  ],
  'cilium-operator': [
    { apiGroups: [''], resources: ['namespaces', 'services', 'pods', 'endpoints', 'nodes', 'configmaps', 'secrets'], verbs: read },
    { apiGroups: [''], resources: ['nodes', 'nodes/status', 'events'], verbs: ['create', 'patch'] },
    { apiGroups: [''], resources: ['pods'], verbs: ['delete'] },
    { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: read },
    { apiGroups: ['apiextensions.k8s.io'], resources: ['customresourcedefinitions'], verbs: [...read, 'create', 'update'] },
    { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['create', 'get', 'update'] },
    { apiGroups: ['cilium.io'], resources: ['*'], verbs: all },
  ],
};

/** The service accounts of the agent and the operator, each with its rights. */
export const ciliumAccess: readonly Manifest[] = Object.entries(rules).flatMap(([name, allowed]) => access({ name, namespace, rules: allowed }));
