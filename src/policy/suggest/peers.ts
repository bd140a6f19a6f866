import type { Protocol } from '../../cluster/facts.ts';
import type { Direction } from '../model.ts';
import type { Party } from '../party.ts';
import type { Labels } from '../selector/selector.ts';
import { workloadOf } from '../workload.ts';

/** What the suggestion is about, seen from the pod whose policies deny. */
export interface Wanted {
  direction: Direction;
  subject: Party;
  far: Party;
  /** Labels by which each of the two is to be selected. */
  subjectLabels: Labels;
  farLabels: Labels;
  protocol: Protocol;
  port?: number;
}

/** Labels that a rollout, or whoever makes the pod again, changes: a policy that named them would not last. */
const VOLATILE = [
  'pod-template-hash',
  'controller-revision-hash',
  'pod-template-generation',
  'controller-uid',
  'batch.kubernetes.io/controller-uid',
  'apps.kubernetes.io/pod-index',
];

/** What these pods have in common and will still have tomorrow. */
export const lastingLabels = (all: readonly Labels[]): Labels => {
  const [first = {}, ...others] = all;
  return Object.fromEntries(
    Object.entries(first).filter(([key, value]) => !VOLATILE.includes(key) && others.every((labels) => labels[key] === value)),
  );
};

/** A LabelSelector of exactly these labels. */
export const selectorFor = (labels: Labels): object => (Object.keys(labels).length === 0 ? {} : { matchLabels: { ...labels } });

const NAME_LABEL = 'kubernetes.io/metadata.name';

export const namespaceSelector = (namespace: string): object => ({ matchLabels: { [NAME_LABEL]: namespace } });

/** One address as a block. */
export const hostBlock = ({ addressText = '' }: Party): string => `${addressText}/${addressText.includes(':') ? 128 : 32}`;

export const namespaceOf = ({ namespace, pod }: Party): string => namespace?.name ?? pod?.namespace ?? 'default';

const short = ({ pod, nodeName, label }: Party): string => (pod ? (workloadOf(pod).split('/').at(-1) ?? pod.name) : (nodeName ?? label));

/** A name for the new policy that says what it is for (RFC 1123, at most 63 characters). */
export const nameFor = ({ direction, subject, far, protocol, port }: Wanted): string => {
  const [from, to] = direction === 'ingress' ? [far, subject] : [subject, far];
  const text = `allow-${short(from)}-to-${short(to)}-${port ?? protocol}`;
  return text
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, '-')
    .slice(0, 63)
    .replace(/-+$/, '');
};
