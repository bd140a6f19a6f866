import type { ApiObject } from '../../cluster/facts.ts';
import type { Policy } from '../model.ts';
import type { Labels } from '../selector/selector.ts';
import { hostBlock, nameFor, namespaceOf, selectorFor, type Wanted } from './peers.ts';

const quoted = (value: string): string => (value.includes("'") ? `"${value}"` : `'${value}'`);

/** The same labels as an expression of Calico's. */
const expressionFor = (labels: Labels): string => {
  const terms = Object.entries(labels).map(([key, value]) => `${key} == ${quoted(value)}`);
  return terms.length === 0 ? 'all()' : terms.join(' && ');
};

const calicoEntity = ({ subject, far, farLabels }: Wanted): object => {
  if (far.kind !== 'pod') return { nets: [hostBlock(far)] };
  const selector = expressionFor(farLabels);
  const namespace = namespaceOf(far);
  return namespace === namespaceOf(subject) ? { selector } : { selector, namespaceSelector: `projectcalico.org/name == ${quoted(namespace)}` };
};

/** Orders that come before the policy that denies, or last in its tier. */
const orderBefore = (denying: Policy | undefined): object =>
  denying === undefined ? {} : { order: Number.isFinite(denying.order) ? denying.order - 1 : 1_000_000 };

/**
 * A policy of Calico's for just this, in the tier that denies: before the policy that does, or anywhere when it is the tier's end.
 * @param apiVersion by which of the two doors Calico's objects are reached here
 */
export const calicoPolicyFor = (wanted: Wanted, tier: string, denying: Policy | undefined, apiVersion: string): ApiObject => {
  const { direction, subject, subjectLabels, protocol, port } = wanted;
  const far = calicoEntity(wanted);
  const isIcmp = protocol === 'icmp';
  const icmp = wanted.subject.address?.family === 6 ? 'ICMPv6' : 'ICMP';
  const ports = port === undefined || isIcmp ? {} : { ports: [port] };
  const rule = {
    // in the last tier there is nobody to pass it on to but those who allow
    action: tier === 'default' ? 'Allow' : 'Pass',
    protocol: isIcmp ? icmp : protocol.toUpperCase(),
    ...(direction === 'ingress'
      ? { source: far, ...(Object.keys(ports).length > 0 ? { destination: ports } : {}) }
      : { destination: { ...far, ...ports } }),
  };
  const spec = {
    tier,
    ...orderBefore(denying),
    selector: expressionFor(subjectLabels),
    types: [direction === 'ingress' ? 'Ingress' : 'Egress'],
    [direction]: [rule],
  };
  return { apiVersion, kind: 'NetworkPolicy', metadata: { name: `${tier}.${nameFor(wanted)}`, namespace: namespaceOf(subject) }, ...{ spec } };
};

/** Nodes have no addresses to Cilium but entities. */
const ciliumPeer = ({ direction, subject, far, farLabels }: Wanted): object => {
  const side = direction === 'ingress' ? 'from' : 'to';
  if (far.kind === 'outside') return { [`${side}CIDR`]: [hostBlock(far)] };
  if (far.kind === 'node') return { [`${side}Entities`]: [far.nodeName === subject.nodeName ? 'host' : 'remote-node'] };
  const labels = { ...farLabels, ...(namespaceOf(far) === namespaceOf(subject) ? {} : { 'k8s:io.kubernetes.pod.namespace': namespaceOf(far) }) };
  return { [`${side}Endpoints`]: [selectorFor(labels)] };
};

export const ciliumPolicyFor = (wanted: Wanted): ApiObject => {
  const { direction, subject, subjectLabels, protocol, port } = wanted;
  const family = wanted.subject.address?.family === 6 ? 'IPv6' : 'IPv4';
  const traffic =
    protocol === 'icmp'
      ? { icmps: [{ fields: [{ family, type: family === 'IPv6' ? 128 : 8 }] }] }
      : { toPorts: [{ ports: [{ port: String(port ?? 0), protocol: protocol.toUpperCase() }] }] };
  const spec = { endpointSelector: selectorFor(subjectLabels), [direction]: [{ ...ciliumPeer(wanted), ...traffic }] };
  return {
    apiVersion: 'cilium.io/v2',
    kind: 'CiliumNetworkPolicy',
    metadata: { name: nameFor(wanted), namespace: namespaceOf(subject) },
    ...{ spec },
  };
};
