import type { Endpoint } from '../cluster/endpoint.ts';
import type { ClusterFacts, PodFacts } from '../cluster/facts.ts';
import { identifyCni } from '../cni/identity.ts';
import { inPrefix, sameAddress } from '../forwarding/address.ts';
import type { Hop, Stop, StopReason, Walk } from '../forwarding/hop.ts';
import { hostNetns } from '../forwarding/world.ts';
import type { Netns, NodeSnapshot } from '../node/snapshot.ts';
import type { DropResult, TapResult } from '../probe/observation.ts';
import { answered, fails, type Outcome, type ProbePurpose, type ProbeResult, passes } from '../probe/probe.ts';
import type { Attachment } from '../topology/attachment.ts';
import { contradicted } from './sightings.ts';

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
  attachments: Attachment[];
}

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
  return `${answered(probe)} of ${probe.attempts.length} answered${ways.length > 0 ? ` (${ways.join(', ')})` : ''}`;
};

export const outcomes = (probe: ProbeResult): Outcome[] => [...new Set(probe.attempts.map(({ outcome }) => outcome))];

export interface PredictedStop {
  leg: Leg;
  walk: Walk;
  direction: 'there' | 'back';
  hop: Hop;
  /** Position in its walk. */
  index: number;
  stop: Stop;
}

/** Ways to fail that somebody answered: a silent loss cannot look like them. */
const spoken = new Set<Outcome>(['refused', 'reset']);

/** Stops that tell the sender. */
const tells = new Set<StopReason>(['reject', 'no-route', 'unreachable', 'prohibit', 'blackhole', 'not-translated']);

const stopOf = (evidence: Evidence, leg: Leg): PredictedStop | undefined => {
  for (const direction of ['there', 'back'] as const) {
    const walk = leg[direction];
    const index = walk?.hops.findIndex((hop) => hop.stop !== undefined) ?? -1;
    const hop = walk?.hops[index];
    if (walk && hop?.stop) return { leg, walk, direction, hop, index, stop: hop.stop };
    const astray = walk && strayed(evidence, walk);
    if (walk && astray) return { leg, walk, direction, index: walk.hops.length - 1, ...astray };
  }
  return undefined;
};

/** Some node has a route of its own to the pods of another: then that is how it works here, and not by the network between the nodes. */
const nodesRoutePods = ({ nodes }: ClusterFacts, snapshots: NodeSnapshot[]): boolean =>
  snapshots.some((snapshot) => {
    const foreign = nodes.filter(({ name }) => name !== snapshot.node).flatMap(({ podCidrs }) => podCidrs);
    return (
      hostNetns(snapshot)?.routes.some(
        ({ destination, gateway, type }) => type === 'unicast' && gateway !== undefined && foreign.includes(destination),
      ) ?? false
    );
  });

/**
 * A packet to a pod that leaves by the default route: certainly wrong on the pod's own node, and anywhere the nodes route pods themselves.
 * Elsewhere the network between them may well know the pods (cloud routes, BGP).
 */
const strayed = ({ facts, snapshots }: Evidence, { outcome, hops }: Walk): Pick<PredictedStop, 'hop' | 'stop'> | undefined => {
  const hop = hops.at(-1);
  const snapshot = snapshots.find(({ node }) => node === hop?.node);
  if (outcome !== 'left' || !hop || !snapshot || hop.tunnel) return undefined;
  const { destination } = hop.packet;
  const owner = facts.nodes.find(({ podCidrs }) => podCidrs.some((cidr) => inPrefix(cidr, destination)));
  if (!owner || !(owner.name === hop.node || nodesRoutePods(facts, snapshots) || identifyCni(snapshot, facts).name === 'flannel')) return undefined;
  const message = `${destination} is the address of a pod on ${owner.name}, but the packet leaves ${hop.node} by ${hop.interface} for somewhere else`;
  return { hop, stop: { reason: 'no-route', message, facts: { destination, owner: owner.name } } };
};

/** Where the model says the failing probe must end, unless the packet itself says otherwise. */
export const predictedStop = (evidence: Evidence, ...reasons: StopReason[]): PredictedStop | undefined => {
  for (const leg of failingLegs(evidence)) {
    const end = stopOf(evidence, leg);
    if (!end || !reasons.includes(end.stop.reason) || answered(leg.probe) > 0) continue;
    if (!tells.has(end.stop.reason) && outcomes(leg.probe).every((outcome) => spoken.has(outcome))) continue;
    if (!contradicted(evidence, end)) return end;
  }
  return undefined;
};

/** Predicted stops that the packets did not obey: the model is wrong there, and says so. */
export const disagreements = (evidence: Evidence): string[] =>
  evidence.probes.flatMap((probe) => {
    const end = stopOf(evidence, legOf(evidence, probe));
    if (!end || (answered(probe) === 0 && !contradicted(evidence, end))) return [];
    // One endpoint of several was followed; the attempts went to others as well.
    if (end.walk.choices.length > 0 && answered(probe) < probe.attempts.length) return [];
    const { hop, stop } = end;
    return [
      `${probe.request.fromLabel} → ${probe.request.toLabel}: ${score(probe)}, though ${hop.node} ${hop.interface} should stop it (${stop.message})`,
    ];
  });

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
