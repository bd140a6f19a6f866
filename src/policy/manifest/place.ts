import type { ApiObject } from '../../cluster/facts.ts';
import { policyKinds, referredKinds, unjudgedKinds } from '../kinds/kinds.ts';

/** Kinds of Kubernetes itself that live in a namespace, of those that are read. */
const NAMESPACED = new Set([
  'v1 Pod',
  'v1 Service',
  'v1 ServiceAccount',
  'v1 ConfigMap',
  'discovery.k8s.io/v1 EndpointSlice',
  'apps/v1 Deployment',
  'apps/v1 StatefulSet',
  'apps/v1 DaemonSet',
  'apps/v1 ReplicaSet',
  'batch/v1 Job',
  'batch/v1 CronJob',
  ...[...policyKinds, ...referredKinds, ...unjudgedKinds].flatMap(({ group, versions, kind, namespaced }) =>
    namespaced ? versions.map((version) => `${group}/${version} ${kind}`) : [],
  ),
]);

/** An object where `kubectl apply` would put it. @param namespace of those that name none */
export const placed = (object: ApiObject, namespace: string): ApiObject => {
  if (object.metadata.namespace !== undefined || !NAMESPACED.has(`${object.apiVersion} ${object.kind}`)) return object;
  return { ...object, metadata: { ...object.metadata, namespace } };
};
