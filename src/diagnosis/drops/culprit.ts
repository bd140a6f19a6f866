import { familyOf } from '../../forwarding/address.ts';
import type { RuleRef } from '../../forwarding/hop.ts';
import { hostNetns } from '../../forwarding/world.ts';
import type { IptablesTable } from '../../node/netfilter-state.ts';
import type { Netns, NodeSnapshot } from '../../node/snapshot.ts';
import type { Drop } from '../../probe/observation.ts';
import type { LegacyStep } from '../../probe/rules/rule-trace.ts';
import type { Evidence, Leg } from '../evidence.ts';
import { countedExactly, type LostPackets, type Raised, raisedCounters } from './counters.ts';
import type { DropKind } from './meaning.ts';
import type { ObservedDrop } from './observed.ts';

/** The rule that dropped, by its counter. */
export interface Culprit extends Raised {
  /** The probes whose packets are exactly what it counted; absent where others' packets met it, too. */
  counted?: LostPackets[];
  /** How many traced packets ended in it, by the kernel's own word. */
  traced?: number;
}

const netnsOf = (snapshots: NodeSnapshot[] | undefined, { node, netns }: Drop): Netns | undefined =>
  snapshots?.find((snapshot) => snapshot.node === node)?.namespaces.find(({ inode }) => inode === netns);

/** Bytes as the rule at that place counts them: of the tunnel's packet where it is still wrapped. */
const lengthOf = ({ tunnelled, wireLength, packet }: Drop): number => (tunnelled ? wireLength : (packet.length ?? wireLength));

const sameEnd = (one: Drop, other: Drop): boolean =>
  one.node === other.node && one.netns === other.netns && one.function === other.function && one.what === other.what;

/** Attempts that a probe lost; TCP sends each again and again. */
const lostAttempts = (probes: Evidence['probes'], id: string): number => {
  const probe = probes.find(({ request }) => request.id === id);
  return probe === undefined || probe.request.protocol === 'tcp' ? 0 : probe.attempts.filter(({ outcome }) => outcome === 'timeout').length;
};

/** What each probe lost there. */
const lostPackets = ({ drops, probes }: Pick<Evidence, 'drops' | 'probes'>, { drop }: ObservedDrop): LostPackets[] => {
  const here = drops.flatMap((result) => result.drops).filter((candidate) => sameEnd(candidate, drop));
  return [...Map.groupBy(here, ({ probe }) => probe)].map(([probe, group]) => ({
    probe,
    packets: group.length,
    bytes: group.reduce((sum, one) => sum + lengthOf(one), 0),
    attempts: lostAttempts(probes, probe),
  }));
};

/** Both families have tables, chains and rules of the same names; a tunnel's packet may be of either. */
const tablesOf = (netns: Netns, { tunnelled, packet }: Drop): IptablesTable[] =>
  netns.netfilter.iptables.filter(({ family }) => tunnelled || family === familyOf(packet.destination));

/** What iptables-legacy's rule at a traced step is, when it drops or rejects. */
const legacyRule = (tables: IptablesTable[], { table, chain, number }: LegacyStep): Pick<Raised, 'ref' | 'does'> | undefined => {
  for (const candidate of tables) {
    if (candidate.backend !== 'legacy' || candidate.table !== table) continue;
    const rule = candidate.chains.find(({ name }) => name === chain)?.rules.find((one) => one.number === number);
    const does = rule?.target === 'DROP' ? 'drop' : rule?.target === 'REJECT' ? 'reject' : undefined;
    if (rule && does) return { ref: { backend: 'iptables-legacy', table, chain, number, text: `-A ${chain} ${rule.text}` }, does };
  }
  return undefined;
};

/** xtables-monitor gives a rule's text and not its number. */
const numbered = (tables: IptablesTable[], ref: RuleRef): RuleRef => {
  if (ref.backend !== 'iptables-nft') return ref;
  const chains = tables.filter(({ backend, table }) => backend === 'nft' && table === ref.table).flatMap((table) => table.chains);
  const rule = chains
    .filter(({ name }) => name === ref.chain)
    .flatMap(({ rules }) => rules)
    .find(({ text }) => `-A ${ref.chain} ${text}` === ref.text);
  return rule ? { ...ref, number: rule.number } : ref;
};

/** The rule in which most traced packets ended on the dropping node's host; a trace elsewhere says nothing of it. */
const tracedCulprit = ({ ruleTraces, snapshots }: Evidence, { drop, kinds }: ObservedDrop): Culprit | undefined => {
  // a trace tells of rules that drop
  if (kinds.includes('queue')) return undefined;
  const snapshot = snapshots.find(({ node }) => node === drop.node);
  const host = snapshot && hostNetns(snapshot);
  if (!host || host.inode !== drop.netns) return undefined;
  const traces = ruleTraces.filter(({ node }) => node === drop.node);
  const tables = tablesOf(host, drop);
  const ends = traces.flatMap((trace) => [
    ...trace.ends.map(({ ref, does, packets }) => ({ ref: numbered(tables, ref), does, traced: packets })),
    ...trace.legacy.flatMap((step) => {
      const rule = legacyRule(tables, step);
      return rule ? [{ ...rule, traced: step.packets }] : [];
    }),
  ]);
  const [most] = ends.sort((a, b) => b.traced - a.traced);
  return most && { ...most, packets: most.traced, bytes: 0 };
};

/** Whether a rule that does this can be what the kernel means. */
export const canBe = (does: Raised['does'], kinds: readonly DropKind[]): boolean =>
  kinds.includes('queue') ? does === 'queue' : does === 'drop' || does === 'reject';

/** The one rule that counted exactly what was lost, else the only one that can have. Between readings of the node something else may have met it. */
export const culpritOf = (evidence: Evidence, { probe }: Leg, observed: ObservedDrop): Culprit | undefined => {
  const traced = tracedCulprit(evidence, observed);
  if (traced) return traced;
  const { drop } = observed;
  const [before, after] = [netnsOf(evidence.before, drop), netnsOf(evidence.snapshots, drop)];
  if (!before || !after) return undefined;
  const family = drop.tunnelled ? undefined : familyOf(drop.packet.destination);
  const raised = (family === undefined ? ([4, 6] as const) : [family])
    .flatMap((one) => raisedCounters(before, after, one))
    .filter(({ does, packets }) => canBe(does, observed.kinds) && packets >= observed.times);
  const groups = lostPackets(evidence, observed);
  const exact = raised.flatMap((rule): Culprit[] => {
    const counted = countedExactly(rule, groups, probe.request.id);
    return counted ? [{ ...rule, counted }] : [];
  });
  const [only, ...others] = exact.length > 0 ? exact : raised;
  return exact.length > 0 || others.length === 0 ? only : undefined;
};

/** `its counter rose by exactly the 5 probes: 5 packets, 300 bytes` */
export const culpritWords = ({ packets, bytes, counted, traced }: Culprit, total: number, main: string): string => {
  if (traced !== undefined) return `traced by the kernel, ${traced} packets of the probes ended in it`;
  if (!counted) return `its counter rose by ${packets} packets, ${bytes} bytes while the probes ran`;
  const own = counted.find(({ probe }) => probe === main)?.packets ?? 0;
  const others = counted.length > 1 ? ' and the checks beside them' : '';
  const again = own > total ? `${total} probes, some sent twice` : `${own} lost probes`;
  return `its counter rose by exactly the ${again}${others}: ${packets} packets, ${bytes} bytes`;
};
