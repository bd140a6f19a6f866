import { sameAddress } from '../../../forwarding/address.ts';
import type { Context } from '../../context.ts';
import type { Party } from '../../party.ts';
import { type Labels, labelOf } from '../../selector/selector.ts';

/** Cilium's own labels of a pod (pkg/k8s/apis/cilium.io/const.go). */
export const POD_NAMESPACE = 'io.kubernetes.pod.namespace';
export const NAMESPACE_LABELS = 'io.cilium.k8s.namespace.labels.';
export const CLUSTER = 'io.cilium.k8s.policy.cluster';
const SERVICE_ACCOUNT = 'io.cilium.k8s.policy.serviceaccount';

/** Of a cluster that is in no mesh. */
const CLUSTER_NAME = 'default';

/** Labels that make no identity, unless the agent is told otherwise: anchored at the start (pkg/labelsfilter/filter.go, 1.18). */
const IGNORED = [
  /^io\.kubernetes/,
  /^kubernetes\.io/,
  /^statefulset\.kubernetes\.io\/pod-name/,
  /^apps\.kubernetes\.io\/pod-index/,
  /^batch\.kubernetes\.io\/job-completion-index/,
  /^batch\.kubernetes\.io\/controller-uid/,
  /^.*beta\.kubernetes\.io/,
  /^k8s\.io/,
  /^pod-template-generation/,
  /^pod-template-hash/,
  /^controller-revision-hash/,
  /^controller-uid/,
  /^annotation.*/,
  /^etcd_node/,
];

/** Pod labels that are part of the identity, by which every policy selects on Cilium, NetworkPolicies too. */
export const identityLabels = (labels: Labels): Labels =>
  Object.fromEntries(Object.entries(labels).filter(([key]) => !IGNORED.some((pattern) => pattern.test(key))));

/** Somebody's labels with their sources: `k8s:app`, `reserved:host`. The host is the subject's own node, any other one is remote. */
export const identityOf = (context: Context, party: Party, subject: Party): Labels => {
  if (party.kind === 'pod') return podIdentity(party);
  const reserved = party.kind === 'outside' ? 'world' : party.nodeName !== undefined && party.nodeName === subject.nodeName ? 'host' : 'remote-node';
  return { [`reserved:${reserved}`]: '', ...(isApiServer(context, party) ? { 'reserved:kube-apiserver': '' } : {}) };
};

const pods = new WeakMap<Party, Labels>();

const prefixed = (prefix: string, labels: Labels): Labels =>
  Object.fromEntries(Object.entries(labels).map(([key, value]) => [`${prefix}${key}`, value]));

const podIdentity = (party: Party): Labels => {
  const found = pods.get(party);
  if (found) return found;
  const { pod, namespace } = party;
  const made: Labels = {
    ...prefixed('k8s:', party.labels),
    ...prefixed(`k8s:${NAMESPACE_LABELS}`, namespace?.labels ?? {}),
    [`k8s:${POD_NAMESPACE}`]: namespace?.name ?? '',
    [`k8s:${CLUSTER}`]: CLUSTER_NAME,
    ...(pod?.serviceAccount === undefined ? {} : { [`k8s:${SERVICE_ACCOUNT}`]: pod.serviceAccount }),
  };
  pods.set(party, made);
  return made;
};

/** By its endpoints: those of Service default/kubernetes. */
export const isApiServer = ({ world }: Context, { addressText }: Party): boolean =>
  addressText !== undefined &&
  world.endpoints.some(({ service, ip }) => service.namespace === 'default' && service.name === 'kubernetes' && sameAddress(ip, addressText));

const SOURCES = ['k8s', 'reserved', 'any'];

/** `k8s:app` → source and key; a key without a source is of any source (pkg/labels, GetExtendedKeyFrom). */
export const splitKey = (text: string): { source: string; key: string } => {
  const [, source, key] = /^([^:/]+):(.*)$/.exec(text) ?? [];
  if (source !== undefined && key !== undefined) return { source, key };
  return text.startsWith('reserved.') ? { source: 'reserved', key: text.slice('reserved.'.length) } : { source: 'any', key: text };
};

export const lookUpIdentity = (labels: Labels, text: string): string | undefined => {
  const { source, key } = splitKey(text);
  if (source !== 'any') return labelOf(labels, `${source}:${key}`);
  return SOURCES.map((one) => labelOf(labels, `${one}:${key}`)).find((value) => value !== undefined);
};

/** Notes what a selector reads of pods themselves. */
export const noteIdentityKeys = ({ reads }: Context, keys: readonly string[]): void => {
  for (const text of keys) {
    const { source, key } = splitKey(text);
    if (key === SERVICE_ACCOUNT) reads.serviceAccounts = true;
    else if (source !== 'reserved' && key !== POD_NAMESPACE && key !== CLUSTER && !key.startsWith(NAMESPACE_LABELS)) reads.podLabels.add(key);
  }
};
