import { identifyCni } from '../../cni/identity.ts';
import { familyOf } from '../../forwarding/address.ts';
import type { RuleRef } from '../../forwarding/hop.ts';
import { hostNetns } from '../../forwarding/world.ts';
import type { Family, Netns, NodeSnapshot } from '../../node/snapshot.ts';
import type { Cause, Draft } from '../cause.ts';
import { draftOf } from '../draft.ts';
import { culpritWords } from '../drops/culprit.ts';
import { type PacketEnd, packetEnd } from '../end.ts';
import { type Evidence, snapshotOf } from '../evidence.ts';
import { onNode, restartAgent } from '../remedy.ts';
import { ruleName, ruleOwnerNote, ruleRemoval } from '../rule-words.ts';

/** Of what was dropped: on a tunnel's legs the outer packet. */
const familyAt = ({ hop: { tunnel, packet } }: PacketEnd): Family => familyOf(tunnel?.remote ?? packet.destination);

/** Packets a rule or policy counted; undefined when it cannot be found again. */
const counted = (netns: Netns | undefined, end: PacketEnd): number | undefined => {
  const { stop } = end;
  const { backend, table, chain, number } = stop.facts;
  const own = netns?.netfilter.iptables.filter(({ family }) => family === familyAt(end)) ?? [];
  const tables = own.filter((candidate) => `iptables-${candidate.backend}` === backend && candidate.table === table);
  for (const candidate of tables) {
    const found = candidate.chains.find(({ name }) => name === chain);
    const packets = number === undefined ? found?.packets : found?.rules.find((rule) => `-A ${chain} ${rule.text}` === stop.decidedBy)?.packets;
    if (packets !== undefined) return packets;
  }
  return undefined;
};

/** `its counter rose by 5 while the probes ran`: checks and retransmissions count as well. */
const counterWords = (evidence: Evidence, end: PacketEnd): string[] => {
  const { probe } = end.leg;
  if (end.culprit) return [culpritWords(end.culprit, probe.attempts.length, probe.request.id)];
  const netnsIn = (snapshot: NodeSnapshot | undefined): Netns | undefined =>
    snapshot?.namespaces.find(({ inode }) => inode === end.hop.netns) ?? (snapshot && hostNetns(snapshot));
  const after = counted(netnsIn(snapshotOf(evidence, end.hop.node)), end);
  const before = counted(netnsIn(evidence.before?.find(({ node }) => node === end.hop.node)), end);
  if (after === undefined) return [];
  if (before === undefined) return after > 0 ? [`it has dropped ${after} packets so far`] : [];
  return [`its counter rose by ${after - before} while the probes ran (${before} → ${after})`];
};

/** The rule or policy that decided. */
const ruleOf = ({ stop }: PacketEnd): Omit<RuleRef, 'text'> => {
  const { backend, table = 'filter', chain = '', number } = stop.facts;
  return {
    backend: backend === 'nft' || backend === 'iptables-legacy' ? backend : 'iptables-nft',
    table,
    chain,
    ...(number === undefined ? {} : { number: Number(number) }),
  };
};

const removal = (end: PacketEnd): string => ruleRemoval(ruleOf(end), familyAt(end));

const where = (end: PacketEnd): string => ruleName(ruleOf(end));

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
        `${where(end)} has the policy DROP`,
        ...(flannelSilent ? ['FLANNEL-FWD, which accepts the pod network, is missing or empty'] : []),
        ...counterWords(evidence, end),
      ],
      fix: [
        ...(flannelSilent ? restartAgent(evidence.facts, 'flannel', node) : []),
        onNode(node, removal(end)),
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
      title: `A firewall rule on ${end.hop.node} drops it: ${where(end)}.`,
      evidence: [`rule: ${end.stop.decidedBy}`, ...counterWords(evidence, end)],
      fix: [onNode(end.hop.node, removal(end))],
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
      title: `A firewall rule on ${end.hop.node} rejects it: ${where(end)}.`,
      evidence: [`rule: ${end.stop.decidedBy}`, ...counterWords(evidence, end)],
      fix: [onNode(end.hop.node, removal(end))],
      notes: ownerNote(end),
    });
  },
};
