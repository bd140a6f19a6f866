import type { EndpointFacts, PodFacts, ServiceFacts, ServicePortFacts } from '../../cluster/facts.ts';
import { sameAddress } from '../../forwarding/address.ts';
import type { Cause } from '../cause.ts';
import { probeWords } from '../draft.ts';
import { type Evidence, failingLegs, type Leg, podNamed } from '../evidence.ts';
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
  implies: ['ND4005', 'ND4006', 'ND4009'],
  recognise: (evidence) => {
    const found = asked(evidence);
    if (!found) return undefined;
    const { service, leg, endpoints } = found;
    if (endpoints.some(({ ready }) => ready)) return undefined;
    const pods = selected(evidence, service);
    const selects = selectorText(service);
    const why = reasonOf(pods, selects, endpoints.length);
    return {
      severity: 'problem',
      confidence: 'certain',
      title: `Service ${named(service)} has no ready endpoint: ${why}.`,
      evidence: [
        probeWords(leg),
        endpoints.length === 0 ? 'no endpoint in its EndpointSlices' : `${endpoints.length} in its EndpointSlices, none ready`,
        ...pods.slice(0, 5).map(podState),
      ],
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

const reasonOf = (pods: PodFacts[], selects: string, written: number): string => {
  if (selects === '' && written > 0) return 'it has no selector, and no endpoint that was written for it is ready';
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
  implies: ['ND4001', 'ND4005', 'ND4009'],
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
