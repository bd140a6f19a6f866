import type { ClusterFacts, PodFacts } from '../cluster/facts.ts';
import { attachmentFindings } from '../diagnosis/attachment-findings.ts';
import type { NodeSnapshot } from '../node/snapshot.ts';
import type { VethReport, VethRow } from '../report/report.ts';
import { attachmentsOf } from '../topology/attachments.ts';
import { describeProblems } from './problems.ts';

/** Everything one `veth` run learned. */
export interface VethEvidence {
  pods: PodFacts[];
  facts: ClusterFacts;
  snapshots: NodeSnapshot[];
  /** Node → why it could not be read. */
  closed: Record<string, string>;
  notChecked: string[];
}

const FINISHED = new Set(['Succeeded', 'Failed']);

/** Why a pod has no interface of its own to show, when the API server knows it. */
const whyNone = (pod: PodFacts, closed: Record<string, string>): string | undefined => {
  if (FINISHED.has(pod.phase)) return `finished (${pod.phase}): its network namespace is gone`;
  if (pod.node === undefined) return `${pod.phase}: no node yet`;
  if (pod.hostNetwork) return "host network: the node's own interfaces";
  const reason = closed[pod.node];
  return reason === undefined ? undefined : `not seen: ${reason}`;
};

const rowsOf = (pod: PodFacts, { snapshots, closed }: VethEvidence): VethRow[] => {
  const row: VethRow = { namespace: pod.namespace, pod: pod.name, phase: pod.phase, ...(pod.node === undefined ? {} : { node: pod.node }) };
  const none = whyNone(pod, closed);
  if (none !== undefined) return [{ ...row, note: none }];
  const snapshot = snapshots.find(({ node }) => node === pod.node);
  const attachments = snapshot ? attachmentsOf(snapshot, { podUid: pod.uid }) : [];
  if (attachments.length > 0) return attachments.map((attachment) => ({ ...row, attachment }));
  const netns = snapshot?.namespaces.find(({ podUid }) => podUid === pod.uid);
  if (netns?.seen === 'listed') return [{ ...row, note: 'not read in this run' }];
  return [{ ...row, note: netns ? 'its network namespace has no interface but lo' : `${pod.phase}: no process of it on ${pod.node}` }];
};

/** Evidence → report; rows by namespace, pod and interface. */
export const judgeVeth = (evidence: VethEvidence, time: string): Omit<VethReport, 'timings'> => {
  const rows = [...evidence.pods]
    .sort((a, b) => a.namespace.localeCompare(b.namespace) || a.name.localeCompare(b.name))
    .flatMap((pod) => rowsOf(pod, evidence));
  return {
    kind: 'VethReport',
    time,
    rows,
    findings: attachmentFindings(evidence.pods, rows, evidence.snapshots, evidence.facts),
    notChecked: [...evidence.notChecked, ...describeProblems(evidence.snapshots)],
  };
};
