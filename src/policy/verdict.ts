import type { Protocol } from '../cluster/facts.ts';
import type { Direction, Miss, PolicyRef } from './model.ts';
import type { Party } from './party.ts';

/** Traffic that is asked about, as the destination sees it: after any Service's address was translated. */
export interface Flow {
  from: Party;
  to: Party;
  protocol: Protocol;
  /** Absent for ICMP. */
  port?: number;
  /** It came back to its own pod by way of a Service. */
  hairpin?: boolean;
}

/** What one policy had to say. */
export interface Step {
  tier: string;
  policy: PolicyRef;
  outcome: 'allow' | 'deny' | 'pass' | 'log' | 'no-match' | 'not-enforced';
  /** The rule that matched, or came nearest: `ingress[0]`. */
  rule?: string;
  ruleName?: string;
  /** Position of the peer and of the port that matched in that rule. */
  peer?: number;
  port?: number;
  /** Why it did not match. */
  why?: Miss;
}

/**
 * What decided. `rule`: this rule of this policy. `isolated`: these policies select the pod and none allows. `tier-default`: the same in a
 * tier of Calico's. `default`: no policy selects it, or all of them pass. `exempt`: policies do not act on this at all.
 */
export type Reason =
  | { is: 'rule'; policy: PolicyRef; rule: string; ruleName?: string }
  | { is: 'isolated'; policies: PolicyRef[] }
  | { is: 'tier-default'; tier: string; policies: PolicyRef[] }
  | { is: 'default'; text: string }
  | { is: 'exempt'; text: string };

/** One end's view: the source's policies judge what leaves it, the destination's what enters. */
export interface Side {
  direction: Direction;
  /** Whose policies these are. */
  subject: string;
  verdict: 'allow' | 'deny';
  reason: Reason;
  /** In the order in which they were asked. */
  steps: Step[];
}

/** Something that could make the verdict another one. */
export interface Doubt {
  text: string;
  /** What the verdict would be then, when that can be told. */
  otherwise?: 'allow' | 'deny';
}

export interface Verdict {
  verdict: 'allow' | 'deny';
  /** First egress, then ingress: both must allow. */
  sides: [Side, Side];
  doubts: Doubt[];
}
