import type { EndpointFacts, PodFacts, ServiceFacts, ServicePortFacts } from '../../cluster/facts.ts';
import { kubeProxyMode, programs } from '../../cni/kube-proxy.ts';
import { sameAddress } from '../../forwarding/address.ts';
import { hostNetns, unread } from '../../forwarding/world.ts';
import type { Cause } from '../cause.ts';
import { probeWords } from '../draft.ts';
import { type Evidence, failingLegs, type Leg, nodeOf, podNamed, snapshotOf } from '../evidence.ts';
import { agentHealth } from '../health.ts';
import { agentPod, restartAgent } from '../remedy.ts';
import { refusedDraft, unheard } from './listener.ts';

interface Asked {
  service: ServiceFacts;
  port: ServicePortFacts;
  leg: Leg;
  endpoints: EndpointFacts[];
}

/** The Service a failing probe asked for, by its address. */
const asked = (evidence: Evidence): Asked | undefined => {
  for (const leg of failingLegs(evidence)) {
    const { destination, port: number, protocol } = leg.probe.request;
    const service = evidence.facts.services.find(({ clusterIps, externalIps }) =>
      [...clusterIps, ...externalIps].some((ip) => sameAddress(ip, destination)),
    );
    const port = service?.ports.find((candidate) => candidate.port === number && candidate.protocol === protocol);
    if (service && port) return { service, port, leg, endpoints: endpointsOf(evidence, service) };
  }
  return undefined;
};

const endpointsOf = ({ facts }: Evidence, { namespace, name }: ServiceFacts): EndpointFacts[] =>
  facts.endpoints.filter(({ service }) => service.namespace === namespace && service.name === name);

const selected = ({ facts }: Evidence, { namespace, selector }: ServiceFacts): PodFacts[] => {
  const wanted = Object.entries(selector);
  if (wanted.length === 0) return [];
  return facts.pods.filter((pod) => pod.namespace === namespace && wanted.every(([key, value]) => pod.labels[key] === value));
};

const named = ({ namespace, name }: ServiceFacts): string => `${namespace}/${name}`;

const podState = (pod: PodFacts): string => {
  const reasons = pod.containers.flatMap(({ name, reason, restarts, ready }) =>
    reason !== undefined ? [`${name}: ${reason}, ${restarts} restarts`] : ready ? [] : [`${name} not ready`],
  );
  return `pod ${podNamed(pod)}: ${pod.deleting ? 'being deleted' : pod.phase}${reasons.length > 0 ? ` (${reasons.join('; ')})` : pod.ready ? '' : ', not ready'}`;
};

const selectorText = ({ selector }: ServiceFacts): string =>
  Object.entries(selector)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');

export const noEndpoints: Cause = {
  code: 'ND4003',
  summary: 'The Service has no ready endpoint.',
  implies: ['ND4005'],
  recognise: (evidence) => {
    const found = asked(evidence);
    if (!found) return undefined;
    const { service, leg, endpoints } = found;
    if (endpoints.some(({ ready }) => ready)) return undefined;
    const pods = selected(evidence, service);
    const selects = selectorText(service);
    const why = reasonOf(pods, selects);
    return {
      severity: 'problem',
      confidence: 'certain',
      title: `Service ${named(service)} has no ready endpoint: ${why}.`,
      evidence: [probeWords(leg), `${endpoints.length} endpoints in its EndpointSlices, none ready`, ...pods.slice(0, 5).map(podState)],
      fix:
        pods.length === 0
          ? [
              `Compare the Service's selector (${selects || 'none'}) with the labels of the pods it should have:`,
              `$ kubectl -n ${service.namespace} get pods --show-labels`,
            ]
          : ['Find out why its pods are not ready:', `$ kubectl -n ${service.namespace} describe pod ${pods[0]?.name}`],
      notes: [],
    };
  },
};

const reasonOf = (pods: PodFacts[], selects: string): string => {
  if (selects === '') return 'it has no selector, and nobody wrote EndpointSlices for it';
  if (pods.length === 0) return `no pod has the labels ${selects}`;
  return pods.length === 1 ? 'its only pod is not ready' : `none of its ${pods.length} pods is ready`;
};

/** Ports the pods' containers declare under the name the Service asks for. */
const missingName = (evidence: Evidence, { service, port }: Asked): string | undefined => {
  const { targetPort } = port;
  if (typeof targetPort === 'number') return undefined;
  const pods = selected(evidence, service);
  const has = pods.some(({ containers }) => containers.some(({ ports }) => ports.some(({ name }) => name === targetPort)));
  return pods.length === 0 || has ? undefined : targetPort;
};

const declared = (pods: PodFacts[]): string => {
  const ports = pods.flatMap(({ containers }) =>
    containers.flatMap((container) => container.ports.map(({ name, port }) => `${port}${name ? ` (${name})` : ''}`)),
  );
  return [...new Set(ports)].join(', ') || 'none';
};

