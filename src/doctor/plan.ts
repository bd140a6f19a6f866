import type { Endpoint } from '../cluster/endpoint.ts';
import type { ClusterFacts, EndpointFacts, NodeFacts, PodFacts, Protocol, ServiceFacts } from '../cluster/facts.ts';
import type { NodeSnapshot } from '../node/snapshot.ts';
import { ECHO_BYTES } from '../probe/live/probe-plan.ts';
import type { ProbePurpose, ProbeRequest } from '../probe/probe.ts';
import { senderMtu } from './mtu.ts';

/** The question as it will be put on the wire. */
export interface Question {
  from: Endpoint;
  to: Endpoint;
  source: string;
  destination: string;
  protocol: Protocol;
  port?: number;
  count: number;
  timeoutMs: number;
}

/** How many times a framing check is sent: enough to see that it is not luck, few enough not to be felt. */
const FRAMING_COUNT = 3;

/** A Service with more backends than this is framed by its first ones; the report says how many there are. */
const MOST_ENDPOINTS = 8;

export interface Sender {
  node: string;
  from: ProbeRequest['from'];
  label: string;
}

const isV6 = (address: string): boolean => address.includes(':');

const sameFamily = (addresses: string[], like: string): string | undefined => addresses.find((address) => isV6(address) === isV6(like));

/**
 * A process by which a pod's namespace is entered. What sits in the pod itself sees no host namespace and is there already: any pid will do,
 * as it enters nothing.
 */
export const entryPid = (snapshot: NodeSnapshot, podUid: string): number | undefined => {
  const netns = snapshot.namespaces.find((candidate) => candidate.podUid === podUid);
  return netns?.pid ?? (netns && !snapshot.namespaces.some(({ role }) => role === 'host') ? 1 : undefined);
};

/** Where packets of this endpoint are sent from; a string says why nothing can be sent from it. */
export const senderOf = (endpoint: Endpoint, snapshots: NodeSnapshot[]): Sender | string => {
  if (endpoint.node) return { node: endpoint.node.name, from: { netns: 'host' }, label: endpoint.label };
  const { pod } = endpoint;
  if (!pod?.node) return `${endpoint.label} runs on no node of this cluster`;
  if (pod.hostNetwork) return { node: pod.node, from: { netns: 'host' }, label: endpoint.label };
  const snapshot = snapshots.find((candidate) => candidate.node === pod.node);
  if (!snapshot) return `node ${pod.node} could not be read`;
  const pid = entryPid(snapshot, pod.uid);
  if (pid === undefined) return `no process of ${endpoint.label} was found on ${pod.node}`;
  return { node: pod.node, from: { netns: 'pid', pid }, label: endpoint.label };
};

const hostSender = (node: NodeFacts): Sender => ({ node: node.name, from: { netns: 'host' }, label: `node ${node.name}` });

const nodeOf = (endpoint: Endpoint, facts: ClusterFacts): NodeFacts | undefined => {
  const name = endpoint.node?.name ?? endpoint.pod?.node;
  return facts.nodes.find((node) => node.name === name);
};

/** Services that lead to this pod at this port, with the port to ask the Service at. */
const servicesTo = (pod: PodFacts, question: Question, facts: ClusterFacts): { service: ServiceFacts; port: number }[] =>
  facts.endpoints
    .filter((endpoint) => endpoint.ip === question.destination && endpoint.pod?.name === pod.name)
    .flatMap((endpoint) => {
      const service = facts.services.find(({ namespace, name }) => namespace === endpoint.service.namespace && name === endpoint.service.name);
      const target = endpoint.ports.find(({ port, protocol }) => port === question.port && protocol === question.protocol);
      const port = service?.ports.find((candidate) => (candidate.name ?? '') === target?.name && candidate.protocol === target?.protocol);
      return service && port && sameFamily(service.clusterIps, question.destination) ? [{ service, port: port.port }] : [];
    });

const endpointsOf = (service: ServiceFacts, question: Question, facts: ClusterFacts): { endpoint: EndpointFacts; port: number }[] => {
  const asked = service.ports.find(({ port, protocol }) => port === question.port && protocol === question.protocol);
  return facts.endpoints
    .filter((endpoint) => endpoint.service.namespace === service.namespace && endpoint.service.name === service.name && endpoint.ready)
    .filter((endpoint) => isV6(endpoint.ip) === isV6(question.destination))
    .flatMap((endpoint) => {
      const port = endpoint.ports.find(({ name, protocol }) => name === (asked?.name ?? '') && protocol === question.protocol);
      return port ? [{ endpoint, port: port.port }] : [];
    });
};

const isSmallEcho = ({ protocol, size }: ProbeRequest): boolean => protocol === 'icmp' && size === undefined;

