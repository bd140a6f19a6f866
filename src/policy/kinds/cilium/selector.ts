import type { Context } from '../../context.ts';
import type { Field } from '../../field.ts';
import { type Requirement, readRequirements, selectorOf } from '../../selector/label-selector.ts';
import type { Selector } from '../../selector/selector.ts';
import { lookUpIdentity, NAMESPACE_LABELS, noteIdentityKeys, POD_NAMESPACE, splitKey } from './identity.ts';

export const anyKey = (): boolean => true;

export const readIdentityRequirements = (context: Context, field: Field | undefined): Requirement[] => {
  const requirements = readRequirements(field, anyKey);
  noteIdentityKeys(
    context,
    requirements.map(({ key }) => key),
  );
  return requirements;
};

export const identitySelector = (requirements: readonly Requirement[]): Selector => selectorOf(requirements, lookUpIdentity);

const names = (requirements: readonly Requirement[], key: string): boolean => requirements.some((one) => splitKey(one.key).key === key);

/** Whether it speaks of what is no pod: the host, the world. */
export const isReserved = (requirements: readonly Requirement[]): boolean => requirements.some(({ key }) => splitKey(key).source === 'reserved');

/**
 * What a selector of endpoints is limited to when it does not say: the policy's own namespace, or in a clusterwide policy whatever is in one
 * (pkg/k8s/apis/cilium.io/utils, getEndpointSelector).
 */
const scoped = (requirements: Requirement[], own: string | undefined): Requirement[] => {
  if (names(requirements, POD_NAMESPACE)) return requirements;
  if (own === undefined) return [...requirements, { key: `k8s:${POD_NAMESPACE}`, operator: 'Exists', values: [] }];
  const byNamespace = requirements.some(({ key }) => splitKey(key).key.startsWith(NAMESPACE_LABELS));
  return byNamespace ? requirements : [...requirements, { key: `k8s:${POD_NAMESPACE}`, operator: 'In', values: [own] }];
};

/** A selector of peers. @param evenReserved whether one that speaks of what is no pod is limited all the same */
export const endpointRequirements = (context: Context, field: Field, own: string | undefined, evenReserved = false): Requirement[] => {
  const requirements = readIdentityRequirements(context, field);
  return isReserved(requirements) && !evenReserved ? requirements : scoped(requirements, own);
};
