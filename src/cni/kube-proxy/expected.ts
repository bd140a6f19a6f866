import type { EndpointFacts, NodeFacts, ServiceFacts, ServicePortFacts } from '../../cluster/facts.ts';
import { familyOf } from '../../forwarding/address.ts';
import type { Family } from '../../node/snapshot.ts';
import { backendText, type Frontend, type FrontendKind } from './frontend.ts';

/** What kube-proxy has to do with packets for one frontend, by the API's objects alone. */
export interface Expected {
  frontend: Frontend;
  /** `either`: versions differ, as where only terminating endpoints are left. */
  verdict: 'forward' | 'reject' | 'drop' | 'either';
  /** Backends, `address:port`, that must get some of the connections. */
  required: string[];
  /** Backends that may get some. */
  allowed: string[];
  affinity: boolean;
}

export interface ServiceRead {
  service: ServiceFacts;
  /** Of this Service only. */
  endpoints: EndpointFacts[];
}

const FAMILIES: Family[] = [4, 6];

const addressesOf = (addresses: string[], family: Family): string[] => addresses.filter((address) => familyOf(address) === family);

/** The Services kube-proxy takes care of (pkg/proxy/util ShouldSkipService, and the label that gives one to somebody else). */
export const isProxied = ({ type, clusterIps, proxiedBy }: ServiceFacts): boolean =>
  type !== 'ExternalName' && clusterIps.length > 0 && proxiedBy === undefined;

const ZONE = 'topology.kubernetes.io/zone';

/**
 * Ready endpoints that this node has to use whatever its version makes of hints (pkg/proxy/topology.go): hints count only where every ready
 * endpoint has one and one is for this node.
 */
const hinted = (ready: EndpointFacts[], node: NodeFacts | undefined): EndpointFacts[] => {
  const zone = node?.labels[ZONE];
  const filters = [
    (endpoint: EndpointFacts) => endpoint.forNodes?.includes(node?.name ?? '') === true,
    (endpoint: EndpointFacts) => zone !== undefined && endpoint.forZones?.includes(zone) === true,
  ];
  const everyone = [ready.every(({ forNodes = [] }) => forNodes.length > 0), ready.every(({ forZones = [] }) => forZones.length > 0)];
  return filters.filter((isFor, at) => everyone[at] && ready.some(isFor)).reduce((left, isFor) => left.filter(isFor), ready);
};

/** What is left to send to where nothing is ready (pkg/proxy/topology.go CategorizeEndpoints). */
const dying = (endpoints: EndpointFacts[]): EndpointFacts[] => endpoints.filter(({ serving, terminating }) => serving && terminating);

interface Backends {
  /** Ready, for Cluster policies. */
  ready: EndpointFacts[];
  required: EndpointFacts[];
  local: EndpointFacts[];
  dying: EndpointFacts[];
}

type Fate = Pick<Expected, 'verdict'> & { required: EndpointFacts[]; allowed: EndpointFacts[] };

/** Nothing is ready anywhere: refused, or sent to what still serves on its way out. */
const withoutReady = (last: EndpointFacts[]): Fate => ({ verdict: last.length > 0 ? 'either' : 'reject', required: [], allowed: last });

const cluster = ({ ready, required, local, dying: last }: Backends): Fate =>
  ready.length === 0 ? withoutReady(last) : { verdict: 'forward', required, allowed: [...ready, ...local, ...last] };

const internal = (backends: Backends, isLocal: boolean): Fate => {
  const { ready, local, dying: last } = backends;
  if (!isLocal || (ready.length === 0 && local.length === 0)) return cluster(backends);
  const required = local.filter((endpoint) => ready.includes(endpoint));
  if (local.length > 0) return { verdict: required.length > 0 ? 'forward' : 'either', required, allowed: local };
  return { verdict: 'drop', required: [], allowed: last };
};

/** Local for the outside: the node's own pods and processes are sent to all endpoints all the same, and only they are where none is local. */
const external = (backends: Backends, isLocal: boolean): Fate => {
  const fate = cluster(backends);
  return isLocal ? { ...fate, required: backends.local.filter((endpoint) => backends.ready.includes(endpoint)) } : fate;
};

const frontendsOf = (service: ServiceFacts, { port, protocol, nodePort }: ServicePortFacts, family: Family): Frontend[] => {
  const at = (kind: FrontendKind, addresses: string[]): Frontend[] =>
    addressesOf(addresses, family).map((address) => ({ kind, family, address, port, protocol }));
  const proxied = service.externalIps.filter((ip) => !service.unproxiedIps?.includes(ip));
  return [
    ...at('cluster IP', service.clusterIps),
    ...at('external IP', proxied),
    ...(nodePort === undefined ? [] : [{ kind: 'node port' as const, family, port: nodePort, protocol }]),
  ];
};

const backendsOf = ({ service, endpoints }: ServiceRead, port: ServicePortFacts, family: Family, node: string, facts: NodeFacts | undefined) => {
  const targets = new Map<EndpointFacts, string>();
  for (const endpoint of endpoints) {
    const target = endpoint.ports.find(({ name, protocol }) => name === (port.name ?? '') && protocol === port.protocol);
    if (target && familyOf(endpoint.ip) === family) targets.set(endpoint, backendText(endpoint.ip, target.port));
  }
  const all = [...targets.keys()];
  const ready = all.filter((endpoint) => endpoint.ready);
  const own = (list: EndpointFacts[]): EndpointFacts[] => list.filter((endpoint) => endpoint.node === node);
  const local = own(ready).length > 0 ? own(ready) : own(dying(all));
  const backends: Backends = { ready, required: hinted(ready, facts), local, dying: ready.length > 0 ? [] : dying(all) };
  return { service, backends, textOf: (list: EndpointFacts[]) => [...new Set(list.flatMap((endpoint) => targets.get(endpoint) ?? []))] };
};

/** What kube-proxy has to have written for one Service on one node. Headless and ExternalName Services are none of its business. */
export const expectedOf = (read: ServiceRead, node: string, facts: NodeFacts | undefined): Expected[] => {
  const { service } = read;
  if (!isProxied(service)) return [];
  const affinity = service.sessionAffinity === 'ClientIP';
  return FAMILIES.filter((family) => addressesOf(service.clusterIps, family).length > 0).flatMap((family) =>
    service.ports.flatMap((port) => {
      const { backends, textOf } = backendsOf(read, port, family, node, facts);
      const inside = internal(backends, service.internalTrafficPolicy === 'Local');
      const outside = external(backends, service.externalTrafficPolicy === 'Local');
      return frontendsOf(service, port, family).map((frontend): Expected => {
        const { verdict, required, allowed } = frontend.kind === 'cluster IP' ? inside : outside;
        return { frontend, verdict, required: textOf(required), allowed: textOf(allowed), affinity };
      });
    }),
  );
};
