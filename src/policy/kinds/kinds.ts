import type { Context } from '../context.ts';
import type { Field } from '../field.ts';
import type { Policy, PolicyRef } from '../model.ts';
import type { PolicyFamily } from '../traits.ts';
import { readAdminNetworkPolicy, readBaselineAdminNetworkPolicy } from './admin.ts';
import {
  readCalicoNetworkPolicy,
  readGlobalNetworkPolicy,
  readStagedGlobalNetworkPolicy,
  readStagedKubernetesNetworkPolicy,
  readStagedNetworkPolicy,
} from './calico/policy.ts';
import { readCiliumPolicy } from './cilium/policy.ts';
import { readClusterNetworkPolicy } from './cluster-network-policy.ts';
import { readNetworkPolicy } from './network-policy.ts';

/** A kind of policy that is judged. */
export interface PolicyKind {
  /** API group; its versions differ in nothing that is read here. */
  group: string;
  versions: readonly string[];
  kind: string;
  /** As REST paths have it. */
  plural: string;
  namespaced: boolean;
  family: PolicyFamily;
  read: (context: Context, ref: PolicyRef, object: Field) => Policy[];
}

/** What policies refer to, read as it is. */
export type OtherKind = Omit<PolicyKind, 'family' | 'read'>;

const calico = (kind: string, plural: string, namespaced: boolean): OtherKind[] => [
  { group: 'projectcalico.org', versions: ['v3'], kind, plural, namespaced },
  { group: 'crd.projectcalico.org', versions: ['v1'], kind, plural, namespaced },
];

const calicoPolicy = (kind: string, plural: string, namespaced: boolean, read: PolicyKind['read']): PolicyKind[] =>
  calico(kind, plural, namespaced).map((one) => ({ ...one, family: 'calico', read }));

const ADMIN = 'policy.networking.k8s.io';

export const policyKinds: readonly PolicyKind[] = [
  {
    group: 'networking.k8s.io',
    versions: ['v1'],
    kind: 'NetworkPolicy',
    plural: 'networkpolicies',
    namespaced: true,
    family: 'network-policy',
    read: readNetworkPolicy,
  },
  {
    group: ADMIN,
    versions: ['v1alpha1'],
    kind: 'AdminNetworkPolicy',
    plural: 'adminnetworkpolicies',
    namespaced: false,
    family: 'admin',
    read: readAdminNetworkPolicy,
  },
  {
    group: ADMIN,
    versions: ['v1alpha1'],
    kind: 'BaselineAdminNetworkPolicy',
    plural: 'baselineadminnetworkpolicies',
    namespaced: false,
    family: 'admin',
    read: readBaselineAdminNetworkPolicy,
  },
  {
    group: ADMIN,
    versions: ['v1alpha2'],
    kind: 'ClusterNetworkPolicy',
    plural: 'clusternetworkpolicies',
    namespaced: false,
    family: 'cluster',
    read: readClusterNetworkPolicy,
  },
  ...calicoPolicy('NetworkPolicy', 'networkpolicies', true, readCalicoNetworkPolicy),
  ...calicoPolicy('GlobalNetworkPolicy', 'globalnetworkpolicies', false, readGlobalNetworkPolicy),
  ...calicoPolicy('StagedNetworkPolicy', 'stagednetworkpolicies', true, readStagedNetworkPolicy),
  ...calicoPolicy('StagedGlobalNetworkPolicy', 'stagedglobalnetworkpolicies', false, readStagedGlobalNetworkPolicy),
  ...calicoPolicy('StagedKubernetesNetworkPolicy', 'stagedkubernetesnetworkpolicies', true, readStagedKubernetesNetworkPolicy),
  {
    group: 'cilium.io',
    versions: ['v2'],
    kind: 'CiliumNetworkPolicy',
    plural: 'ciliumnetworkpolicies',
    namespaced: true,
    family: 'cilium',
    read: readCiliumPolicy,
  },
  {
    group: 'cilium.io',
    versions: ['v2'],
    kind: 'CiliumClusterwideNetworkPolicy',
    plural: 'ciliumclusterwidenetworkpolicies',
    namespaced: false,
    family: 'cilium',
    read: readCiliumPolicy,
  },
];

export const referredKinds: readonly OtherKind[] = [
  ...calico('Tier', 'tiers', false),
  ...calico('NetworkSet', 'networksets', true),
  ...calico('GlobalNetworkSet', 'globalnetworksets', false),
  ...calico('HostEndpoint', 'hostendpoints', false),
  ...calico('Profile', 'profiles', false),
  { group: 'cilium.io', versions: ['v2', 'v2alpha1'], kind: 'CiliumCIDRGroup', plural: 'ciliumcidrgroups', namespaced: false },
];

/** Kinds that decide over traffic, too, and are not judged: they are counted and named. */
export const unjudgedKinds: readonly OtherKind[] = [
  { group: 'crd.antrea.io', versions: ['v1beta1'], kind: 'ClusterNetworkPolicy', plural: 'clusternetworkpolicies', namespaced: false },
  { group: 'crd.antrea.io', versions: ['v1beta1'], kind: 'NetworkPolicy', plural: 'networkpolicies', namespaced: true },
  { group: 'k8s.ovn.org', versions: ['v1'], kind: 'EgressFirewall', plural: 'egressfirewalls', namespaced: true },
  { group: 'kubeovn.io', versions: ['v1'], kind: 'SecurityGroup', plural: 'security-groups', namespaced: false },
  { group: 'k8s.cni.cncf.io', versions: ['v1beta1'], kind: 'MultiNetworkPolicy', plural: 'multi-networkpolicies', namespaced: true },
  { group: 'security.istio.io', versions: ['v1'], kind: 'AuthorizationPolicy', plural: 'authorizationpolicies', namespaced: true },
  { group: 'networking.k8s.aws', versions: ['v1alpha1'], kind: 'ClusterNetworkPolicy', plural: 'clusternetworkpolicies', namespaced: false },
];

export const groupOf = (apiVersion: string): string => apiVersion.split('/')[0] ?? '';

const isOf = ({ apiVersion, kind }: { apiVersion: string; kind: string }, { group, versions, kind: wanted }: OtherKind): boolean =>
  kind === wanted && versions.some((version) => apiVersion === `${group}/${version}`);

export const policyKindOf = (object: { apiVersion: string; kind: string }): PolicyKind | undefined => policyKinds.find((kind) => isOf(object, kind));

export const isReferred = (object: { apiVersion: string; kind: string }): boolean => referredKinds.some((kind) => isOf(object, kind));

export const isUnjudged = (object: { apiVersion: string; kind: string }): boolean =>
  unjudgedKinds.some(({ group, kind }) => kind === object.kind && group === groupOf(object.apiVersion));
