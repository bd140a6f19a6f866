import type { ClusterFacts, EndpointFacts, PodFacts, Protocol, ServiceFacts } from '../cluster/facts.ts';
import { parseAddress, sameAddress } from '../forwarding/address.ts';
import type { End } from './end.ts';
import { type Engine, partyOfPod } from './engine.ts';
import { podClasses } from './matrix/classes.ts';
import { nodeParty, outside, type Party } from './party.ts';
import type { Flow } from './verdict.ts';
import { isOver } from './world.ts';

/** A packet to judge, and for how many others it stands. */
export interface FlowCase {
  flow: Flow;
  /** Pods like the source's and like the destination's, themselves included. */
  sources: number;
  destinations: number;
}

/** One side of a flow before its addresses are chosen. */
interface Side {
  /** The party at one of its addresses; at the first when left out. */
  at: (address?: string) => Party;
  addresses: readonly string[];
  /** Names it uniquely. */
  name: string;
  count: number;
  /** Another one that no policy can tell from it, when there is one. */
  twin?: Side;
}

const podSides = (engine: Engine, pods: readonly PodFacts[]): Side[] => {
  const onHosts = pods.filter((pod) => pod.hostNetwork && !isOver(pod));
  const classes = podClasses(engine, pods).map(({ pods: members }) => members);
  const sideOf = (pod: PodFacts, count: number): Side => ({
    at: (address) => partyOfPod(engine, pod, address),
    addresses: pod.ips,
    name: `${pod.namespace}/${pod.name}`,
    count,
  });
  return [...classes, ...onHosts.map((pod) => [pod])].flatMap(([first, second, ...others]): Side[] => {
    if (!first) return [];
    const count = 1 + (second ? 1 : 0) + others.length;
    return [{ ...sideOf(first, count), ...(second ? { twin: sideOf(second, count) } : {}) }];
  });
};

/** Who holds an address: a pod, a node, or nobody of this cluster. */
const sideOfAddress = (engine: Engine, ip: string): Side => {
  const { pods, nodes } = engine.world;
  const pod = pods.find((one) => !isOver(one) && !one.hostNetwork && one.ips.some((own) => sameAddress(own, ip)));
  const node = nodes.find(({ ips }) => ips.some((own) => sameAddress(own, ip)));
  const at = (): Party => (pod ? partyOfPod(engine, pod, ip) : node ? nodeParty(node, ip) : outside(ip));
  return { at, addresses: [ip], name: ip, count: 1 };
};

const sidesOf = (engine: Engine, end: Exclude<End, { is: 'service' }>): Side[] => {
  if (end.is === 'pods') return podSides(engine, end.pods);
  if (end.is === 'node') return [{ at: (address) => nodeParty(end.node, address), addresses: end.node.ips, name: end.node.name, count: 1 }];
  return end.ips.map((ip) => sideOfAddress(engine, ip));
};

const familyOf = (address: string): 4 | 6 | undefined => parseAddress(address)?.family;

/** The addresses two ends may use with each other, one pair per family; none known at all is one pair of nothing. */
const addressPairs = (from: Side, to: Side): [source: string | undefined, destination: string | undefined][] => {
  if (from.addresses.length === 0 || to.addresses.length === 0) return [[from.addresses[0], to.addresses[0]]];
  return to.addresses.flatMap((destination): [string, string][] => {
    const source = from.addresses.find((address) => familyOf(address) === familyOf(destination));
    return source === undefined ? [] : [[source, destination]];
  });
};

interface Packet {
  protocol: Protocol;
  port?: number;
}

const casesBetween = (from: readonly Side[], to: readonly Side[], packet: Packet, through: boolean): FlowCase[] =>
  from.flatMap((source) =>
    to.flatMap((destination) => {
      const between = (far: Side, hairpin: boolean): FlowCase[] =>
        addressPairs(source, far).map(([own, its]) => ({
          flow: { from: source.at(own), to: far.at(its), ...packet, ...(hairpin ? { hairpin } : {}) },
          sources: source.count,
          destinations: far.count,
        }));
      if (source.name !== destination.name) return between(destination, false);
      // pods that cannot be told apart talk to each other; a pod reaches itself by its own address, or by way of a Service
      return [...(destination.twin ? between(destination.twin, false) : []), ...(through || !destination.twin ? between(destination, through) : [])];
    }),
  );

