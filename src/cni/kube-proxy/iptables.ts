import type { IptablesChain, IptablesRule, IptablesTable } from '../../node/netfilter-state.ts';
import { splitWords } from '../../node/parse/words.ts';
import type { Family, Netns } from '../../node/snapshot.ts';
import { backendText, type Frontend, keyOf } from './frontend.ts';
import type { Programmed, ProxyRules } from './rules.ts';

interface Entry {
  rule: IptablesRule;
  chain: string;
  /** Chains of the table it stands in. */
  table: Map<string, IptablesChain>;
}

interface FamilyRules {
  nat: Map<string, IptablesChain>[];
  entries: Map<string, Entry[]>;
}

/** Chains in which kube-proxy looks a packet's destination up (pkg/proxy/iptables/proxier.go); those of table filter refuse. */
const LOOKUPS: Record<string, string[]> = {
  nat: ['KUBE-SERVICES', 'KUBE-NODEPORTS'],
  filter: ['KUBE-SERVICES', 'KUBE-EXTERNAL-SERVICES', 'KUBE-NODEPORTS'],
};

const DESTINATION = /(?:^| )-d ([0-9a-fA-F.:]+)(?:\/(?:32|128))? /;
const PORT = /--dport (\d+)(?: |$)/;
const PROTOCOL = /-p (tcp|udp|sctp) /;

/** Rules for a range of addresses, or negated ones, are no frontends: `! -d 127.0.0.0/8`, `! -s 10.244.0.0/16 -d 10.96.0.1/32`. */
const keyOfRule = (text: string): string | undefined => {
  const [, port] = PORT.exec(text) ?? [];
  const [, protocol] = PROTOCOL.exec(text) ?? [];
  if (port === undefined || protocol === undefined || text.includes('-j KUBE-MARK-MASQ')) return undefined;
  const address = DESTINATION.exec(text)?.[1];
  if (address === undefined && / -d |^-d /.test(text)) return undefined;
  return keyOf({ ...(address === undefined ? {} : { address }), protocol: protocol as Frontend['protocol'], port: Number(port) });
};

const readFamily = (tables: IptablesTable[]): FamilyRules => {
  const entries = new Map<string, Entry[]>();
  const nat: FamilyRules['nat'] = [];
  for (const { table: name, chains } of tables) {
    const table = new Map(chains.map((chain) => [chain.name, chain]));
    if (name === 'nat') nat.push(table);
    for (const chain of LOOKUPS[name] ?? []) {
      for (const rule of table.get(chain)?.rules ?? []) {
        const key = keyOfRule(rule.text);
        if (key !== undefined) entries.set(key, [...(entries.get(key) ?? []), { rule, chain, table }]);
      }
    }
  }
  return { nat, entries };
};

/** Matches that let some packets by: not of everyone, or not each time. */
const CONDITIONS = /-m statistic|-m recent .*--rcheck|(?:^|! | )-s |--src-type|! -d /;

interface Reach {
  targets: string[];
  hollow: string[];
  affinity: boolean;
  /** Every packet that comes in is translated. */
  whole: boolean;
}

const NOTHING: Reach = { targets: [], hollow: [], affinity: false, whole: false };

/** Where a chain's connections can end, followed through its jumps. */
const follow = (name: string, table: Map<string, IptablesChain>, path: string[] = []): Reach => {
  const rules = table.get(name)?.rules ?? [];
  const reach: Reach = { targets: [], hollow: [], affinity: false, whole: false };
  for (const { text, target = '' } of rules) {
    if (target === 'DNAT') {
      const words = splitWords(text);
      reach.targets.push(backendOf(words[words.indexOf('--to-destination') + 1] ?? ''));
      reach.affinity ||= text.includes('-m recent');
      reach.whole ||= !CONDITIONS.test(text);
      continue;
    }
    if (!target.startsWith('KUBE-') || target === 'KUBE-MARK-MASQ' || path.includes(target)) continue;
    const next = follow(target, table, [...path, name]);
    reach.targets.push(...next.targets);
    reach.hollow.push(...next.hollow);
    reach.affinity ||= next.affinity || text.includes('-m recent');
    // who may not come in by a load balancer's address is refused elsewhere
    reach.whole ||= next.whole && (name.startsWith('KUBE-FW-') || !CONDITIONS.test(text));
  }
  if (reach.targets.length === 0 && reach.hollow.length === 0) return { ...NOTHING, hollow: [name] };
  return { ...reach, targets: [...new Set(reach.targets)], hollow: [...new Set(reach.hollow)] };
};

