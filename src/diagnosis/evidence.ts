import type { Endpoint } from '../cluster/endpoint.ts';
import type { ClusterFacts, PodFacts } from '../cluster/facts.ts';
import { sameAddress } from '../forwarding/address.ts';
import type { Walk } from '../forwarding/hop.ts';
import { hostNetns } from '../forwarding/world.ts';
import type { Netns, NodeSnapshot } from '../node/snapshot.ts';
import type { DropResult, TapResult } from '../probe/observation.ts';
import { answered, fails, type Outcome, type ProbePurpose, type ProbeResult, passes } from '../probe/probe.ts';
import type { RuleTrace } from '../probe/rules/rule-trace.ts';
import type { Attachment } from '../topology/attachment.ts';

/** The predicted ways of one probe. */
export interface WalkPair {
  there?: Walk;
  back?: Walk;
}

/** All that diagnosis judges: what was asked, what the nodes said, what should happen and what did. */
export interface Evidence {
  from: Endpoint;
  to: Endpoint;
  facts: ClusterFacts;
  /** Read after the probes when `before` is given too. */
  snapshots: NodeSnapshot[];
  /** The same nodes before the probes, for counter differences. */
  before?: NodeSnapshot[];
  probes: ProbeResult[];
  /** By `ProbeRequest.id`. */
  walks: Record<string, WalkPair>;
  taps: TapResult[];
  /** What the kernels said they dropped; empty where they were not asked, as nothing was lost. */
  drops: DropResult[];
  /** Rules in which traced probes ended; empty unless that was asked for. */
  ruleTraces: RuleTrace[];
  attachments: Attachment[];
}

/** Of a probe's packets: its requests, and what answers them. */
export const DIRECTIONS = ['there', 'back'] as const;

/** A probe with its predicted ways. */
export interface Leg extends WalkPair {
  probe: ProbeResult;
}

export const mainProbe = ({ probes }: Evidence): ProbeResult | undefined => probes.find(({ request }) => request.purpose === 'main');

export const legOf = (evidence: Evidence, probe: ProbeResult): Leg => ({ ...evidence.walks[probe.request.id], probe });

const isFailing = (probe: ProbeResult): boolean => probe.attempts.length > 0 && answered(probe) < probe.attempts.length;

/**
 * The questions whose failure is to be explained, the user's own first. Checks beside it only frame the fault; but where a Service answers
 * for several endpoints, the one that fails is the fault.
 */
export const failingLegs = (evidence: Evidence): Leg[] => {
  const main = mainProbe(evidence);
  if (!main || !isFailing(main)) return [];
  const parts = evidence.probes.filter(({ request }) => request.purpose === 'pod-to-endpoint').filter(isFailing);
  return [main, ...parts].map((probe) => legOf(evidence, probe));
};

/** What a check said: true passes, false fails entirely, undefined mixed or not made. */
export const check = ({ probes }: Evidence, purpose: ProbePurpose): boolean | undefined => {
  const made = probes.filter(({ request, attempts }) => request.purpose === purpose && attempts.length > 0);
  if (made.length === 0) return undefined;
  if (made.every(passes)) return true;
  return made.every(fails) ? false : undefined;
};

/** `node-to-node: 5 of 5 answered`, for evidence lines. */
export const checkWords = ({ probes }: Evidence, ...purposes: ProbePurpose[]): string[] =>
  probes
    .filter(({ request, attempts }) => purposes.includes(request.purpose) && attempts.length > 0)
    .map((probe) => `${probe.request.fromLabel} → ${probe.request.toLabel}: ${score(probe)}`);

/** `0 of 5 answered (timeout)` */
export const score = (probe: ProbeResult): string => {
  const ways = [...new Set(probe.attempts.map(({ outcome }) => outcome).filter((outcome) => outcome !== 'answered'))];
  const how = ways.length > 0 ? ` (${ways.join(', ')})` : '';
  return probe.predicted ? `the model says ${answered(probe)} % answered${how}` : `${answered(probe)} of ${probe.attempts.length} answered${how}`;
};

export const outcomes = (probe: ProbeResult): Outcome[] => [...new Set(probe.attempts.map(({ outcome }) => outcome))];

export const snapshotOf = ({ snapshots }: Evidence, node: string | undefined): NodeSnapshot | undefined =>
  snapshots.find((snapshot) => snapshot.node === node);

/** The netns a pod's processes live in. */
export const netnsOfPod = (evidence: Evidence, pod: PodFacts): { snapshot: NodeSnapshot; netns: Netns } | undefined => {
  const snapshot = snapshotOf(evidence, pod.node);
  const netns = snapshot && (pod.hostNetwork ? hostNetns(snapshot) : snapshot.namespaces.find(({ podUid }) => podUid === pod.uid));
  return snapshot && netns ? { snapshot, netns } : undefined;
};

/** The pods at the two ends, with the backends of a Service. */
export const endPods = ({ from, to }: Evidence): PodFacts[] => [
  ...new Set([...(from.pod ? [from.pod] : []), ...(to.pod ? [to.pod] : []), ...(to.kind === 'service' ? to.backends : [])]),
];

/** The pods one leg runs between: where it starts, what it asked for, and what a translation made of that. */
export const podsOf = (evidence: Evidence, { probe, there }: Leg): PodFacts[] => {
  const addresses = [probe.request.destination, ...(there?.translations.map(({ after }) => after.destination) ?? [])];
  const targets = evidence.facts.pods.filter(
    ({ ips, hostNetwork }) => !hostNetwork && ips.some((ip) => addresses.some((address) => sameAddress(ip, address))),
  );
  const starts = evidence.from.pod && !evidence.from.pod.hostNetwork ? [evidence.from.pod] : [];
  return [...new Set([...starts, ...targets])];
};

/** The node an endpoint lives on. */
export const nodeOf = ({ pod, node }: Endpoint): string | undefined => pod?.node ?? node?.name;

export const podNamed = (pod: PodFacts): string => `${pod.namespace}/${pod.name}`;
