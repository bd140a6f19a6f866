import type { Family, Netns } from '../../node/snapshot.ts';
import type { RuleRef } from '../hop.ts';
import { type HookName, proceed, type RuleContext, type Verdict } from './context.ts';
import { chainNamed, runBaseChain } from './iptables.ts';
import { runNftBaseChain } from './nft.ts';

/** One registered base chain, in the kernel's order at its hook. */
interface BaseChain {
  priority: number;
  /** NAT chains see only the first packet of a flow. */
  nat: boolean;
  run: (context: RuleContext) => Verdict;
}

/** Priorities of iptables' tables (include/uapi/linux/netfilter_ipv4.h nf_ip_hook_priorities). */
const tablePriorities: Record<string, number> = { raw: -300, mangle: -150, filter: 0, security: 50 };

/** Where conntrack undoes a translation for the reply: destinations before routing, sources after. */
const destinationNat = -100;
const sourceNat = 100;

const tablePriority = (table: string, hook: HookName): number =>
  table === 'nat' ? (hook === 'prerouting' || hook === 'output' ? destinationNat : sourceNat) : (tablePriorities[table] ?? 0);

const cache = new WeakMap<Netns, Map<string, BaseChain[]>>();

const baseChains = (netns: Netns, family: Family, hook: HookName): BaseChain[] => {
  const known = cache.get(netns) ?? new Map<string, BaseChain[]>();
  cache.set(netns, known);
  const key = `${family} ${hook}`;
  const chains = known.get(key) ?? collect(netns, family, hook);
  known.set(key, chains);
  return chains;
};

const collect = (netns: Netns, family: Family, hook: HookName): BaseChain[] =>
  [...iptablesChains(netns, family, hook), ...nftChains(netns, family, hook)].sort((a, b) => a.priority - b.priority);

const iptablesChains = (netns: Netns, family: Family, hook: HookName): BaseChain[] =>
  netns.netfilter.iptables
    .filter((table) => table.family === family)
    .flatMap((table) => {
      const chain = chainNamed(table, hook.toUpperCase());
      const run = (context: RuleContext): Verdict => (chain ? runBaseChain(table, chain, context) : proceed);
      return chain ? [{ priority: tablePriority(table.table, hook), nat: table.table === 'nat', run }] : [];
    });

const nftChains = (netns: Netns, family: Family, hook: HookName): BaseChain[] =>
  netns.netfilter.nft
    .filter((table) => table.family === 'inet' || table.family === (family === 4 ? 'ip' : 'ip6'))
    .flatMap((table) =>
      table.chains
        .filter((chain) => chain.hook === hook)
        .map((chain) => ({
          priority: chain.priority ?? 0,
          nat: chain.type === 'nat',
          run: (context: RuleContext): Verdict => runNftBaseChain(table, chain, context),
        })),
    );

export interface HookResult {
  kind: 'accept' | 'drop' | 'reject';
  /** The rule that dropped, or the last that accepted explicitly. */
  by?: RuleRef;
}

/** How a hook changes the packet; given by the IP stack, which knows conntrack. */
interface HookActions {
  /** At priority -100 (before routing) and 100 (after). */
  undo: (context: RuleContext) => void;
  translate: (context: RuleContext, verdict: Extract<Verdict, { kind: 'dnat' | 'snat' }>) => void;
}

/** All base chains of one hook in order: an accept goes on to the next chain, a drop is final. */
export const runHook = (context: RuleContext, actions: HookActions): HookResult => {
  const at = context.hook === 'prerouting' || context.hook === 'output' ? destinationNat : sourceNat;
  const family = context.packet.destination.includes(':') ? 6 : 4;
  let accepted: RuleRef | undefined;
  let translated = false;
  let undone = false;
  const undo = (): void => {
    if (!undone) actions.undo(context);
    undone = true;
  };
  for (const chain of baseChains(context.netns, family, context.hook)) {
    if (chain.priority >= at) undo();
    if (chain.nat && (context.state !== 'NEW' || translated)) continue;
    const verdict = chain.run(context);
    if (verdict.kind === 'accept' && !chain.nat) accepted = verdict.by ?? accepted;
    if (verdict.kind === 'dnat' || verdict.kind === 'snat') {
      translated = true;
      actions.translate(context, verdict);
    }
    if (verdict.kind !== 'drop' && verdict.kind !== 'reject') continue;
    if (!context.shaky) return { kind: verdict.kind, by: verdict.by };
    context.unsure.push(`may be dropped by ${verdict.by.table} ${verdict.by.text}`);
  }
  undo();
  return { kind: 'accept', ...(accepted ? { by: accepted } : {}) };
};
