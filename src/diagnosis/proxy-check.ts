import type { EndpointFacts, NodeFacts, ServiceFacts, ServicePortFacts } from '../cluster/facts.ts';
import { identifyCni } from '../cni/identity.ts';
import { checkProxy, type ProxyCheck } from '../cni/kube-proxy/check.ts';
import type { ProxyFault } from '../cni/kube-proxy/compare.ts';
import type { Expected } from '../cni/kube-proxy/expected.ts';
import { type Frontend, keyOf } from '../cni/kube-proxy/frontend.ts';
import { kubeProxyMode } from '../cni/kube-proxy/mode.ts';
import { familyOf, sameAddress } from '../forwarding/address.ts';
import type { NodeSnapshot } from '../node/snapshot.ts';
import { type Evidence, type Leg, legOf, mainProbe, nodeOf, snapshotOf } from './evidence.ts';
import { agentPod } from './remedy.ts';

/** The Service a question goes to, and the node whose rules send it on. */
export interface AskedService {
  service: ServiceFacts;
  port: ServicePortFacts;
  /** Of this Service. */
  endpoints: EndpointFacts[];
  leg: Leg;
  frontend: Omit<Frontend, 'kind'>;
  snapshot: NodeSnapshot;
}

/** What was held against what, for one question. */
export interface AskedProxy {
  asked: AskedService;
  check: ProxyCheck;
  /** What kube-proxy has to do with packets for the frontend that was asked; absent where nobody checks. */
  expected?: Expected;
  /** Of the frontend that was asked. */
  faults: ProxyFault[];
  /** Other Services that are wrong on the same node: `demo/echo`. */
  alsoWrong: string[];
  /** Other nodes that were read and have it right. */
  rightOn: string[];
}

const nodeAt = ({ facts }: Evidence, destination: string): NodeFacts | undefined =>
  facts.nodes.find(({ ips }) => ips.some((ip) => sameAddress(ip, destination)));

interface Found {
  service: ServiceFacts;
  port: ServicePortFacts;
}

const serviceWith = ({ facts }: Evidence, has: (service: ServiceFacts) => boolean, is: (port: ServicePortFacts) => boolean): Found | undefined => {
  for (const service of facts.services.filter(has)) {
    const port = service.ports.find(is);
    if (port) return { service, port };
  }
  return undefined;
};

/** A Service by one of its own addresses is translated where the packet starts, by a node port where it arrives. */
export const askedService = (evidence: Evidence): AskedService | undefined => {
  const main = mainProbe(evidence);
  const { destination, port: number, protocol } = main?.request ?? {};
  if (!main || destination === undefined || number === undefined || protocol === undefined) return undefined;
  const holds = ({ clusterIps, externalIps }: ServiceFacts): boolean => [...clusterIps, ...externalIps].some((ip) => sameAddress(ip, destination));
  const own = serviceWith(evidence, holds, (port) => port.port === number && port.protocol === protocol);
  const node = own ? undefined : nodeAt(evidence, destination);
  const found =
    own ??
    (node &&
      serviceWith(
        evidence,
        () => true,
        (port) => port.nodePort === number && port.protocol === protocol,
      ));
  const snapshot = snapshotOf(evidence, node?.name ?? nodeOf(evidence.from));
  if (!found || !snapshot) return undefined;
  const { namespace, name } = found.service;
  const endpoints = evidence.facts.endpoints.filter(({ service }) => service.namespace === namespace && service.name === name);
  const frontend = { family: familyOf(destination), port: number, protocol, ...(own ? { address: destination } : {}) };
  return { ...found, endpoints, leg: legOf(evidence, main), frontend, snapshot };
};

/** A kube-proxy that runs on another node, or should run on this one, can be missed here. */
const isExpected = ({ snapshots, facts }: Evidence, node: string): boolean =>
  snapshots.some((snapshot) => kubeProxyMode(snapshot) !== 'none') || agentPod(facts, 'kube-proxy', node) !== undefined;

const isFrontend = (asked: AskedService['frontend'], { frontend }: Pick<ProxyFault, 'frontend'>): boolean =>
  frontend.family === asked.family && keyOf(frontend) === keyOf(asked);

const named = ({ namespace, name }: ServiceFacts): string => `${namespace}/${name}`;

const judged = new WeakMap<Evidence, AskedProxy | undefined>();

const judge = (evidence: Evidence): AskedProxy | undefined => {
  const asked = askedService(evidence);
  if (!asked) return undefined;
  const { service, snapshot, frontend } = asked;
  const checkOf = (one: NodeSnapshot): ProxyCheck => proxyOn(evidence, one);
  const faultsOn = (check: ProxyCheck): ProxyFault[] =>
    check.skipped === undefined ? check.faultsOf(service).filter((fault) => isFrontend(frontend, fault)) : [];
  const check = checkOf(snapshot);
  const faults = faultsOn(check);
  const expected = check.skipped === undefined ? check.expectedOf(service).find((one) => isFrontend(frontend, one)) : undefined;
  const judgedHere = { asked, check, ...(expected ? { expected } : {}), faults };
  // whoever looks for one Service need not hear of the others while his own is right
  if (check.skipped !== undefined || faults.length === 0) return { ...judgedHere, alsoWrong: [], rightOn: [] };
  const others = evidence.snapshots.filter((one) => one !== snapshot).map((one) => ({ node: one.node, check: checkOf(one) }));
  return {
    ...judgedHere,
    alsoWrong: evidence.facts.services.filter((one) => one !== service && check.faultsOf(one).length > 0).map(named),
    rightOn: others.filter((one) => one.check.skipped === undefined && faultsOn(one.check).length === 0).map(({ node }) => node),
  };
};

/** How the node of the question looks at kube-proxy's rules of its own, whatever is asked. */
export const proxyOn = (evidence: Evidence, snapshot: NodeSnapshot): ProxyCheck =>
  checkProxy(snapshot, evidence.facts, isExpected(evidence, snapshot.node));

/** The rules of the node that has to translate the question, held against the API; asked by several causes, judged once. */
export const askedProxy = (evidence: Evidence): AskedProxy | undefined => {
  if (!judged.has(evidence)) judged.set(evidence, judge(evidence));
  return judged.get(evidence);
};

/** `Service demo/web on node1: Cilium serves Services in place of kube-proxy`, for what a report says was not checked. */
export const proxyNotChecked = (evidence: Evidence): string[] => {
  const proxy = askedProxy(evidence);
  if (proxy?.check.skipped === undefined) return [];
  const { service, snapshot } = proxy.asked;
  return [`whether ${snapshot.node} sends Service ${named(service)} to its endpoints: ${proxy.check.skipped}`];
};

/** Plugins that serve Services to pods by means of their own; kube-proxy's rules are for the node's processes there. */
const SERVE_PODS = new Set(['cilium', 'kube-ovn', 'ovn-kubernetes', 'antrea']);

/** The plugin that serves Services to the pod that asks. */
export const servedBy = ({ facts, from }: Evidence, snapshot: NodeSnapshot): string | undefined => {
  const { name } = identifyCni(snapshot, facts);
  return SERVE_PODS.has(name) && from.pod && !from.pod.hostNetwork ? name : undefined;
};
