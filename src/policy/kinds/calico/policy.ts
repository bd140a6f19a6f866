import type { Context } from '../../context.ts';
import { decimalNumber, type Field, itemsOf, type Members, membersOf, oneOf, required, textOf, truthOf } from '../../field.ts';
import type { Direction, Policy, PolicyRef, Rule, Subject } from '../../model.ts';
import { readNetworkPolicySpec } from '../network-policy.ts';
import { notAPod } from '../peers.ts';
import { endpointsOf } from './endpoints.ts';
import { type Choice, choiceText, chosen, readCalicoSubject } from './entity.ts';
import { checkSpec } from './refused.ts';
import { readCalicoRules } from './rule.ts';

export const CALICO_DEFAULT_TIER = 'default';

/** Kubernetes' own policies stand among Calico's at this order (libcalico-go, conversion.go). */
export const KUBERNETES_ORDER = 1000;

const OBJECT = ['apiVersion', 'kind', 'metadata', 'spec', 'status'] as const;

const POLICY = ['tier', 'order', 'ingress', 'egress', 'selector', 'types', 'serviceAccountSelector', 'performanceHints'] as const;

const STAGED_ACTIONS = ['Set', 'Delete', 'Learn', 'Ignore'] as const;

const STAGED = ['stagedAction'] as const;

const GLOBAL = [...POLICY, 'namespaceSelector', 'doNotTrack', 'preDNAT', 'applyOnForward'] as const;

/** Policies of one order go by these (felix/calc/policy_sorter.go). */
export const calicoRank = ({ kind, namespace, name }: PolicyRef): string => `${name}/${namespace ?? ''}/${kind}`;

/** Types as Calico fills them in: ingress unless there are only egress rules. */
const directionsOf = (types: Field | undefined, ingress: Rule[], egress: Rule[]): Direction[] => {
  const given = itemsOf(types) ?? [];
  if (given.length === 0) {
    if (egress.length === 0) return ['ingress'];
    return ingress.length === 0 ? ['egress'] : ['ingress', 'egress'];
  }
  return given.flatMap((type) => {
    const word = oneOf(type, ['Ingress', 'Egress']);
    return word === undefined ? [] : [word === 'Ingress' ? 'ingress' : 'egress'];
  });
};

const subjectOf = (context: Context, choice: Choice, hostsOnly: string | undefined): Subject => ({
  text: choiceText(choice),
  ...(choice.own === undefined ? {} : { namespace: choice.own }),
  matches: (party) => {
    const own = endpointsOf(context).of(party);
    return own !== undefined && !(hostsOnly !== undefined && party.kind === 'pod') && chosen(choice, own) === '';
  },
  miss: (party) => {
    const own = endpointsOf(context).of(party);
    if (!own) return party.kind === 'node' ? `${party.label} has no HostEndpoint` : notAPod(party);
    return hostsOnly !== undefined && party.kind === 'pod' ? hostsOnly : chosen(choice, own);
  },
});

interface Form {
  global: boolean;
  staged: boolean;
}

const readPolicy = (context: Context, ref: PolicyRef, object: Field, { global, staged }: Form): Policy[] => {
  const spec = required(object, membersOf(object, OBJECT).spec, 'spec');
  const names = [...(global ? GLOBAL : POLICY), ...(staged ? STAGED : [])];
  const members: Members<(typeof GLOBAL | typeof STAGED)[number]> = membersOf(spec, names);
  if (spec) checkSpec(spec);
  oneOf(members.stagedAction, STAGED_ACTIONS);
  const own = global ? undefined : (ref.namespace ?? 'default');
  const rules = (direction: Direction): Rule[] => readCalicoRules(context, members[direction], direction, own);
  const [ingress, egress] = [rules('ingress'), rules('egress')];
  const directions = directionsOf(members.types, ingress, egress);
  const special = [truthOf(members.preDNAT) ? 'preDNAT' : '', truthOf(members.doNotTrack) ? 'doNotTrack' : ''].find((word) => word !== '');
  const choice = readCalicoSubject(context, members, own);
  return [
    {
      ref,
      tier: textOf(members.tier) ?? CALICO_DEFAULT_TIER,
      order: decimalNumber(members.order) ?? Number.POSITIVE_INFINITY,
      rank: calicoRank(ref),
      subject: subjectOf(context, choice, special && `a ${special} policy acts on host endpoints only`),
      ...(directions.includes('ingress') ? { ingress } : {}),
      ...(directions.includes('egress') ? { egress } : {}),
      isolates: { ingress: directions.includes('ingress'), egress: directions.includes('egress') },
      ...(truthOf(members.applyOnForward) ? { onForward: true } : {}),
      ...(staged ? { notEnforced: 'it is staged' } : {}),
    },
  ];
};

const reader =
  (form: Form) =>
  (context: Context, ref: PolicyRef, object: Field): Policy[] =>
    readPolicy(context, ref, object, form);

export const readCalicoNetworkPolicy = reader({ global: false, staged: false });
export const readGlobalNetworkPolicy = reader({ global: true, staged: false });
export const readStagedNetworkPolicy = reader({ global: false, staged: true });
export const readStagedGlobalNetworkPolicy = reader({ global: true, staged: true });

/** A Kubernetes NetworkPolicy that is only tried out. */
export const readStagedKubernetesNetworkPolicy = (context: Context, ref: PolicyRef, object: Field): Policy[] => {
  const { spec } = membersOf(object, OBJECT);
  const { stagedAction, ...rest } = membersOf(spec, ['stagedAction', 'podSelector', 'ingress', 'egress', 'policyTypes']);
  oneOf(stagedAction, STAGED_ACTIONS);
  const value = Object.fromEntries(Object.entries(rest).map(([name, field]) => [name, field.value]));
  const policy = readNetworkPolicySpec(context, ref, spec && { ...spec, value });
  return [{ ...policy, notEnforced: 'it is staged' }];
};
