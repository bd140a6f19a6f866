import type { IptablesChain, IptablesTable } from '../../../src/node/netfilter-state.ts';
import { ruleFrom } from '../../../src/node/parse/iptables.ts';
import type { Family } from '../../../src/node/snapshot.ts';

/** iptables-save text → tables, enough of it for rules written by hand in a test (no escapes inside quotes). */
export const tablesFrom = (text: string, backend: 'nft' | 'legacy' = 'nft', family: Family = 4): IptablesTable[] => {
  const tables: IptablesTable[] = [];
  for (const line of text.split('\n').map((raw) => raw.trim())) {
    if (line.startsWith('*')) tables.push({ backend, family, table: line.slice(1), chains: [] });
    const table = tables.at(-1);
    if (table && line.startsWith(':')) table.chains.push(chainFrom(line));
    const [, counters, name = '', rule = ''] = /^(\[\d+:\d+\] )?-A (\S+) ?(.*)$/.exec(line) ?? [];
    const chain = table?.chains.find((candidate) => candidate.name === name);
    if (chain) addRule(chain, rule, counters);
  }
  return tables;
};

const chainFrom = (line: string): IptablesChain => {
  const [, name = '', policy] = /^:(\S+) (\S+)/.exec(line) ?? [];
  return { name, ...(policy === 'ACCEPT' || policy === 'DROP' ? { policy } : {}), packets: 0, bytes: 0, rules: [] };
};

const addRule = (chain: IptablesChain, text: string, counters = ''): void => {
  const [packets = 0, bytes = 0] = (counters.match(/\d+/g) ?? []).map(Number);
  chain.rules.push(ruleFrom(text, chain.rules.length + 1, packets, bytes));
};
