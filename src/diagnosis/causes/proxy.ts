import type { EndpointFacts } from '../../cluster/facts.ts';
import { isBreaking, type ProxyFault, type ProxyFaultKind } from '../../cni/kube-proxy/compare.ts';
import { frontendText } from '../../cni/kube-proxy/frontend.ts';
import { familyOf, hostPort, sameAddress } from '../../forwarding/address.ts';
import { hostNetns } from '../../forwarding/world.ts';
import { answered } from '../../probe/probe.ts';
import type { Cause, Draft } from '../cause.ts';
import { probeWords } from '../draft.ts';
import { type Evidence, outcomes } from '../evidence.ts';
import { agentHealth } from '../health.ts';
import { type AskedProxy, askedProxy, servedBy } from '../proxy-check.ts';
import { restartAgent } from '../remedy.ts';

const named = ({ asked: { service } }: AskedProxy): string => `${service.namespace}/${service.name}`;

const at = ({ asked: { frontend } }: AskedProxy): string => frontendText({ kind: 'node port', ...frontend });

const title: Record<ProxyFaultKind, (proxy: AskedProxy, fault: ProxyFault) => string> = {
  absent: (proxy) => `kube-proxy on ${nodeOf(proxy)} has not programmed Service ${named(proxy)} (${at(proxy)}).`,
  closed: (proxy, { backends }) =>
    `kube-proxy on ${nodeOf(proxy)} refuses Service ${named(proxy)} (${at(proxy)}), as if it had no endpoint: it has ${backends.length}.`,
  unhooked: (proxy) => `${nodeOf(proxy)} has kube-proxy's rules for Service ${named(proxy)} (${at(proxy)}), and nothing leads packets to them.`,
  unmasked: (proxy) => `kube-proxy's rules on ${nodeOf(proxy)} do not masquerade for Service ${named(proxy)} (${at(proxy)}): replies miss the node.`,
  hollow: (proxy, { found }) =>
    `kube-proxy's rules on ${nodeOf(proxy)} for Service ${named(proxy)} (${at(proxy)}) are incomplete: ${(found?.targets.length ?? 0) === 0 ? 'they lead' : 'some connections are led'} to no endpoint.`,
  stale: (proxy, { backends }) =>
    `kube-proxy on ${nodeOf(proxy)} sends Service ${named(proxy)} to ${backends.join(', ')}, which ${backends.length === 1 ? 'is no endpoint' : 'are no endpoints'} of it.`,
  missing: (proxy, { backends }) =>
    `kube-proxy on ${nodeOf(proxy)} sends nothing to ${some(backends)}, ${backends.length === 1 ? 'an endpoint' : 'endpoints'} of Service ${named(proxy)}.`,
  affinity: (proxy) => `Service ${named(proxy)} asks for ClientIP affinity, and kube-proxy's rules on ${nodeOf(proxy)} have none.`,
};

const nodeOf = ({ asked: { snapshot } }: AskedProxy): string => snapshot.node;

const MOST = 6;

const some = (words: string[]): string =>
  words.length > MOST ? `${words.slice(0, MOST).join(', ')} and ${words.length - MOST} more` : words.join(', ');

/** `10.244.1.3:8080 (demo/web-1 on node1)` */
const endpointWords = ({ ip, ports, pod, node, ready, terminating }: EndpointFacts, name: string): string[] => {
  const target = ports.find((one) => one.name === name);
  const where = [pod ? `${pod.namespace}/${pod.name}` : '', node ? `on ${node}` : '', ready ? '' : terminating ? 'terminating' : 'not ready'];
  const said = where.filter(Boolean).join(' ');
  return target ? [`${hostPort(ip, target.port)}${said === '' ? '' : ` (${said})`}`] : [];
};

const ownFamily = ({ asked: { endpoints, frontend } }: AskedProxy): EndpointFacts[] => endpoints.filter(({ ip }) => familyOf(ip) === frontend.family);

const sliceWords = (proxy: AskedProxy): string => {
  const words = ownFamily(proxy).flatMap((endpoint) => endpointWords(endpoint, proxy.asked.port.name ?? ''));
  const changed = latestChange(ownFamily(proxy));
  return `EndpointSlices: ${some(words) || 'no endpoint'}${changed === undefined ? '' : `; last changed ${changed}`}`;
};

const latestChange = (endpoints: EndpointFacts[]): string | undefined =>
  endpoints
    .flatMap(({ changed }) => changed ?? [])
    .sort()
    .at(-1);

const ruleWords = ({ found, detail }: ProxyFault): string[] => [
  ...(found ? [`on the node: ${found.text}`] : []),
  ...(found && found.targets.length > 0 ? [`it leads to ${some(found.targets)}`] : []),
  ...detail,
];

/** Since when: what kube-proxy itself says of its last write, beside the change it should have written. */
const wroteWords = (proxy: AskedProxy): { words: string[]; late?: boolean } => {
  const { snapshot, frontend } = proxy.asked;
  const wrote = snapshot.proxyWrote?.[frontend.family];
  if (wrote === undefined) return { words: [] };
  const changed = latestChange(ownFamily(proxy));
  const words = [`kube-proxy on ${snapshot.node} last wrote its IPv${frontend.family} rules ${wrote}`];
  return changed === undefined ? { words } : { words, late: Date.parse(wrote) < Date.parse(changed) };
};

