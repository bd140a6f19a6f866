import type { Manifest } from '../kubectl.ts';

const api = 'rbac.authorization.k8s.io';

export interface Access {
  readonly name: string;
  readonly namespace: string;
  /** Of the role and its binding, where it is not the account's. */
  readonly role?: string;
  readonly rules: readonly object[];
}

/** A service account, and the cluster role that it is given. */
export const access = ({ name, namespace, role = name, rules }: Access): readonly Manifest[] => [
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } },
  { apiVersion: `${api}/v1`, kind: 'ClusterRole', metadata: { name: role }, rules },
  {
    apiVersion: `${api}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: { name: role },
    roleRef: { apiGroup: api, kind: 'ClusterRole', name: role },
    subjects: [{ kind: 'ServiceAccount', name, namespace }],
  },
];
