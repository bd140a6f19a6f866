import type { Netns } from '../../node/snapshot.ts';
import type { Packet, RuleRef } from '../hop.ts';

/** True, false, or undefined when the snapshot or our understanding cannot say. */
export type Known = boolean | undefined;

export type HookName = 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting';

/** What a rule can ask about the packet in front of it. Rules that change the packet write here. */
export interface RuleContext {
  netns: Netns;
  hook: HookName;
  packet: Packet;
  /** IP protocol by name as iptables prints it; `ipencap` for IPIP, which no probe speaks. */
  protocol: string;
  mark: number;
  /** `unknown`: this netns did not see the flow's first packet, so conntrack's answer depends on more than we know. */
  state: 'NEW' | 'ESTABLISHED' | 'UNTRACKED' | 'unknown';
  /** What the flow was addressed to before translation, when it was translated. */
  original?: Packet;
  translated: { destination: boolean; source: boolean };
  iif?: string;
  oif?: string;
  bridgeIn?: string;
  bridgeOut?: string;
  /** First packet of a TCP flow, its answer, or something else. */
  tcp?: 'syn' | 'syn-ack';
  icmp?: 'echo-request' | 'echo-reply';
  /** Endpoint the walk was asked to follow where the choice is random. */
  endpoint?: string;
  /** Does the source route back out of the interface it came in by? */
  reversePath: (loose: boolean) => boolean;
  /** Findings on the way: rules that could not be judged, random choices. */
  unsure: string[];
  choices: string[];
  /** A rule that was not understood could have accepted, returned or marked: a later drop is not certain. */
  shaky: boolean;
}

/** How a chain or rule ends. `continue` is falling through. */
export type Verdict =
  | { kind: 'continue' }
  | { kind: 'return' }
  | { kind: 'accept'; by?: RuleRef }
  | { kind: 'drop' | 'reject'; by: RuleRef }
  | { kind: 'dnat'; address?: string; port?: number; by: RuleRef }
  | { kind: 'snat'; address: string | 'masquerade'; port?: number; by: RuleRef };

export const proceed: Verdict = { kind: 'continue' };

/** Conjunction where one certain no decides. */
export const every = (answers: Iterable<Known>): Known => {
  let all: Known = true;
  for (const answer of answers) {
    if (answer === false) return false;
    if (answer === undefined) all = undefined;
  }
  return all;
};

export const negateIf = (inverted: boolean, answer: Known): Known => (answer === undefined || !inverted ? answer : !answer);