const dnsService = (facts: ClusterFacts): ServiceFacts | undefined =>
  facts.services.find(({ namespace, name }) => namespace === 'kube-system' && ['kube-dns', 'coredns', 'rke2-coredns-rke2-coredns'].includes(name));

/**
 * Every probe of one `path` run, the question first. Each framing check differs from the question in one thing only, so that its answer
 * tells which thing matters: the protocol, the node, the direction, the Service.
 */
export const planProbes = (question: Question, facts: ClusterFacts, snapshots: NodeSnapshot[], dnsDomain: string): ProbeRequest[] | string => {
  const sender = senderOf(question.from, snapshots);
  if (typeof sender === 'string') return sender;
  const { to, destination, protocol, port, timeoutMs } = question;
  const requests: ProbeRequest[] = [];
  const ask = (
    purpose: ProbePurpose,
    by: Sender,
    target: { label: string; address: string; protocol: Protocol; port?: number | undefined; query?: string; size?: number },
    count = FRAMING_COUNT,
  ): void => {
    requests.push({
      id: `${requests.length + 1}`,
      purpose,
      node: by.node,
      from: by.from,
      fromLabel: by.label,
      toLabel: target.label,
      destination: target.address,
      protocol: target.protocol,
      ...(target.port === undefined ? {} : { port: target.port }),
      ...(target.query === undefined ? {} : { query: target.query }),
      ...(target.size === undefined ? {} : { size: target.size }),
      ...(target.protocol === 'icmp' && target.size === undefined ? { echoBytes: ECHO_BYTES + requests.filter(isSmallEcho).length } : {}),
      count,
      timeoutMs,
    });
  };
  ask('main', sender, { label: to.label, address: destination, protocol, port }, question.count);
  const viaService = to.kind === 'service' && to.service?.clusterIps.includes(destination) === true;
  if (protocol !== 'icmp' && !viaService) ask('main-icmp', sender, { label: to.label, address: destination, protocol: 'icmp' });

  const size = viaService ? undefined : senderMtu(sender, destination, snapshots);
  if (size !== undefined) ask('full-size', sender, { label: to.label, address: destination, protocol: 'icmp', size });

  const ownNode = nodeOf(question.from, facts);
  const farNode = nodeOf(to, facts);
  const ownIp = ownNode && sameFamily(ownNode.ips, destination);
  const farIp = farNode && sameFamily(farNode.ips, destination);
  const fromHost = sender.from.netns === 'host';
  const readable = (node: NodeFacts): boolean => snapshots.some((snapshot) => snapshot.node === node.name);

  if (ownNode && ownIp && !fromHost) ask('pod-to-own-node', sender, { label: `node ${ownNode.name}`, address: ownIp, protocol: 'icmp' });
  if (farNode && farIp && farNode !== ownNode && farIp !== destination)
    ask('pod-to-far-node', sender, { label: `node ${farNode.name}`, address: farIp, protocol: 'icmp' });
  if (farNode && to.pod && !to.pod.hostNetwork && readable(farNode))
    ask('far-node-to-pod', hostSender(farNode), { label: to.label, address: destination, protocol, port });
  if (ownNode && !fromHost && farNode !== ownNode && !viaService)
    ask('own-node-to-pod', hostSender(ownNode), { label: to.label, address: destination, protocol, port });
  if (ownNode && farNode && farIp && ownNode !== farNode && !(fromHost && farIp === destination && protocol === 'icmp'))
    ask('node-to-node', hostSender(ownNode), { label: `node ${farNode.name}`, address: farIp, protocol: 'icmp' });

  if (to.pod && !viaService) {
    for (const { service, port: servicePort } of servicesTo(to.pod, question, facts)) {
      const address = sameFamily(service.clusterIps, destination);
      if (address) ask('pod-to-service', sender, { label: `svc ${service.namespace}/${service.name}`, address, protocol, port: servicePort });
    }
  }
  if (to.service && viaService) {
    for (const { endpoint, port: targetPort } of endpointsOf(to.service, question, facts).slice(0, MOST_ENDPOINTS)) {
      const label = endpoint.pod ? `${endpoint.pod.namespace}/${endpoint.pod.name}` : endpoint.ip;
      ask('pod-to-endpoint', sender, { label, address: endpoint.ip, protocol, port: targetPort });
    }
  }
  const dns = dnsService(facts);
  const dnsAddress = dns && sameFamily(dns.clusterIps, destination);
  if (dns && dnsAddress && !(viaService && destination === dnsAddress)) {
    ask('pod-to-dns', sender, {
      label: `svc ${dns.namespace}/${dns.name}`,
      address: dnsAddress,
      protocol: 'udp',
      port: 53,
      query: `kubernetes.default.svc.${dnsDomain}`,
    });
  }
  return requests;
};
