import type { Endpoint } from '../cluster/endpoint.ts';
import type { ClusterFacts, PodFacts } from '../cluster/facts.ts';
import { dataPlane } from '../cni/identity.ts';
import { answersTo } from '../diagnosis/answers.ts';
import { blindSpots } from '../diagnosis/blind-spots.ts';
import { byHandCommands } from '../diagnosis/by-hand.ts';
import { diagnose, verdictOf } from '../diagnosis/diagnose.ts';
import type { Evidence, WalkPair } from '../diagnosis/evidence.ts';
import { proxyNotChecked } from '../diagnosis/proxy-check.ts';
import { asymmetryOf } from '../forwarding/asymmetry.ts';
import type { Packet } from '../forwarding/hop.ts';
import { walk, walkBack } from '../forwarding/walk.ts';
import { hostNetns, type World } from '../forwarding/world.ts';
import type { NodeSnapshot } from '../node/snapshot.ts';
import type { DropResult, TapResult } from '../probe/observation.ts';
import type { ProbeRequest, ProbeResult } from '../probe/probe.ts';
import type { RuleTrace } from '../probe/rules/rule-trace.ts';
import { tapSummary } from '../probe/tap/tap-summary.ts';
import type { EndpointSummary, HopReport, PathReport } from '../report/report.ts';
import { attachmentsOf } from '../topology/attachments.ts';
import { clockOffsets } from './clocks.ts';
import { entryPid, type Question } from './plan.ts';
import { describeProblems } from './problems.ts';
import { endpointsSeen, withSeen } from './seen.ts';
import { withUnpredicted } from './unpredicted.ts';
import { withDrops } from './with-drops.ts';

/** Everything one `path` run learned. */
export interface PathEvidence {
  question: Question;
  facts: ClusterFacts;
  snapshots: NodeSnapshot[];
  /** The same nodes before the probes, when they were read again after a loss. */
  before?: NodeSnapshot[];
  probes: ProbeResult[];
  taps: TapResult[];
  /** Asked for after a loss only. */
  drops: DropResult[];
  ruleTraces: RuleTrace[];
  /** What could not be done, in words. */
  notChecked: string[];
}

/** The inode a probe is sent from. */
export const netnsOf = (request: ProbeRequest, snapshot: NodeSnapshot | undefined): string | undefined => {
  if (!snapshot) return undefined;
  const { from } = request;
  if (from.netns === 'host') return hostNetns(snapshot)?.inode;
  return snapshot.namespaces.find(({ podUid }) => podUid !== undefined && entryPid(snapshot, podUid) === from.pid)?.inode;
};

/** Where a Service picks at random, the walk follows an endpoint that the captures saw the probe go to, else any. */
const chosenEndpoint = (probe: ProbeResult, taps: TapResult[]): string | undefined => {
  const seen = taps
    .flatMap((tap) => tap.sightings)
    .filter(
      (sighting) => sighting.probe === probe.request.id && sighting.what === 'request' && sighting.packet.destination !== probe.request.destination,
    );
  // a failing attempt tells more than one that was answered
  const failing = seen.find((sighting) => probe.attempts[sighting.attempt ?? -1]?.outcome !== 'answered');
  return (failing ?? seen[0])?.packet.destination;
};

const walksOf = (probe: ProbeResult, world: World, taps: TapResult[], source: string | undefined): WalkPair => {
  const { request } = probe;
  const netns = netnsOf(
    request,
    world.snapshots.find((snapshot) => snapshot.node === request.node),
  );
  if (netns === undefined) return {};
  const packet: Packet = {
    source: source ?? '',
    destination: request.destination,
    protocol: request.protocol,
    ...(probe.attempts[0]?.sourcePort === undefined ? {} : { sourcePort: probe.attempts[0].sourcePort }),
    ...(request.port === undefined ? {} : { destinationPort: request.port }),
  };
  const endpoint = chosenEndpoint(probe, taps);
  const there = walk(packet, { node: request.node, netns }, world, endpoint === undefined ? {} : { endpoint });
  const back = walkBack(there, world);
  return { there, ...(back ? { back } : {}) };
};

const podsOf = (...endpoints: Endpoint[]): PodFacts[] => endpoints.flatMap(({ pod, backends }) => (pod ? [pod] : backends));

const summaryOf = (endpoint: Endpoint, address: string, target?: Question): EndpointSummary => ({
  label: endpoint.label,
  kind: endpoint.kind,
  ...(endpoint.pod?.node || endpoint.node ? { node: endpoint.pod?.node ?? endpoint.node?.name ?? '' } : {}),
  address,
  ...(target?.port === undefined ? {} : { port: target.port }),
  ...(target ? { protocol: target.protocol } : {}),
  ...(endpoint.chosen === undefined ? {} : { chosen: endpoint.chosen }),
});

