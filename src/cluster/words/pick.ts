import type { Endpoint } from '../endpoint.ts';
import { CliError, EXIT } from '../errors.ts';
import type { NodeFacts, PodFacts, ServiceFacts } from '../facts.ts';
import type { Found } from './found.ts';
import { podPorts, portsAsked, servicePorts } from './ports.ts';
import type { Word } from './word.ts';

export interface Choice {
  /** A source is something that can send: of a Service, one of its pods. */
  role: 'from' | 'to';
  /** Node of the other end: a replica elsewhere says more, as it crosses the network. */
  peerNode?: string;
}

const nameOf = ({ namespace, name }: PodFacts): string => `${namespace}/${name}`;

const isFinished = ({ phase }: PodFacts): boolean => phase === 'Succeeded' || phase === 'Failed';

/** Why nothing can be sent to or from this pod; undefined when it can. */
const unusable = (pod: PodFacts): string | undefined => {
  if (isFinished(pod)) return `pod ${nameOf(pod)} has finished (${pod.phase}), it has no network any more`;
  if (pod.ips.length > 0) return undefined;
  const reason = pod.containers.find((container) => container.reason !== undefined)?.reason;
  const where = pod.node ? `on node ${pod.node}` : 'it is not scheduled to a node';
  return `pod ${nameOf(pod)} has no address yet (${pod.phase}${reason ? `, ${reason}` : ''}; ${where})`;
};

/** Best first: ready, not on its way out, on another node than the peer, then by name so that two runs take the same. */
const rank = (pods: PodFacts[], peerNode: string | undefined): PodFacts[] => {
  const score = (pod: PodFacts): number => (pod.ready ? 4 : 0) + (pod.deleting ? 0 : 2) + (peerNode !== undefined && pod.node === peerNode ? 0 : 1);
  return [...pods].sort((a, b) => score(b) - score(a) || (a.name < b.name ? -1 : 1));
};

const count = (pods: PodFacts[]): string => (pods.length === 1 ? '1 pod' : `${pods.length} pods`);

/** Who asks for an address means that one: the others come after it. */
const askedFirst = (ips: string[], address: string | undefined): string[] =>
  address === undefined ? ips : [...ips.filter((ip) => ip === address), ...ips.filter((ip) => ip !== address)];

const podEndpoint = (word: Word, pod: PodFacts, others: PodFacts[], chosen: string | undefined, address?: string): Endpoint => ({
  word: word.text,
  kind: 'pod',
  label: nameOf(pod),
  ips: askedFirst(pod.ips, address),
  pod,
  backends: others,
  ports: portsAsked(podPorts(pod), `pod ${nameOf(pod)}`, word, false),
  ...(chosen ? { chosen } : {}),
});

/** One pod of several; `whose` is `deploy demo/web` or `svc demo/web`. */
const pickPod = (word: Word, pods: PodFacts[], whose: string, { peerNode }: Choice): Endpoint => {
  const usable = rank(
    pods.filter((pod) => unusable(pod) === undefined),
    peerNode,
  );
  const [pod] = usable;
  if (!pod) {
    const why = pods[0] ? `: ${unusable(pods[0])}` : '';
    throw new CliError(`error: ${whose} has ${pods.length === 0 ? 'no pods' : `no running pod of ${count(pods)}`}${why}`, EXIT.notFound);
  }
  const ready = pod.ready ? '' : ', which is not ready (none is)';
  return podEndpoint(
    word,
    pod,
    pods.filter((other) => other !== pod),
    `${whose} has ${count(pods)}, took ${pod.name}${pod.node ? ` on ${pod.node}` : ''}${ready}`,
  );
};

const nodeEndpoint = ({ word, note, address }: Found, node: NodeFacts): Endpoint => {
  if (node.ips.length === 0) throw new CliError(`error: node ${node.name} has no InternalIP address`, EXIT.notFound);
  const label = `node ${node.name}`;
  return {
    word: word.text,
    kind: 'node',
    label,
    ips: askedFirst(node.ips, address),
    node,
    backends: [],
    ports: portsAsked([], label, word, false),
    ...(note ? { chosen: note } : {}),
  };
};

const serviceEndpoint = ({ word, note, address }: Found, service: ServiceFacts, pods: PodFacts[], choice: Choice): Endpoint => {
  const label = `svc ${service.namespace}/${service.name}`;
  if (service.externalName)
    throw new CliError(`error: ${label} is only a name for ${service.externalName} (ExternalName): ask for that instead`, EXIT.usage);
  if (service.clusterIps.length === 0 && service.externalIps.length === 0) {
    const headless = pickPod(word, pods, `${label} is headless and`, choice);
    return { ...headless, ports: headless.ports.length > 0 ? headless.ports : servicePorts(service) };
  }
  return {
    word: word.text,
    kind: 'service',
    label,
    ips: askedFirst([...service.clusterIps, ...service.externalIps], address),
    service,
    backends: pods,
    ports: portsAsked(servicePorts(service), label, word, true),
    ...(note ? { chosen: note } : {}),
  };
};

/**
 * Pure: the endpoint that a word stands for on this side of the question.
 * @throws CliError when it has no address, or cannot be a source
 */
export const pick = (found: Found, choice: Choice): Endpoint => {
  const { word, note } = found;
  if (found.is === 'node') return nodeEndpoint(found, found.node);
  if (found.is === 'pods') {
    const [only] = found.pods;
    if (found.workload !== undefined || !only) return pickPod(word, found.pods, found.workload ?? word.text, choice);
    const why = unusable(only);
    if (why) throw new CliError(`error: ${why}`, EXIT.notFound);
    return podEndpoint(word, only, [], note, found.address);
  }
  if (found.is === 'service') {
    const { service, pods } = found;
    if (choice.role === 'from') return pickPod(word, pods, `svc ${service.namespace}/${service.name}`, choice);
    return serviceEndpoint(found, service, pods, choice);
  }
  if (choice.role === 'from')
    throw new CliError(`error: "${word.text}" (${found.label}) is not in this cluster: nothing can be sent from there`, EXIT.usage);
  return {
    word: word.text,
    kind: 'external',
    label: found.label,
    ips: found.ips,
    backends: [],
    ports: portsAsked([], found.label, word, false),
    ...(note ? { chosen: note } : {}),
  };
};