/** A Service's port by number → what its backends listen on, whoever they are. */
const backendsOf = (facts: ClusterFacts, service: ServiceFacts, { protocol, port }: Packet): { endpoint: EndpointFacts; port: number }[] => {
  const asked = service.ports.find((one) => one.port === port && one.protocol === protocol);
  return facts.endpoints
    .filter((one) => one.service.namespace === service.namespace && one.service.name === service.name && one.ready)
    .flatMap((endpoint) => {
      const own = endpoint.ports.find(({ name, protocol: its }) => name === (asked?.name ?? '') && its === protocol);
      return own ? [{ endpoint, port: own.port }] : [];
    });
};

/** Where nobody wrote EndpointSlices (manifests), the selector and targetPort say who would be in them. */
const backendsToBe = (pods: readonly PodFacts[], service: ServiceFacts, { protocol, port }: Packet): { pod: PodFacts; port: number }[] => {
  const target = service.ports.find((one) => one.port === port && one.protocol === protocol)?.targetPort;
  return pods.flatMap((pod) => {
    if (typeof target === 'number') return [{ pod, port: target }];
    const named = pod.containers.flatMap(({ ports }) => ports).find(({ name, protocol: own }) => name === target && own === protocol);
    return named ? [{ pod, port: named.port }] : [];
  });
};

interface Reached {
  /** Absent: an endpoint that is no pod. */
  pod: PodFacts | undefined;
  ips: string[];
  port: number;
}

/** Each pod once, with the addresses that it is an endpoint at: a Service of both families has it in a slice for each. */
const podsOf = (members: readonly Reached[]): PodFacts[] =>
  [...Map.groupBy(members, ({ pod }) => pod)].flatMap(([pod, its]): PodFacts[] => {
    if (!pod) return [];
    const at = its.flatMap(({ ips }) => ips);
    const ips = pod.ips.filter((own) => at.some((ip) => sameAddress(own, ip)));
    // manifests give none, and a pod without an address of the family that is asked for is none of those asked
    return ips.length > 0 || pod.ips.length === 0 ? [{ ...pod, ips }] : [];
  });

/** Flows to a Service are judged as its backends see them: at their address and port. */
const serviceCases = (
  engine: Engine,
  facts: ClusterFacts,
  from: readonly Side[],
  to: Extract<End, { is: 'service' }>,
  packet: Packet,
): FlowCase[] => {
  const backends = backendsOf(facts, to.service, packet);
  const podOf = (ip: string): PodFacts | undefined => engine.world.pods.find((pod) => !isOver(pod) && pod.ips.some((own) => sameAddress(own, ip)));
  const isAsked = (ip: string): boolean => to.address === undefined || familyOf(ip) === familyOf(to.address);
  const reached: Reached[] = (
    backends.length > 0
      ? backends.map(({ endpoint: { ip }, port }) => ({ pod: podOf(ip), ips: [ip], port }))
      : backendsToBe(to.pods, to.service, packet).map(({ pod, port }) => ({ pod, ips: pod.ips, port }))
  ).map((one) => ({ ...one, ips: one.ips.filter(isAsked) }));
  return [...Map.groupBy(reached, ({ port }) => port)].flatMap(([port, members]) => {
    const others = members.flatMap(({ pod, ips }) => (pod ? [] : ips.map((ip) => sideOfAddress(engine, ip))));
    return casesBetween(from, [...podSides(engine, podsOf(members)), ...others], { ...packet, port }, true);
  });
};

/**
 * Every packet that the question is about, one for all that no policy can tell apart.
 * @param packet what is sent; to a Service, at its own port
 */
export const flowsOf = (engine: Engine, facts: ClusterFacts, from: Exclude<End, { is: 'service' }>, to: End, packet: Packet): FlowCase[] => {
  const sources = sidesOf(engine, from);
  return to.is === 'service' ? serviceCases(engine, facts, sources, to, packet) : casesBetween(sources, sidesOf(engine, to), packet, false);
};
