import type { Protocol } from '../../cluster/facts.ts';
import type { Doubt, Side } from '../../policy/verdict.ts';
import type { ReportBase } from '../report.ts';

/** Who enforces policies, as far as that was found out or said. */
export interface Enforcement {
  /** By the name --cni takes; absent: nobody knows. */
  plugin?: string;
  /** What tells so. */
  signs: string[];
}

/** An end of the question: all that its word stands for. */
export interface PolicyEnd {
  label: string;
  kind: 'pods' | 'service' | 'node' | 'outside';
  /** How many pods that is; absent for what is no pods. */
  pods?: number;
  note?: string;
}

/** `policy A B`. */
export interface PolicyReport extends ReportBase {
  kind: 'PolicyReport';
  from: PolicyEnd;
  to: PolicyEnd;
  protocol: Protocol;
  port?: number;
  enforcement: Enforcement;
  /** `mixed`: some of the pods that the words stand for may, others may not. */
  verdict: 'allowed' | 'denied' | 'mixed';
  flows: FlowReport[];
  /** What real probes said, when they were asked for. */
  proof?: Proof;
}

/** One packet that was judged, and all those that are judged the same way. */
export interface FlowReport {
  between: Between[];
  verdict: 'allowed' | 'denied';
  protocol: Protocol;
  /** As the destination sees it: behind a Service, its target port. */
  port?: number;
  /** First egress, then ingress. */
  sides: [Side, Side];
  doubts: Doubt[];
  /** All that the policies let through between these two: `any`, `none`, `TCP 80,443 UDP 53 ICMP`. */
  allowed: string;
}

/** Two ends, each standing for others that no policy can tell from it. */
export interface Between {
  from: string;
  to: string;
  /** `10.0.0.4 → 10.0.0.9`, one for each family. */
  addresses: string[];
  /** Pods alike, itself included. */
  sources: number;
  destinations: number;
  hairpin?: boolean;
}

/** What probes between two of the ends said. */
export interface Proof {
  from: string;
  to: string;
  answered: number;
  sent: number;
  /** Whether packet and policies agree; absent where the probes cannot tell. */
  agrees?: boolean;
}

/** `policy POD`. */
export interface PolicyPodReport extends ReportBase {
  kind: 'PolicyPodReport';
  pod: string;
  addresses: string[];
  node?: string;
  enforcement: Enforcement;
  /** Policies that select it, in the order in which they are asked. */
  ingress: Exposure;
  egress: Exposure;
}

export interface Exposure {
  policies: string[];
  /** Whether anything at all is denied. */
  restricted: boolean;
  /** Who is on the other side, by what both ends' policies let through. */
  peers: PeerGroup[];
}

export interface PeerGroup {
  kind: 'pods' | 'node' | 'outside';
  /** Namespaces as a whole, workloads, nodes, or blocks of addresses. */
  who: string[];
  /** `any`, `none`, `TCP 80`; ports are the destination's. */
  traffic: string;
  /** Pods, nodes; absent for addresses. */
  count?: number;
}

/** `policy --matrix`. */
export interface PolicyMatrixReport extends ReportBase {
  kind: 'PolicyMatrixReport';
  /** Absent: all of them. */
  namespace?: string;
  enforcement: Enforcement;
  groups: MatrixGroup[];
  /** What cells name by their position here: `any`, `none`, `TCP 80`. */
  traffic: string[];
  /** Row by row, from the group of the row to that of the column. */
  cells: number[][];
}

/** Pods that all policies treat alike, or a piece of the outside. */
export interface MatrixGroup {
  name: string;
  kind: 'pods' | 'outside';
  /** `shop/deploy/web`; blocks of addresses outside. */
  members: string[];
  pods: number;
}

/** `policy --diff`. */
export interface PolicyDiffReport extends ReportBase {
  kind: 'PolicyDiffReport';
  files: string[];
  enforcement: Enforcement;
  objects: { object: string; change: 'added' | 'changed' | 'unchanged' }[];
  changes: ConnectionChange[];
  /** Pairs that were compared, as pods. */
  compared: number;
}

export interface ConnectionChange {
  from: string[];
  to: string[];
  before: string;
  after: string;
  /** What is not allowed any more; `none` when nothing is lost. */
  lost: string;
  gained: string;
}

/** `policy --assert`. */
export interface PolicyAssertReport extends ReportBase {
  kind: 'PolicyAssertReport';
  file: string;
  /** Whether probes or the policies alone answered. */
  by: 'policies' | 'probes';
  enforcement: Enforcement;
  assertions: AssertionReport[];
}

export interface AssertionReport {
  name: string;
  /** Where it stands in the file, from 1. */
  line: number;
  from: string;
  to: string;
  protocol: Protocol;
  port?: number;
  expect: 'allow' | 'deny';
  /** `mixed`: not the same for all pods; `unknown`: it could not be told, and `why` says why not. */
  got: 'allow' | 'deny' | 'mixed' | 'unknown';
  pass: boolean;
  why: string[];
}

export type AnyPolicyReport = PolicyReport | PolicyPodReport | PolicyMatrixReport | PolicyDiffReport | PolicyAssertReport;