const patchPort = ({ service, port }: Asked, target: string): string => {
  const index = service.ports.indexOf(port);
  return `$ kubectl -n ${service.namespace} patch service ${service.name} --type=json -p '[{"op":"replace","path":"/spec/ports/${index}/targetPort","value":${target}}]'`;
};

export const wrongTargetPort: Cause = {
  code: 'ND4004',
  summary: "The Service's targetPort is not a port its pods listen on.",
  implies: ['ND4001', 'ND4005'],
  recognise: (evidence) => {
    const found = asked(evidence);
    if (!found) return undefined;
    const { service, port, leg } = found;
    const pods = selected(evidence, service);
    const name = missingName(evidence, found);
    if (name !== undefined) {
      return {
        severity: 'problem',
        confidence: 'certain',
        title: `Port ${port.port} of Service ${named(service)} leads to the container port named "${name}", which none of its pods has.`,
        evidence: [probeWords(leg), `container ports of its pods: ${declared(pods)}`],
        fix: [patchPort(found, JSON.stringify('PORT-NAME'))],
        notes: [],
      };
    }
    const refused = unheard(evidence);
    if (!refused || evidence.to.kind !== 'service') return undefined;
    const open = refused.netns.sockets
      .filter(({ protocol, address }) => protocol === port.protocol && !/^(127\.|::1$)/.test(address))
      .map((socket) => socket.port);
    const [first] = [...new Set(open)];
    const title = `Port ${port.port} of Service ${named(service)} leads to port ${refused.packet.destinationPort}, on which ${refused.label} does not listen.`;
    const fix =
      first === undefined ? ['Start the server on that port.'] : [`If the server's port ${first} is the right one:`, patchPort(found, String(first))];
    const draft = refusedDraft(evidence, refused, title, fix);
    return { ...draft, evidence: [...draft.evidence, `targetPort ${port.targetPort}; container ports of its pods: ${declared(pods)}`] };
  },
};

const healthWords = (evidence: Evidence, node: string): string[] => {
  const snapshot = snapshotOf(evidence, node);
  return snapshot ? agentHealth(evidence, snapshot, 'kube-proxy').words : [];
};

export const proxyNotProgramming: Cause = {
  code: 'ND4005',
  summary: 'kube-proxy has not programmed the Service on the node the packet starts from.',
  recognise: (evidence) => {
    const found = asked(evidence);
    const node = nodeOf(evidence.from);
    const snapshot = snapshotOf(evidence, node);
    const host = snapshot && hostNetns(snapshot);
    if (!found || node === undefined || !snapshot || !host || unread({ snapshot, netns: host }, 'iptables', 'nft', 'ipvs')) return undefined;
    const { service, port, leg } = found;
    const clusterIp = leg.probe.request.destination;
    const wanted = { clusterIp, port: port.port, protocol: port.protocol };
    const others = evidence.snapshots.filter((other) => other.node !== node);
    const anywhere =
      evidence.snapshots.some((other) => kubeProxyMode(other) !== 'none') || agentPod(evidence.facts, 'kube-proxy', node) !== undefined;
    // Without kube-proxy anywhere a replacement (Cilium, kube-router) serves Services by means of its own.
    if (!anywhere || programs(snapshot, wanted)) return undefined;
    const elsewhere = others.filter((other) => programs(other, wanted)).map((other) => other.node);
    return {
      severity: 'problem',
      confidence: 'likely',
      title: `kube-proxy on ${node} has not programmed Service ${named(service)} (${clusterIp}:${port.port}).`,
      place: { node },
      evidence: [
        probeWords(leg),
        `${node} has no rule for ${clusterIp}:${port.port}${elsewhere.length > 0 ? `; ${elsewhere.join(', ')} has` : ''}`,
        ...healthWords(evidence, node),
      ],
      fix: restartAgent(evidence.facts, 'kube-proxy', node),
      notes: [],
    };
  },
};

export const staleEndpoint: Cause = {
  code: 'ND4006',
  summary: 'kube-proxy still sends a Service to an address that is no endpoint of it any more.',
  implies: ['ND2101'],
  recognise: (evidence) => {
    const found = asked(evidence);
    const translation = found?.leg.there?.translations[0];
    if (!found || !translation) return undefined;
    const { service, leg, endpoints } = found;
    const target = translation.after.destination;
    if (endpoints.length === 0 || sameAddress(target, leg.probe.request.destination) || endpoints.some(({ ip }) => sameAddress(ip, target)))
      return undefined;
    const { node } = translation;
    return {
      severity: 'problem',
      confidence: 'likely',
      title: `kube-proxy on ${node} sends Service ${named(service)} to ${target}, which is not an endpoint of it.`,
      place: { node },
      evidence: [
        probeWords(leg),
        `endpoints: ${endpoints.map(({ ip }) => ip).join(', ')}`,
        ...translation.by.slice(0, 1).map(({ text }) => `rule: ${text}`),
        ...healthWords(evidence, node),
      ],
      fix: restartAgent(evidence.facts, 'kube-proxy', node),
      notes: [],
    };
  },
};
