import type { ClusterFacts, PodFacts } from '../cluster/facts.ts';
import { xdpDropsBetween } from '../diagnosis/drops/kernel-counters.ts';
import { ruleName } from '../diagnosis/rule-words.ts';
import type { WatchEvidence } from '../diagnosis/watch/evidence.ts';
import { watchFindings } from '../diagnosis/watch/findings.ts';
import { wordsFor } from '../diagnosis/watch/kinds.ts';
import { type DropGroup, dropGroups } from '../diagnosis/watch/rows.ts';
import type { NodeSnapshot } from '../node/snapshot.ts';
import { type TunnelPorts, USUAL_TUNNEL_PORTS } from '../probe/tap/tunnel.ts';
import { joinWatch } from '../probe/watch/join-watch.ts';
import type { WatchResult } from '../probe/watch/kernel-drop.ts';
import { MOST_PACKETS, readWatch, type WatchOutput, type WatchRaw } from '../probe/watch/watch-output.ts';
import type { DropRow, DropsReport } from '../report/drops-report.ts';
import { describeProblems } from './problems.ts';

/** Everything one `drops` run learned. */
export interface DropsEvidence {
  node: string;
  facts: ClusterFacts;
  pod?: PodFacts;
  before?: NodeSnapshot;
  after?: NodeSnapshot;
  watch: WatchRaw;
  /** What could not be done, in words. */
  notChecked: string[];
}

const MOST_FLOWS = 20;

const whatOf = ({ kind, rule, concern }: DropGroup): string =>
  concern.flooded ? 'flooded by a bridge' : rule ? `${ruleName(rule.ref)}: ${rule.ref.text}` : wordsFor(kind).short;

const rowOf = (group: DropGroup, seconds: number): DropRow => {
  const { concern, situation, reason, function: place, hook, rule, count, flows, kind } = group;
  return {
    severity: concern.severity,
    ...(concern.severity === 'harmless' ? {} : { code: wordsFor(kind, rule?.ref.text).code }),
    what: whatOf(group),
    ...(concern.why === undefined ? {} : { why: concern.why }),
    where: situation.where,
    ...(situation.interface === undefined ? {} : { interface: situation.interface }),
    ...(situation.direction === undefined ? {} : { direction: situation.direction }),
    ...(reason === undefined ? {} : { reason }),
    function: place,
    ...(hook === undefined ? {} : { hook }),
    ...(rule ? { rule: { ...rule.ref, ...rule.raised, sure: rule.sure } } : {}),
    count,
    perSecond: seconds > 0 ? count / seconds : 0,
    flows: flows.slice(0, MOST_FLOWS),
    moreFlows: Math.max(0, flows.length - MOST_FLOWS),
  };
};

/** Flannel's port, IANA's, and those of the node's own devices. */
const tunnelPorts = (snapshot: NodeSnapshot | undefined): TunnelPorts => {
  const own = snapshot?.namespaces.flatMap(({ links }) => links.flatMap(({ vxlan }) => vxlan?.port ?? [])) ?? [];
  return { ...USUAL_TUNNEL_PORTS, vxlan: [...new Set([...USUAL_TUNNEL_PORTS.vxlan, ...own])] };
};

const seconds = (value: number): string => `${value.toFixed(1)} s`;

/** What the report is not to be taken for. */
const limits = (output: WatchOutput, result: WatchResult): string[] => {
  const { node, notTraced, ownKernel, captures, headers } = output;
  const elsewhere = result.drops.filter(({ own }) => !own).length;
  return [
    ...(notTraced === undefined ? [] : [`what the kernel of ${node} drops: ${notTraced}`]),
    ...(result.lost > 0
      ? [`${node} drops more than can be recorded: after ${seconds(result.seconds)} the buffer was full, and counts are of that time`]
      : []),
    ...(result.packetSeconds === undefined
      ? []
      : [`whose packets were dropped is known of the first ${seconds(result.packetSeconds)} only: ${node} is busy`]),
    ...(notTraced === undefined ? captures : []).flatMap(({ failed, lost, tap }) => [
      ...(failed === undefined ? [] : [`whose packets were dropped on ${node}: ${failed}`]),
      ...(lost > 0
        ? [
            `the capture on ${node} (${tap.from.netns === 'host' ? 'host' : 'pod'}) lost ${lost} packets: whose some of the dropped ones were is not known`,
          ]
        : []),
    ]),
    ...(ownKernel || headers || notTraced !== undefined || elsewhere === 0
      ? []
      : [
          `${node} is a container that shares its kernel with others: ${elsewhere} drops that its interfaces did not see are not shown, they may be the others'`,
        ]),
  ];
};

/** A program in the driver drops frames before the kernel makes packets of them. */
const beforeTheKernel = ({ node, before, after }: DropsEvidence): string[] =>
  (after ?? before)?.namespaces.flatMap(({ inode, links }) =>
    links.flatMap(({ name, xdp }) => {
      if (!xdp || xdp.mode === 'generic') return [];
      const [earlier, later] = [before, after].map((snapshot) => snapshot?.namespaces.find((netns) => netns.inode === inode));
      const rise = xdpDropsBetween(earlier, later, name);
      const counted = rise === undefined ? '' : `; its driver counted ${rise} in the meantime`;
      return [`what the XDP program on ${name} of ${node} drops: the kernel never sees it${counted}`];
    }),
  ) ?? [];

/** Evidence → report: pure, so that a bundle is judged exactly as the run was. */
export const judgeDrops = (run: DropsEvidence, time: string): Omit<DropsReport, 'timings'> => {
  const { node, facts, pod, before, after } = run;
  const output = readWatch(run.watch);
  const result = joinWatch(output, tunnelPorts(after ?? before), MOST_PACKETS);
  const snapshot = after ?? before;
  const evidence: WatchEvidence | undefined = snapshot && {
    snapshot,
    ...(after && before ? { before } : {}),
    facts,
    ...(pod ? { pod } : {}),
    result,
  };
  const groups = evidence ? dropGroups(evidence) : [];
  const told = output.captures.some(({ failed }) => failed === undefined);
  return {
    kind: 'DropsReport',
    time,
    node,
    ...(pod ? { pod: `${pod.namespace}/${pod.name}` } : {}),
    seconds: Math.round(result.seconds * 1000) / 1000,
    seenBy: output.headers ? 'headers' : told ? 'captures' : 'reasons',
    rows: groups.map((group) => rowOf(group, result.seconds)),
    findings: evidence ? watchFindings(evidence, groups) : [],
    notChecked: [...run.notChecked, ...limits(output, result), ...beforeTheKernel(run), ...(snapshot ? describeProblems([snapshot]) : [])],
  };
};
