import { type StopDetail, say } from '../flight.ts';
import type { Packet, RuleRef, StopReason } from '../hop.ts';
import type { HookResult } from '../netfilter/hook.ts';
import { describeChange } from '../netfilter/nat.ts';
import type { Pass } from '../pass.ts';

export const changeOf = ({ flight }: Pass, before: Packet): string => describeChange(before, flight.packet, flight.direction === 'reply');

export const sayChange = (pass: Pass, before: Packet): void => say(pass.journey, changeOf(pass, before));

/** `FLANNEL-FWD #1`, or the chain whose policy decided. */
export const shortRule = (rule: RuleRef): string => (rule.number === undefined ? `${rule.chain} policy` : `${rule.chain} #${rule.number}`);

/** A rule without the name of its chain, which stands before it, and its comments as bare words. */
const ruleWords = ({ text }: RuleRef): string => text.replace(/^-A \S+ /, '').replaceAll('-m comment --comment ', '');

/** A drop or reject as the end of the way. */
export const refusal = (result: HookResult, pass: Pass): StopDetail | undefined => {
  if (result.kind === 'accept' || result.kind === 'redirect') return undefined;
  const { by } = result;
  if (result.kind === 'untranslatable') {
    return {
      reason: 'no-translation',
      message: `${shortRule(by)} masquerades, but ${pass.oif} has no address to do it with: the packet is dropped`,
      decidedBy: by.text,
      facts: { interface: pass.oif, ...factsOf(by) },
    };
  }
  if (result.kind === 'unqueued') {
    const { facts, ...words } = unread(result);
    return { ...words, decidedBy: by.text, facts: { hook: pass.hook, ...factsOf(by), ...facts } };
  }
  const reason: StopReason = result.kind === 'reject' ? 'reject' : by.number === undefined && by.text.startsWith('policy of ') ? 'policy' : 'rule';
  const words = result.kind === 'reject' ? 'rejected by' : 'dropped by';
  return {
    reason,
    message:
      reason === 'policy'
        ? `dropped by the policy of ${by.table} ${by.chain}`
        : `${words} ${by.table} ${by.chain}${numberWords(by)}: ${ruleWords(by)}`,
    decidedBy: by.text,
    facts: { hook: pass.hook, ...factsOf(by) },
  };
};

/** `postrouting #5 hands it to queue 100, which no program reads: the packet is dropped` */
const unread = ({ by, queue, mute }: Extract<HookResult, { kind: 'unqueued' }>): Pick<StopDetail, 'reason' | 'message' | 'facts'> => {
  const name = queue === '' ? 'a queue' : `queue ${queue}`;
  const why = mute ? 'whose program never said what it wants to see' : 'which no program reads';
  return {
    reason: 'queue',
    message: `${shortRule(by)} hands it to ${name}, ${why}: the packet is dropped`,
    facts: { ...(queue === '' ? {} : { queue }), ...(mute ? { mute: 'yes' } : {}) },
  };
};

const numberWords = ({ number }: RuleRef): string => (number === undefined ? '' : ` #${number}`);

const factsOf = ({ backend, table, chain, number }: RuleRef): StopDetail['facts'] => ({ backend, table, chain, number });