/** `10.244.1.3:8080`, `[fd00::3]:8080` */
const backendOf = (text: string): string => {
  const [, six, four, port] = /^(?:\[([^\]]+)\]|([0-9.]+)):(\d+)/.exec(text) ?? [];
  return port === undefined ? text : backendText(six ?? four ?? '', Number(port));
};

/** `"demo/web:http cluster IP"`, `"demo/web has no endpoints"` */
const serviceOf = (text: string): { service?: string } => {
  const [, service] = /--comment "?([a-z0-9-]+\/[a-z0-9.-]+)/.exec(text) ?? [];
  return service === undefined ? {} : { service };
};

const REFUSALS: Record<string, Programmed['verdict']> = { REJECT: 'reject', DROP: 'drop' };

const programmed = ({ rule, chain, table }: Entry): Programmed | undefined => {
  const { text, target = '' } = rule;
  const base = { text: `-A ${chain} ${text}`, ...serviceOf(text) };
  const verdict = REFUSALS[target];
  if (verdict) return { ...base, verdict, targets: [], hollow: [], affinity: false };
  if (!target.startsWith('KUBE-')) return undefined;
  const { whole, ...reach } = follow(target, table);
  // a chain that is empty gives the packet back: the rule behind its jump takes it
  return { ...base, verdict: 'forward', chain: target, ...reach, ...(whole ? {} : { leaks: target }) };
};

/** The node's own hooks into table nat: without them nobody asks kube-proxy's chains. */
const HOOKS = ['PREROUTING', 'OUTPUT'];

const leadsTo = (chain: IptablesChain | undefined, wanted: string): boolean => chain?.rules.some(({ target }) => target === wanted) ?? false;

/** Both worlds of iptables, as either may hold the rules. */
export const iptablesRules = ({ netfilter }: Netns): ProxyRules => {
  const families = new Map<Family, FamilyRules>(
    ([4, 6] as const).map((family) => [family, readFamily(netfilter.iptables.filter((table) => table.family === family))]),
  );
  return {
    lookup: (frontend) => {
      const found = (families.get(frontend.family)?.entries.get(keyOf(frontend)) ?? []).flatMap((entry) => programmed(entry) ?? []);
      // beside a Local Service's way in stands what refuses the rest
      const forwards = found.filter(({ verdict }) => verdict === 'forward');
      return forwards.length > 0 ? forwards : found;
    },
    unhooked: ({ family }) => {
      const nat = (families.get(family)?.nat ?? []).filter((table) => table.has('KUBE-SERVICES'));
      if (nat.length === 0) return [];
      return HOOKS.filter((hook) => !nat.some((table) => leadsTo(table.get(hook), 'KUBE-SERVICES'))).map(
        (hook) => `no rule of nat ${hook} leads to KUBE-SERVICES`,
      );
    },
    unmasked: ({ family }) => {
      const nat = (families.get(family)?.nat ?? []).filter((table) => table.has('KUBE-SERVICES'));
      if (nat.length === 0) return [];
      return [
        ...(nat.some((table) => leadsTo(table.get('POSTROUTING'), 'KUBE-POSTROUTING'))
          ? []
          : ['no rule of nat POSTROUTING leads to KUBE-POSTROUTING']),
        ...(nat.some((table) => leadsTo(table.get('KUBE-POSTROUTING'), 'MASQUERADE')) ? [] : ['chain KUBE-POSTROUTING does not masquerade']),
      ];
    },
  };
};
