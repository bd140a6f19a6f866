import type { NamespaceFacts, NodeFacts, PodFacts, Protocol } from '../cluster/facts.ts';
import { type ParsedAddress, parseAddress } from '../forwarding/address.ts';
import type { Labels } from './selector/selector.ts';

/** One end of a flow as policies see it. */
export interface Party {
  /** A pod on the host network is its node: selectors of pods do not reach it. */
  readonly kind: 'pod' | 'node' | 'outside';
  /** `shop/web-0`, `node node1`, `10.1.1.7`. */
  readonly label: string;
  /** Of the family of the flow; a pod from a manifest may have none yet. */
  readonly address?: ParsedAddress;
  readonly addressText?: string;
  readonly pod?: PodFacts;
  /** Those of the pod's labels that policies may read; none for anybody else. */
  readonly labels: Labels;
  /** Of a pod that selectors reach. */
  readonly namespace?: NamespaceFacts;
  /** The node it is, or runs on. */
  readonly node?: NodeFacts;
  readonly nodeName?: string;
}

export interface NamedPort {
  name: string;
  port: number;
  protocol: Protocol;
}

const NO_LABELS: Labels = {};

/** Container ports that have names, those of sidecars included. */
export const namedPorts = ({ kind, pod }: Party): NamedPort[] =>
  kind !== 'pod' || !pod
    ? []
    : [...pod.containers.flatMap(({ ports }) => ports), ...(pod.initPorts ?? [])].flatMap(({ name, port, protocol }) =>
        name === undefined ? [] : [{ name, port, protocol }],
      );

const addressed = (text: string | undefined): Pick<Party, 'address' | 'addressText'> => {
  const address = text === undefined ? undefined : parseAddress(text);
  return address && text !== undefined ? { address, addressText: text } : {};
};

export const outside = (text: string): Party => ({ kind: 'outside', label: text, labels: NO_LABELS, ...addressed(text) });

export const nodeParty = (node: NodeFacts, address = node.ips[0]): Party => ({
  kind: 'node',
  label: `node ${node.name}`,
  ...addressed(address),
  labels: NO_LABELS,
  node,
  nodeName: node.name,
});

export interface PodParty {
  pod: PodFacts;
  namespace: NamespaceFacts;
  node: NodeFacts | undefined;
  /** Another one of its addresses than the first. */
  address?: string | undefined;
  /** Fewer labels than it has, where the plugin does not look at all of them. */
  labels?: Labels;
}

/** A pod with the namespace it is in; on the host network it is its node, by its own name. */
export const podParty = ({ pod, namespace, node, address = pod.ips[0], labels = pod.labels }: PodParty): Party => ({
  kind: pod.hostNetwork ? 'node' : 'pod',
  label: `${pod.namespace}/${pod.name}`,
  ...addressed(address),
  pod,
  labels: pod.hostNetwork ? NO_LABELS : labels,
  ...(pod.hostNetwork ? {} : { namespace }),
  ...(node ? { node } : {}),
  ...(pod.node === undefined ? {} : { nodeName: pod.node }),
});
