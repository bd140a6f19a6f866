import { inPrefix, parsePrefix } from '../../forwarding/address.ts';
import type { Context } from '../context.ts';
import { type Field, itemsOf, membersOf, oneOf, required, textOf, wrong } from '../field.ts';
import type { Direction, Peer, Policy, PolicyRef, Rule, Subject } from '../model.ts';
import type { Party } from '../party.ts';
import { readLabelSelector } from '../selector/label-selector.ts';
import { EVERYTHING } from '../selector/selector.ts';
import { type AddressPeer, cidrPeer, isNetwork, nobody, notAPod, noteLabels, podsPeer } from './peers.ts';
import { readNetworkPolicyPort } from './traffic.ts';

/** The tier between the administrators' two. */
export const NETWORK_POLICY_TIER = 'NetworkPolicy';

/** Pods of one namespace. */
const podsOfNamespace = (context: Context, namespace: string, field: Field | undefined): Subject => {
  const selector = readLabelSelector(field);
  noteLabels(context, selector);
  const inside = (party: Party): boolean => party.kind === 'pod' && party.namespace?.name === namespace;
  return {
    text: `${selector.text === '' ? 'all pods' : `pods ${selector.text}`} in namespace ${namespace}`,
    namespace,
    matches: (party) => inside(party) && selector.matches(party.labels),
    miss: (party) => {
      if (inside(party)) return selector.miss(party.labels);
      return party.kind === 'pod' ? `namespace ${party.namespace?.name}, the policy is in ${namespace}` : notAPod(party);
    },
  };
};

/** Pods and nodes count by their addresses or not: the plugin's affair. */
const addresses = ({ traits }: Context): AddressPeer => ({
  reaches: (party) => party.kind === 'outside' || traits.ipBlockMatchesCluster,
  beyond: (party) => `${traits.name} does not match an ipBlock against ${party.kind === 'pod' ? 'pods' : 'nodes'}, which ${party.label} is`,
});

const readBlock = (context: Context, field: Field, index: number): Peer => {
  const members = membersOf(field, ['cidr', 'except']);
  const cidr = textOf(required(field, members.cidr, 'cidr')) ?? '';
  const prefix = parsePrefix(cidr);
  if (members.cidr && !isNetwork(cidr)) wrong(members.cidr, `"${cidr}" is no network: ADDRESS/LENGTH is expected`);
  const except = (itemsOf(members.except) ?? []).flatMap((item) => {
    const text = textOf(item);
    if (text === undefined) return [];
    const inner = parsePrefix(text);
    if (!inner || !isNetwork(text)) wrong(item, `"${text}" is no network: ADDRESS/LENGTH is expected`);
    else if (prefix && !(inner.length > prefix.length && inPrefix(cidr, text.split('/')[0] ?? ''))) wrong(item, `${text} is not a part of ${cidr}`);
    return [text];
  });
  return cidrPeer(context, index, cidr, except, addresses(context));
};

const readPeer = (context: Context, field: Field, index: number, namespace: string): Peer => {
  const { podSelector, namespaceSelector, ipBlock } = membersOf(field, ['podSelector', 'namespaceSelector', 'ipBlock']);
  if (ipBlock) {
    if (podSelector || namespaceSelector) wrong(field, 'ipBlock stands alone: another selector is not allowed beside it');
    return readBlock(context, ipBlock, index);
  }
  if (!podSelector && !namespaceSelector) {
    wrong(field, 'a peer is expected: podSelector, namespaceSelector or ipBlock');
    return nobody(index, 'an empty peer', 'it names nobody');
  }
  const pods = podSelector ? readLabelSelector(podSelector) : EVERYTHING;
  const namespaces = namespaceSelector ? { selected: readLabelSelector(namespaceSelector) } : { own: namespace };
  return podsPeer(context, index, { pods, namespaces });
};

/** Rules of one direction; all of them allow. */
const readNetworkPolicyRules = (context: Context, field: Field | undefined, direction: Direction, namespace: string): Rule[] => {
  const far = direction === 'ingress' ? 'from' : 'to';
  return (itemsOf(field) ?? []).map((item, index) => {
    const members = membersOf(item, [far, 'ports']);
    return {
      index,
      at: `${direction}[${index}]`,
      action: 'allow',
      peers: (itemsOf(members[far]) ?? []).map((peer, at) => readPeer(context, peer, at, namespace)),
      traffic: (itemsOf(members.ports) ?? []).map((port, at) => readNetworkPolicyPort(context, port, at)),
    };
  });
};

/** policyTypes as the API server fills them in (SetDefaults_NetworkPolicy), which a manifest still lacks. */
const directionsOf = (field: Field | undefined, egress: Field | undefined): Direction[] => {
  const types = itemsOf(field) ?? [];
  if (types.length === 0) return (itemsOf(egress) ?? []).length > 0 ? ['ingress', 'egress'] : ['ingress'];
  if (types.length > 2 && field) wrong(field, 'at most two types are allowed');
  return types.flatMap((type) => {
    const word = oneOf(type, ['Ingress', 'Egress']);
    return word === undefined ? [] : [word === 'Ingress' ? 'ingress' : 'egress'];
  });
};

/** networking.k8s.io/v1 NetworkPolicySpec → policy. */
export const readNetworkPolicySpec = (context: Context, ref: PolicyRef, spec: Field | undefined): Policy => {
  const members = membersOf(spec, ['podSelector', 'ingress', 'egress', 'policyTypes']);
  const namespace = ref.namespace ?? 'default';
  const rules = (direction: Direction): Rule[] => readNetworkPolicyRules(context, members[direction], direction, namespace);
  // rules of a direction that the types leave out are read for their faults, and seldom for more
  const [ingress, egress] = [rules('ingress'), rules('egress')];
  const unheeded: Direction[] = [...(ingress.length > 0 ? ['ingress' as const] : []), ...(egress.length > 0 ? ['egress' as const] : [])];
  const directions = [...directionsOf(members.policyTypes, members.egress), ...(context.traits.heedsTypes ? [] : unheeded)];
  return {
    ref,
    tier: NETWORK_POLICY_TIER,
    order: 0,
    rank: `${namespace}/${ref.name}`,
    subject: podsOfNamespace(context, namespace, members.podSelector),
    ...(directions.includes('ingress') ? { ingress } : {}),
    ...(directions.includes('egress') ? { egress } : {}),
    isolates: { ingress: directions.includes('ingress'), egress: directions.includes('egress') },
  };
};

export const readNetworkPolicy = (context: Context, ref: PolicyRef, object: Field): Policy[] => [
  readNetworkPolicySpec(context, ref, membersOf(object, ['apiVersion', 'kind', 'metadata', 'spec', 'status']).spec),
];