/** From inside a pod alone the node's data plane cannot be told; that is not the same as having none. */
const dataPlaneOf = (snapshots: NodeSnapshot[], facts: ClusterFacts): PathReport['dataPlane'] =>
  snapshots.some(hostNetns) ? dataPlane(snapshots, facts) : { cni: 'unknown', kubeProxy: 'unknown' };

/** Where the kernel could not say what it dropped, or not all of it. */
const untraced = (drops: DropResult[]): string[] =>
  drops.flatMap(({ node, notTraced, lostEvents }) => [
    ...(notTraced === undefined ? [] : [`why the kernel of ${node} drops packets: ${notTraced}`]),
    ...(lostEvents > 0 ? [`${lostEvents} events of the kernel of ${node} were lost: a drop may have gone unseen`] : []),
  ]);

const rulesUntraced = (traces: RuleTrace[]): string[] =>
  traces.flatMap(({ node, failed }) => (failed === undefined ? [] : [`which rules probes meet on ${node}: ${failed}`]));

/** Attempts at a Service that went to another endpoint than the one whose way is shown, or to none where its rules have holes. */
const sentElsewhere = (main: ProbeResult, taps: TapResult[], { there }: WalkPair): Set<number> => {
  const followed = there?.hops.at(-1)?.packet.destination;
  const endpoints = endpointsSeen(taps, main);
  const spread = endpoints.size > 0 && (there?.choices.length ?? 0) > 0;
  const untranslated = spread ? main.attempts.map((_, attempt) => attempt).filter((attempt) => !endpoints.has(attempt)) : [];
  return new Set([...untranslated, ...[...endpoints].flatMap(([attempt, endpoint]) => (endpoint === followed ? [] : [attempt]))]);
};

/** Where the packet went though the model did not lead it there. */
const strayHops = (hops: HopReport[]): string[] =>
  hops
    .filter(({ unpredicted }) => unpredicted)
    .map(({ node, interface: name, where }) => `${node} ${name} (${where}): the probe passed here, though the model does not lead it there`);

/** Evidence → report: pure, so that a bundle is judged exactly as the run was. */
export const judgePath = (run: PathEvidence, time: string): Omit<PathReport, 'timings'> => {
  const { question, facts, snapshots, probes, taps } = run;
  const world: World = { snapshots, facts };
  const walks = Object.fromEntries(
    probes.map((probe) => [probe.request.id, walksOf(probe, world, taps, probe.request.purpose === 'main' ? question.source : undefined)]),
  );
  const attachments = podsOf(question.from, question.to).flatMap((pod) => {
    const snapshot = snapshots.find(({ node }) => node === pod.node);
    return snapshot ? attachmentsOf(snapshot, { podUid: pod.uid }) : [];
  });
  const evidence: Evidence = {
    from: question.from,
    to: question.to,
    facts,
    snapshots,
    ...(run.before ? { before: run.before } : {}),
    probes,
    walks,
    taps,
    drops: run.drops,
    ruleTraces: run.ruleTraces,
    attachments,
  };
  const { findings, notes } = diagnose(evidence);
  const main = probes.find(({ request }) => request.purpose === 'main');
  const mainWalk = main ? (walks[main.request.id] ?? {}) : {};
  const packet = mainWalk.there?.packet ?? { source: question.source, destination: question.destination, protocol: question.protocol };
  const places = main ? tapSummary(taps, main.request.id) : [];
  const others = main ? sentElsewhere(main, taps, mainWalk) : new Set<number>();
  const there = withUnpredicted(mainWalk.there, places, 'there', world, others);
  const back = withUnpredicted(mainWalk.back, places, 'back', world, others);
  const clocks = clockOffsets(there, back, places);
  const hops = withDrops(withSeen(there, taps, main, 'there', clocks), evidence, main, 'there');
  const backHops = withDrops(withSeen(back, taps, main, 'back', clocks), evidence, main, 'back');
  const verdict = verdictOf(evidence);
  return {
    kind: 'PathReport',
    time,
    from: summaryOf(question.from, question.source),
    to: summaryOf(question.to, question.destination, question),
    packet,
    dataPlane: dataPlaneOf(snapshots, facts),
    verdict,
    hops,
    back: backHops,
    checks: probes,
    answers: main ? answersTo(main, taps, world) : [],
    clocks,
    asymmetry: asymmetryOf(mainWalk.there, mainWalk.back),
    disagreements: [...new Set([...notes, ...strayHops([...there, ...back])])],
    findings,
    byHand: byHandCommands(evidence, hops, backHops),
    notChecked: [
      ...run.notChecked,
      ...untraced(run.drops),
      ...rulesUntraced(run.ruleTraces),
      ...proxyNotChecked(evidence),
      ...(verdict === 'broken' || verdict === 'intermittent' ? blindSpots(world, hops) : []),
      ...facts.notRead,
      ...describeProblems(snapshots),
    ],
  };
};
