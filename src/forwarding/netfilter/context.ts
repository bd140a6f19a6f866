import type { RuleRef } from '../hop.ts';
import type { Pass } from '../pass.ts';

/** True, false, or undefined when the snapshot or our understanding cannot say. */
export type Known = boolean | undefined;

export type Matcher = (pass: Pass) => Known;

/** How a chain or rule ends. `continue` is falling through. */
export type Verdict =
  | { kind: 'continue' }
  | { kind: 'return' }
  | { kind: 'accept'; by?: RuleRef }
  | { kind: 'drop'; by: RuleRef }
  | { kind: 'reject'; by: RuleRef }
  /** Goes on behind this base chain, as what a program gives back does; of NAT, behind all its chains, untranslated. */
  | { kind: 'requeued'; by: RuleRef }
  /** For a queue that no program reads. `mute`: one has bound it and never said what it wants to see. */
  | { kind: 'unqueued'; queue: string; mute: boolean; by: RuleRef }
  | { kind: 'nat'; change: Change; by: RuleRef }
  /** Out by another device, past everything else (nft fwd). */
  | { kind: 'redirect'; device: string; by: RuleRef }
  /** No interface has an address to translate to. */
  | { kind: 'untranslatable'; by: RuleRef };

/** What a NAT rule asks for. An absent part stays as it is. */
export interface Change {
  side: 'destination' | 'source';
  address?: string;
  port?: number;
  /** Another port, which the kernel draws (`--random`, or of several). */
  random?: true;
  /** The address is that of the interface it leaves by. */
  masquerade?: true;
}

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

export const some = (answers: Iterable<Known>): Known => {
  let any: Known = false;
  for (const answer of answers) {
    if (answer === true) return true;
    if (answer === undefined) any = undefined;
  }
  return any;
};

export const negateIf = (inverted: boolean, answer: Known): Known => (answer === undefined || !inverted ? answer : !answer);
