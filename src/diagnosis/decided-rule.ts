import { familyOf } from '../forwarding/address.ts';
import type { RuleRef } from '../forwarding/hop.ts';
import { hostNetns } from '../forwarding/world.ts';
import type { Family, Netns, NodeSnapshot } from '../node/snapshot.ts';
import { counterOf } from './drops/counters.ts';
import { culpritWords } from './drops/culprit.ts';
import type { PacketEnd } from './end.ts';
import { type Evidence, snapshotOf } from './evidence.ts';
import { inPlace } from './remedy.ts';
import { ruleName, ruleRemoval } from './rule-words.ts';

/** Of what was dropped: on a tunnel's legs the outer packet. */
export const familyAt = ({ hop: { tunnel, packet } }: PacketEnd): Family => familyOf(tunnel?.remote ?? packet.destination);

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
  return backend === 'nft' ? countedByNft(netns, stop.facts) : undefined;
};

const countedByNft = (netns: Netns | undefined, { table, chain, number }: Record<string, string>): number | undefined => {
  const own = netns?.netfilter.nft.find(({ family, name }) => `${family} ${name}` === table)?.chains.find(({ name }) => name === chain);
  const rule = own?.rules.find(({ handle }) => `${handle}` === number);
  return rule && counterOf(rule.expr)?.packets;
};

const netnsIn = (snapshot: NodeSnapshot | undefined, { hop }: PacketEnd): Netns | undefined =>
  snapshot?.namespaces.find(({ inode }) => inode === hop.netns) ?? (snapshot && hostNetns(snapshot));

/** Where a packet ended, as it was read before the probes and after them. */
export const netnsOfEnd = (evidence: Evidence, end: PacketEnd): { before: Netns | undefined; after: Netns | undefined } => ({
  before: netnsIn(
    evidence.before?.find(({ node }) => node === end.hop.node),
    end,
  ),
  after: netnsIn(snapshotOf(evidence, end.hop.node), end),
});

/** `its counter rose by 5 while the probes ran`: checks and retransmissions count as well. */
export const counterWords = (evidence: Evidence, end: PacketEnd): string[] => {
  const { probe } = end.leg;
  if (end.culprit) return [culpritWords(end.culprit, probe.attempts.length, probe.request.id)];
  const at = netnsOfEnd(evidence, end);
  const [before, after] = [counted(at.before, end), counted(at.after, end)];
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

export const nameOfRule = (end: PacketEnd): string => ruleName(ruleOf(end));

/** What to type, anywhere, to take it away. */
export const removalOf = (evidence: Evidence, end: PacketEnd): string => {
  const command = ruleRemoval(ruleOf(end), familyAt(end));
  return inPlace(end.hop.node, netnsOfEnd(evidence, end).after, command);
};
