import type { IptablesChain, IptablesRule, IptablesTable } from '../../node/netfilter-state.ts';
import { ruleFrom } from '../../node/parse/iptables.ts';
import { splitWords } from '../../node/parse/words.ts';
import type { Family, Netns } from '../../node/snapshot.ts';
import { readRule } from '../netfilter/iptables/words.ts';
import { fail, type Tool } from './change.ts';
import { ruleText, sameRule } from './iptables-rule.ts';

type Backend = IptablesTable['backend'];

/** Chains each table has by itself (net/ipv4/netfilter/iptable_*.c). */
const builtin: Record<string, string[]> = {
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  raw: ['PREROUTING', 'OUTPUT'],
  security: ['INPUT', 'FORWARD', 'OUTPUT'],
};

const long: Record<string, string> = {
  '--append': '-A',
  '--insert': '-I',
  '--delete': '-D',
  '--replace': '-R',
  '--policy': '-P',
  '--flush': '-F',
  '--new-chain': '-N',
  '--delete-chain': '-X',
  '--table': '-t',
};

/** Options that change nothing about what a command does. */
const mute = new Set(['-w', '--wait', '-v', '--verbose', '-n', '--numeric']);

interface Request {
  table: string;
  action: string;
  words: string[];
}

const readRequest = (words: readonly string[]): Request => {
  const rest = words.map((word) => long[word] ?? word);
  const request: Request = { table: 'filter', action: '', words: [] };
  for (let at = 0; at < rest.length; at += 1) {
    const word = rest[at] ?? '';
    if (word === '-t' && rest[at - 1] !== '--comment') {
      at += 1;
      request.table = rest[at] ?? '';
    } else if (mute.has(word)) at += word.includes('w') && /^\d+$/.test(rest[at + 1] ?? '') ? 1 : 0;
    else if (request.action === '' && /^-[AIDRPFNX]$/.test(word)) request.action = word;
    else request.words.push(words[at] ?? '');
  }
  if (request.action === '') fail('iptables: nothing is changed by this; -A, -I, -D, -R, -P, -F, -N and -X can be tried');
  if (!builtin[request.table]) fail(`iptables has no table ${request.table}`);
  return request;
};

const renumbered = (rules: IptablesRule[]): IptablesRule[] =>
  rules.map((rule, index) => (rule.number === index + 1 ? rule : { ...rule, number: index + 1 }));

interface Edit {
  family: Family;
  table: IptablesTable;
  words: string[];
}

const chainOf = ({ table }: Edit, name = ''): IptablesChain =>
  table.chains.find((chain) => chain.name === name) ??
  fail(
    `table ${table.table} has no chain ${name}: it has ${table.chains
      .map((chain) => chain.name)
      .slice(0, 12)
      .join(', ')}`,
  );

const made = ({ table }: Edit, words: readonly string[]): IptablesRule => {
  const { target } = readRule(words);
  if (target !== undefined && /^[a-z]|^(KUBE|CALI|CILIUM|FLANNEL)-/.test(target) && !table.chains.some(({ name }) => name === target))
    fail(`table ${table.table} has no chain ${target} to jump to`);
  return ruleFrom(ruleText(words), 0);
};

const count = ({ rules }: IptablesChain): string => `${rules.length} rule${rules.length === 1 ? '' : 's'}`;

const positionIn = (chain: IptablesChain, word: string): number => {
  const number = Number(word);
  if (number < 1 || number > chain.rules.length) fail(`${chain.name} has ${count(chain)}, and no rule ${word}`);
  return number - 1;
};

const positionOf = ({ family }: Edit, chain: IptablesChain, words: readonly string[]): number => {
  const at = chain.rules.findIndex(({ text }) => sameRule(family, splitWords(text), words));
  if (at >= 0) return at;
  return fail(
    `${chain.name} has no such rule. It has:${chain.rules
      .slice(0, 8)
      .map(({ number, text }) => ` ${number}) ${text}`)
      .join('')}`,
  );
};

const isNumber = (words: readonly string[]): boolean => words.length === 1 && /^\d+$/.test(words[0] ?? '');

const withChain = ({ table }: Edit, changed: IptablesChain): IptablesTable => ({
  ...table,
  chains: table.chains.map((chain) => (chain.name === changed.name ? changed : chain)),
});

const withRules = (edit: Edit, chain: IptablesChain, rules: IptablesRule[]): IptablesTable => withChain(edit, { ...chain, rules: renumbered(rules) });

