import { identifyCni } from '../../cni/identity.ts';
import { hostNetns } from '../../forwarding/world.ts';
import type { Cause, Draft } from '../cause.ts';
import { counterWords, familyAt, nameOfRule, removalOf } from '../decided-rule.ts';
import { draftOf } from '../draft.ts';
import { type PacketEnd, packetEnd } from '../end.ts';
import { type Evidence, snapshotOf } from '../evidence.ts';
import { onNode, restartAgent } from '../remedy.ts';
import { ruleOwnerNote } from '../rule-words.ts';

const ownerNote = ({ stop }: PacketEnd): string[] => ruleOwnerNote(stop.facts.chain ?? '');

/** flannel's accept rules are what keeps a dropping policy harmless. */
const lacksFlannelRules = (evidence: Evidence, end: PacketEnd): boolean => {
  const { hop, stop } = end;
  const snapshot = snapshotOf(evidence, hop.node);
  const host = snapshot && hostNetns(snapshot);
  if (!host || stop.facts.chain !== 'FORWARD' || identifyCni(snapshot, evidence.facts).name !== 'flannel') return false;
  const own = host.netfilter.iptables.filter(({ family }) => family === familyAt(end));
  return !own.some(({ chains }) => chains.some(({ name, rules }) => name === 'FLANNEL-FWD' && rules.length > 0));
};

export const policyDrop: Cause = {
  code: 'ND3002',
  summary: "A base chain's policy is DROP and no rule accepts the packet.",
  recognise: (evidence) => {
    const end = packetEnd(evidence, 'policy');
    if (!end) return undefined;
    const { chain = '', table = 'filter' } = end.stop.facts;
    const { node } = end.hop;
    const flannelSilent = lacksFlannelRules(evidence, end);
    return draftOf(evidence, end, {
      title: `The policy of ${table} ${chain} on ${node} is DROP, and no rule accepts this traffic.`,
      evidence: [
        `${nameOfRule(end)} has the policy DROP`,
        ...(flannelSilent ? ['FLANNEL-FWD, which accepts the pod network, is missing or empty'] : []),
        ...counterWords(evidence, end),
      ],
      fix: [
        ...(flannelSilent ? restartAgent(evidence.facts, 'flannel', node) : []),
        removalOf(evidence, end),
        'Docker sets this policy when it starts: "iptables": false in its daemon.json, or an accept rule for the pod network, keeps it away.',
      ],
    });
  },
};

/** The kernel says that a rule did it, and no counter says which. */
const unnamed = (evidence: Evidence, end: PacketEnd, what: string): Draft => {
  const { node } = end.hop;
  const { hook } = end.stop.facts;
  return draftOf(evidence, end, {
    title: `A firewall rule on ${node} ${what} it${hook === undefined ? '' : ` at the ${hook} hook`}; which one, no counter tells.`,
    evidence: ['no rule that drops or rejects counted these packets: it has no counter, or belongs to a set or map'],
    fix: ['Ask again with --trace-rules, which lets the kernel name the rule; or look for it by hand:', onNode(node, 'nft -a list ruleset')],
  });
};

export const ruleDrop: Cause = {
  code: 'ND3003',
  summary: 'A firewall rule of a node drops the packet.',
  recognise: (evidence) => {
    const end = packetEnd(evidence, 'rule');
    if (!end) return undefined;
    if (end.stop.decidedBy === undefined) return unnamed(evidence, end, 'drops');
    return draftOf(evidence, end, {
      title: `A firewall rule on ${end.hop.node} drops it: ${nameOfRule(end)}.`,
      evidence: [`rule: ${end.stop.decidedBy}`, ...counterWords(evidence, end)],
      fix: [removalOf(evidence, end)],
      notes: ownerNote(end),
    });
  },
};

export const ruleReject: Cause = {
  code: 'ND3004',
  summary: 'A firewall rule of a node rejects the packet.',
  recognise: (evidence) => {
    const end = packetEnd(evidence, 'reject');
    // kube-proxy's own rejects say that a Service has no endpoint, which has its own name.
    if (!end || /has no (local )?endpoints|reject-chain/.test(end.stop.decidedBy ?? '') || end.stop.facts.chain === 'reject-chain') return undefined;
    if (end.stop.decidedBy === undefined) return unnamed(evidence, end, 'rejects');
    return draftOf(evidence, end, {
      title: `A firewall rule on ${end.hop.node} rejects it: ${nameOfRule(end)}.`,
      evidence: [`rule: ${end.stop.decidedBy}`, ...counterWords(evidence, end)],
      fix: [removalOf(evidence, end)],
      notes: ownerNote(end),
    });
  },
};
