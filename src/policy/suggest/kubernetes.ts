import type { ApiObject } from '../../cluster/facts.ts';
import type { Policy } from '../model.ts';
import { hostBlock, nameFor, namespaceOf, namespaceSelector, selectorFor, type Wanted } from './peers.ts';

const peerFor = ({ subject, far, farLabels }: Wanted): object => {
  if (far.kind !== 'pod') return { ipBlock: { cidr: hostBlock(far) } };
  const podSelector = selectorFor(farLabels);
  return namespaceOf(far) === namespaceOf(subject) ? { podSelector } : { namespaceSelector: namespaceSelector(namespaceOf(far)), podSelector };
};

/** A NetworkPolicy for just this; ICMP it cannot name, so that it is all traffic then. */
export const networkPolicyFor = (wanted: Wanted): ApiObject => {
  const { direction, subject, subjectLabels, protocol, port } = wanted;
  const ports = protocol === 'icmp' ? {} : { ports: [{ protocol: protocol.toUpperCase(), ...(port === undefined ? {} : { port }) }] };
  const rule = { [direction === 'ingress' ? 'from' : 'to']: [peerFor(wanted)], ...ports };
  const spec = {
    podSelector: selectorFor(subjectLabels),
    policyTypes: [direction === 'ingress' ? 'Ingress' : 'Egress'],
    [direction]: [rule],
  };
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: nameFor(wanted), namespace: namespaceOf(subject) },
    ...{ spec },
  };
};

const adminPods = (namespace: string, labels: Wanted['farLabels']): object => ({
  pods: { namespaceSelector: namespaceSelector(namespace), podSelector: selectorFor(labels) },
});

const adminPeer = ({ direction, far, farLabels }: Wanted): object | undefined => {
  if (far.kind === 'pod') return adminPods(namespaceOf(far), farLabels);
  return direction === 'egress' ? { networks: [hostBlock(far)] } : undefined;
};

const adminTraffic = ({ protocol, port }: Wanted, kind: string): object => {
  if (protocol === 'icmp' || port === undefined) return {};
  return kind === 'ClusterNetworkPolicy'
    ? { protocols: [{ [protocol]: { destinationPort: { number: port } } }] }
    : { ports: [{ portNumber: { protocol: protocol.toUpperCase(), port } }] };
};

/** The rule of an administrator's policy for just this; undefined where its peers cannot name the far side. */
const adminRule = (wanted: Wanted, kind: string, action: 'Accept' | 'Allow' | 'Pass'): object | undefined => {
  const peer = adminPeer(wanted);
  return peer && { name: nameFor(wanted), action, [wanted.direction === 'ingress' ? 'from' : 'to']: [peer], ...adminTraffic(wanted, kind) };
};

/** A priority before that of the policy that denies, which no other policy of its tier has; undefined when there is none left. */
const priorityBefore = (denying: Policy, tier: readonly Policy[]): number | undefined => {
  const taken = new Set(tier.map(({ order }) => order));
  for (let priority = denying.order - 1; priority >= 0; priority--) if (!taken.has(priority)) return priority;
  return undefined;
};

/** A policy of the same kind as the one that denies, before it, that lets just this pass on to the tiers behind. */
export const adminPolicyFor = (wanted: Wanted, denying: Policy, tier: readonly Policy[]): ApiObject | undefined => {
  const { apiVersion, kind } = denying.ref;
  const isCluster = kind === 'ClusterNetworkPolicy';
  const baseline = denying.tier === 'Baseline' || denying.tier === 'kube-baseline';
  const priority = priorityBefore(denying, tier);
  const rule = adminRule(wanted, kind, baseline ? 'Accept' : 'Pass');
  if (priority === undefined || !rule) return undefined;
  const spec = {
    ...(isCluster ? { tier: baseline ? 'Baseline' : 'Admin' } : {}),
    priority,
    subject: adminPods(namespaceOf(wanted.subject), wanted.subjectLabels),
    [wanted.direction]: [rule],
  };
  return { apiVersion, kind, metadata: { name: nameFor(wanted) }, ...{ spec } };
};

/** There is one Baseline: the rule goes into it, before the one that denies. */
export const baselineWith = (wanted: Wanted, object: ApiObject, before: number): ApiObject | undefined => {
  const rule = adminRule(wanted, 'BaselineAdminNetworkPolicy', 'Allow');
  const spec = 'spec' in object && typeof object.spec === 'object' && object.spec !== null ? (object.spec as Record<string, unknown>) : undefined;
  const rules = spec?.[wanted.direction];
  if (!rule || !Array.isArray(rules)) return undefined;
  const { apiVersion, kind, metadata } = object;
  return {
    apiVersion,
    kind,
    metadata: { name: metadata.name },
    ...{ spec: { ...spec, [wanted.direction]: [...rules.slice(0, before), rule, ...rules.slice(before)] } },
  };
};
