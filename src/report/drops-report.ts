import type { RuleRef } from '../forwarding/hop.ts';
import type { ReportBase } from './report.ts';

export interface DropsReport extends ReportBase {
  kind: 'DropsReport';
  node: string;
  /** `default/web-0`, where only what concerns a pod is told. */
  pod?: string;
  /** How long drops were recorded. */
  seconds: number;
  /** How whose the packets are was found out: their headers were read at the drop, or captures beside it saw them; `reasons`: neither. */
  seenBy: 'headers' | 'captures' | 'reasons';
  rows: DropRow[];
}

/** Drops that are the same to whoever has to do something about them. */
export interface DropRow {
  severity: 'problem' | 'warning' | 'harmless';
  /** Of the finding it belongs to; harmless ones have none. */
  code?: string;
  /** In words; a rule's name and text. */
  what: string;
  /** Why it is harmless, or what is not sure. */
  why?: string;
  /** `host`, `pod default/web-0`; empty where nobody knows. */
  where: string;
  interface?: string;
  direction?: 'in' | 'out';
  /** The kernel's name of the reason. */
  reason?: string;
  /** Kernel function that dropped. */
  function: string;
  /** Netfilter's hook. */
  hook?: string;
  rule?: DropRule;
  count: number;
  perSecond: number;
  /** Most frequent first. */
  flows: DropFlow[];
  /** Kinds of traffic beyond these. */
  moreFlows: number;
}

export interface DropRule extends RuleRef {
  /** By how much its counter rose while the node was watched. */
  packets?: number;
  bytes?: number;
  /** Counter and model agree. */
  sure: boolean;
}

/** Traffic without the port that a client changes from connection to connection. */
export interface DropFlow {
  source: string;
  destination: string;
  protocol: string;
  sourcePort?: number;
  destinationPort?: number;
  count: number;
}