const actions: Record<string, (edit: Edit) => IptablesTable> = {
  '-A': (edit) => {
    const [name, ...words] = edit.words;
    const chain = chainOf(edit, name);
    return withRules(edit, chain, [...chain.rules, made(edit, words)]);
  },
  '-I': (edit) => {
    const [name, ...words] = edit.words;
    const chain = chainOf(edit, name);
    const [number, ...rest] = /^\d+$/.test(words[0] ?? '') ? words : ['1', ...words];
    const at = Number(number) - 1;
    if (at < 0 || at > chain.rules.length) fail(`${chain.name} has ${count(chain)}: nothing can be put at place ${number}`);
    return withRules(edit, chain, chain.rules.toSpliced(at, 0, made(edit, rest)));
  },
  '-D': (edit) => {
    const [name, ...words] = edit.words;
    const chain = chainOf(edit, name);
    const at = isNumber(words) ? positionIn(chain, words[0] ?? '') : positionOf(edit, chain, words);
    return withRules(edit, chain, chain.rules.toSpliced(at, 1));
  },
  '-R': (edit) => {
    const [name, number = '', ...words] = edit.words;
    const chain = chainOf(edit, name);
    return withRules(edit, chain, chain.rules.toSpliced(positionIn(chain, number), 1, made(edit, words)));
  },
  '-P': (edit) => {
    const [name, policy = ''] = edit.words;
    const chain = chainOf(edit, name);
    if (policy !== 'ACCEPT' && policy !== 'DROP') fail(`a policy is ACCEPT or DROP, not ${policy}`);
    if (!builtin[edit.table.table]?.includes(chain.name)) fail(`${chain.name} is not built in and has no policy`);
    return withChain(edit, { ...chain, policy: policy === 'DROP' ? 'DROP' : 'ACCEPT' });
  },
  '-F': (edit) => {
    const [name] = edit.words;
    const only = name === undefined ? undefined : chainOf(edit, name);
    return { ...edit.table, chains: edit.table.chains.map((chain) => (only === undefined || chain === only ? { ...chain, rules: [] } : chain)) };
  },
  '-N': (edit) => {
    const [name = ''] = edit.words;
    if (edit.table.chains.some((chain) => chain.name === name)) fail(`table ${edit.table.table} has a chain ${name} already`);
    return { ...edit.table, chains: [...edit.table.chains, { name, packets: 0, bytes: 0, rules: [] }] };
  },
  '-X': (edit) => {
    const chain = chainOf(edit, edit.words[0]);
    const user = edit.table.chains.find(({ rules }) => rules.some(({ target }) => target === chain.name));
    if (chain.policy !== undefined || chain.rules.length > 0 || user)
      fail(
        `${chain.name} cannot be deleted: it ${chain.rules.length > 0 ? `has ${count(chain)}` : user ? `is jumped to from ${user.name}` : 'is built in'}`,
      );
    return { ...edit.table, chains: edit.table.chains.filter((one) => one !== chain) };
  },
};

const emptyTable = (backend: Backend, family: Family, table: string): IptablesTable => ({
  backend,
  family,
  table,
  chains: (builtin[table] ?? []).map((name) => ({ name, policy: 'ACCEPT' as const, packets: 0, bytes: 0, rules: [] })),
});

/** What `iptables` without a suffix is on this node: the kind that it has rules of. */
const backendOf = ({ netfilter }: Netns, family: Family): Backend => {
  const own = netfilter.iptables.filter((table) => table.family === family);
  return own.some(({ backend }) => backend === 'nft') || own.length === 0 ? 'nft' : 'legacy';
};

/** `iptables`, `ip6tables`, `iptables-nft`, `ip6tables-legacy`… */
export const iptables =
  (family: Family, kind?: Backend): Tool =>
  (words, { netns }) => {
    const request = readRequest(words);
    const backend = kind ?? backendOf(netns, family);
    const { iptables: tables } = netns.netfilter;
    const known = tables.find((one) => one.family === family && one.backend === backend && one.table === request.table);
    const before = known ?? emptyTable(backend, family, request.table);
    const after = actions[request.action]?.({ family, table: before, words: request.words }) ?? before;
    const iptablesAfter = known ? tables.map((one) => (one === known ? after : one)) : [...tables, after];
    return [{ ...netns, netfilter: { ...netns.netfilter, iptables: iptablesAfter } }];
  };