/** Requests of this question as they were captured. */
const requestsOf = (evidence: Evidence, { asked: { leg } }: AskedProxy) =>
  evidence.taps.flatMap(({ sightings }) => sightings).filter(({ what, probe }) => what === 'request' && probe === leg.probe.request.id);

/** What becomes of packets for a Service that nobody translates: new nftables rules refuse them, an older node sends them to its gateway. */
const FOLLOWS = ['ND3003', 'ND3004', 'ND3008'];

/** The packet itself shows it: it left the node for the address the fault leads it to. */
const isSeen = (evidence: Evidence, proxy: AskedProxy, fault: ProxyFault): boolean => {
  const { snapshot, leg } = proxy.asked;
  const host = hostNetns(snapshot)?.inode;
  const requests = requestsOf(evidence, proxy);
  if (fault.kind === 'stale')
    return requests.some(({ packet }) => fault.backends.some((backend) => backend === hostPort(packet.destination, packet.destinationPort)));
  if (fault.kind === 'closed') return outcomes(leg.probe).includes('refused');
  const asItWas = ({ destination }: { destination: string }): boolean => sameAddress(destination, leg.probe.request.destination);
  const dropped = evidence.drops.flatMap(({ drops }) => drops).filter(({ probe }) => probe === leg.probe.request.id);
  if (dropped.some(({ node, packet }) => node === snapshot.node && asItWas(packet))) return true;
  return requests.some(({ node, netns, direction, packet }) => node === snapshot.node && netns === host && direction === 'out' && asItWas(packet));
};

/** Seconds in which kube-proxy may still be writing what has just changed. */
const SETTLING = 15;

const isSettling = (proxy: AskedProxy): boolean => {
  const changed = latestChange(ownFamily(proxy));
  return changed !== undefined && Math.abs(proxy.asked.snapshot.clock - Date.parse(changed) / 1000) < SETTLING;
};

/** The chapter of what the node has, what it should have, and since when. */
const evidenceWords = (evidence: Evidence, proxy: AskedProxy, fault: ProxyFault): string[] => {
  const { snapshot, leg } = proxy.asked;
  const missing = fault.kind === 'missing' ? [] : proxy.faults.flatMap(({ kind, backends }) => (kind === 'missing' ? backends : []));
  return [
    probeWords(leg),
    ...(fault.kind === 'absent' ? [`${snapshot.node} has no rule for ${at(proxy)}`] : ruleWords(fault)),
    ...(missing.length > 0 ? [`no connection is sent to ${some(missing)}`] : []),
    sliceWords(proxy),
    ...(proxy.rightOn.length > 0 ? [`${some(proxy.rightOn)} ${proxy.rightOn.length === 1 ? 'has' : 'have'} it right`] : []),
    ...agentHealth(evidence, snapshot, 'kube-proxy').words,
    ...wroteWords(proxy).words,
  ];
};

const draftOf = (evidence: Evidence, proxy: AskedProxy, fault: ProxyFault): Draft | undefined => {
  const { snapshot, leg } = proxy.asked;
  const isLosing = answered(leg.probe) < leg.probe.attempts.length;
  if (!isLosing && isSettling(proxy)) return undefined;
  const other = servedBy(evidence, snapshot);
  const explains = isLosing && isBreaking(fault) && other === undefined;
  return {
    severity: explains ? 'problem' : 'warning',
    confidence: !explains ? 'possible' : isSeen(evidence, proxy, fault) ? 'certain' : 'likely',
    title: title[fault.kind](proxy, fault),
    place: { node: snapshot.node },
    evidence: evidenceWords(evidence, proxy, fault),
    fix: restartAgent(evidence.facts, 'kube-proxy', snapshot.node),
    notes: [
      ...(wroteWords(proxy).late === false ? ['kube-proxy wrote its rules after that change: something else has changed them since.'] : []),
      ...(other === undefined ? [] : [`${other} serves Services to pods by itself: these rules are for processes of the node.`]),
      ...(proxy.alsoWrong.length > 0 ? [`Also wrong on ${snapshot.node}: ${some(proxy.alsoWrong)}.`] : []),
    ],
  };
};

const proxyCause = (code: string, summary: string, kinds: ProxyFaultKind[], more: Partial<Cause> = {}): Cause => ({
  code,
  summary,
  ...more,
  recognise: (evidence) => {
    const proxy = askedProxy(evidence);
    // of rules that are old and so lack what is new, the one story is told that they are old
    const faults = proxy?.faults.filter(({ kind }, _, all) => kind !== 'missing' || !all.some((one) => one.kind === 'stale')) ?? [];
    const [fault] = kinds.flatMap((kind) => faults.find((one) => one.kind === kind) ?? []);
    return proxy && fault && draftOf(evidence, proxy, fault);
  },
});

export const proxyNotProgramming = proxyCause(
  'ND4005',
  'kube-proxy has not programmed the Service on the node that translates its packets.',
  ['absent', 'closed', 'unhooked'],
  { implies: FOLLOWS },
);

export const staleEndpoint = proxyCause('ND4006', 'kube-proxy still sends a Service to an address that is no endpoint of it any more.', ['stale'], {
  // what becomes of packets to an address that is nobody's any more, or somebody else's
  implies: ['ND1007', 'ND2101', 'ND2112', 'ND4001', 'ND4008', 'ND4009'],
});

export const rulesIncomplete = proxyCause(
  'ND4009',
  "kube-proxy's rules for a Service are half-written: endpoints or chains are missing.",
  ['hollow', 'unmasked', 'missing', 'affinity'],
  { implies: FOLLOWS },
);
