import type { ApiObject, ClusterFacts } from '../cluster/facts.ts';
import { groupOf } from './kinds/kinds.ts';

/** Calico serves one object by two groups, and leaves the default tier's name out of its own in one of them. */
const identityOf = ({ apiVersion, kind, metadata }: ApiObject): string => {
  const group = groupOf(apiVersion);
  const isCalico = group.endsWith('projectcalico.org');
  return `${isCalico ? 'projectcalico.org' : group} ${kind} ${metadata.namespace ?? ''}/${isCalico ? metadata.name.replace(/^default\./, '') : metadata.name}`;
};

export const sameObject = (one: ApiObject, other: ApiObject): boolean => identityOf(one) === identityOf(other);

/** One object more, instead of an earlier version of itself. */
export const withObject = (objects: readonly ApiObject[], added: ApiObject): ApiObject[] => [
  ...objects.filter((one) => !sameObject(one, added)),
  added,
];

/** The cluster as it would be with these policies applied to it. */
export const withObjects = (facts: ClusterFacts, added: readonly ApiObject[]): ClusterFacts => {
  const policies = facts.policies ?? { namespaces: [], serviceAccounts: [], objects: [] };
  const replaced = new Set(added.map(identityOf));
  return { ...facts, policies: { ...policies, objects: [...policies.objects.filter((one) => !replaced.has(identityOf(one))), ...added] } };
};
