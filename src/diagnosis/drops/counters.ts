import type { RuleRef } from '../../forwarding/hop.ts';
import { ruleText } from '../../forwarding/netfilter/nft/text.ts';
import type { IptablesChain, IptablesTable, NftTable } from '../../node/netfilter-state.ts';
import type { Family, Netns } from '../../node/snapshot.ts';

/** A rule or chain policy whose counter rose between two readings. */
export interface Raised {
  ref: RuleRef;
  /** What it does with a packet: its verdict, as far as the rule alone says it. */
  does: 'drop' | 'reject' | 'queue' | 'other';
  packets: number;
  bytes: number;
}

const DOES: Record<string, Raised['does']> = { DROP: 'drop', REJECT: 'reject', NFQUEUE: 'queue', QUEUE: 'queue' };

/** Rules before by their text, in order: a chain that was rewritten in between keeps those that stayed. */
const byText = (chain: IptablesChain | undefined): Map<string, IptablesChain['rules']> => Map.groupBy(chain?.rules ?? [], ({ text }) => text);

const inChain = (table: IptablesTable, before: IptablesChain | undefined, after: IptablesChain): Raised[] => {
  const known = byText(before);
  const ref = { backend: `iptables-${table.backend}` as const, table: table.table, chain: after.name };
  const rules = after.rules.flatMap((rule): Raised[] => {
    const old = known.get(rule.text)?.shift();
    const packets = rule.packets - (old?.packets ?? 0);
    if (!old || packets <= 0) return [];
    return [
      {
        ref: { ...ref, number: rule.number, text: `-A ${after.name} ${rule.text}` },
        does: DOES[rule.target ?? ''] ?? 'other',
        packets,
        bytes: rule.bytes - old.bytes,
      },
    ];
  });
  const packets = after.packets - (before?.packets ?? 0);
  const policy: Raised[] =
    after.policy === undefined || !before || packets <= 0
      ? []
      : [
          {
            ref: { ...ref, text: `policy ${after.policy} of ${after.name}` },
            does: DOES[after.policy] ?? 'other',
            packets,
            bytes: after.bytes - before.bytes,
          },
        ];
  return [...rules, ...policy];
};

const inIptables = (before: Netns, after: Netns, family: Family): Raised[] =>
  after.netfilter.iptables
    .filter((table) => table.family === family)
    .flatMap((table) => {
      const old = before.netfilter.iptables.find(
        (candidate) => candidate.backend === table.backend && candidate.family === family && candidate.table === table.table,
      );
      const chains = new Map(old?.chains.map((chain) => [chain.name, chain]));
      return table.chains.flatMap((chain) => inChain(table, chains.get(chain.name), chain));
    });

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/** The rule's own `counter` statement; named counters are objects of the table and shared. */
export const counterOf = (expr: unknown[]): { packets: number; bytes: number } | undefined => {
  for (const statement of expr) {
    if (!isObject(statement) || !isObject(statement.counter)) continue;
    const { packets, bytes } = statement.counter;
    if (typeof packets === 'number' && typeof bytes === 'number') return { packets, bytes };
  }
  return undefined;
};

const NFT_DOES = ['drop', 'reject', 'queue'] as const;

const doesOf = (expr: unknown[]): Raised['does'] => {
  const last = expr.at(-1);
  return isObject(last) ? (NFT_DOES.find((name) => name in last) ?? 'other') : 'other';
};

const handles = (table: NftTable | undefined): Map<number, unknown[]> =>
  new Map(table?.chains.flatMap(({ rules }) => rules.map(({ handle, expr }): [number, unknown[]] => [handle, expr])));

const inNft = (before: Netns, after: Netns, family: Family): Raised[] =>
  after.netfilter.nft
    .filter((table) => table.family !== (family === 4 ? 'ip6' : 'ip'))
    .flatMap((table) => {
      const old = handles(before.netfilter.nft.find(({ family: kind, name }) => kind === table.family && name === table.name));
      return table.chains.flatMap((chain) =>
        chain.rules.flatMap(({ handle, expr }): Raised[] => {
          const now = counterOf(expr);
          const then = counterOf(old.get(handle) ?? []);
          if (!now || !then || now.packets <= then.packets) return [];
          return [
            {
              ref: { backend: 'nft', table: `${table.family} ${table.name}`, chain: chain.name, number: handle, text: ruleText(expr) },
              does: doesOf(expr),
              packets: now.packets - then.packets,
              bytes: now.bytes - then.bytes,
            },
          ];
        }),
      );
    });

/** Every counter of rules for this family that rose in one netns, in the order of the rulesets. */
export const raisedCounters = (before: Netns, after: Netns, family: Family): Raised[] => [
  ...inIptables(before, after, family),
  ...inNft(before, after, family),
];

/** Packets of one probe that were lost at one place. */
export interface LostPackets {
  probe: string;
  packets: number;
  bytes: number;
  /** How many attempts were lost, where the kernel told of fewer: an event of it may be missed, a packet by the rule's counter is not. */
  attempts?: number;
}

/** More probes than these do not end at one place; all their combinations are tried. */
const MOST_GROUPS = 10;

/** As the kernel's events tell, or as many as were lost. */
const waysToCount = (group: LostPackets): LostPackets[] => {
  const { packets, bytes, attempts = 0 } = group;
  return attempts > packets && bytes % packets === 0 ? [group, { ...group, packets: attempts, bytes: (bytes / packets) * attempts }] : [group];
};

interface Amount {
  packets: number;
  bytes: number;
}

/** Groups that are together exactly this much. */
const fill = ([group, ...others]: LostPackets[], { packets, bytes }: Amount): LostPackets[] | undefined => {
  if (packets === 0 && bytes === 0) return [];
  if (!group || packets <= 0 || bytes <= 0) return undefined;
  return fill(others, { packets, bytes }) ?? fillWith(group, others, { packets, bytes });
};

const fillWith = (group: LostPackets, others: LostPackets[], { packets, bytes }: Amount): LostPackets[] | undefined => {
  for (const way of waysToCount(group)) {
    const rest = fill(others, { packets: packets - way.packets, bytes: bytes - way.bytes });
    if (rest) return [way, ...rest];
  }
  return undefined;
};

/**
 * Probes whose lost packets together are exactly what a counter counted: their number and their bytes. `first` has to be among them.
 * Undefined when no combination fits, as on a node where others' packets meet the rule, too.
 */
export const countedExactly = (counted: Amount, groups: LostPackets[], first: string): LostPackets[] | undefined => {
  const main = groups.find(({ probe }) => probe === first);
  return main && fillWith(main, groups.filter((group) => group !== main).slice(0, MOST_GROUPS), counted);
};
