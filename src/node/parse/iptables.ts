import type { IptablesChain, IptablesRule, IptablesTable } from '../netfilter-state.ts';
import type { Family } from '../snapshot.ts';
import type { Parsed } from './json.ts';
import { unquoted } from './words.ts';

const CHAIN = /^:(\S+) (\S+)(?: \[(\d+):(\d+)\])?$/;
const RULE = /^(?:\[(\d+):(\d+)\] )?-A (\S+) ?(.*)$/;

/** A comment, something else that is quoted, or a jump: what is quoted may hold anything. */
const PARTS = /--comment (?:"((?:[^"\\]|\\.)*)"|(\S+))|"(?:[^"\\]|\\.)*"|(?:^| )-[jg] (\S+)/g;

/** A target's own options come after it, so the first jump counts. Calico writes two comments: its hash, and what the rule is for. */
const detailsOf = (text: string): Pick<IptablesRule, 'target' | 'comment'> => {
  let target: string | undefined;
  let comment: string | undefined;
  for (const [, quoted, bare, jump] of text.matchAll(PARTS)) {
    const said = quoted === undefined ? bare : unquoted(quoted);
    if (said !== undefined) comment = comment === undefined ? said : `${comment}; ${said}`;
    else target ??= jump;
  }
  return { ...(target === undefined ? {} : { target }), ...(comment === undefined ? {} : { comment }) };
};

/** One rule as iptables-save prints it after `-A CHAIN`. */
export const ruleFrom = (text: string, number: number, packets = 0, bytes = 0): IptablesRule => ({
  number,
  packets,
  bytes,
  text,
  ...detailsOf(text),
});

const readChain = ([, name = '', policy = '', packets = '0', bytes = '0']: RegExpMatchArray): IptablesChain => ({
  name,
  ...(policy === 'ACCEPT' || policy === 'DROP' ? { policy } : {}),
  packets: Number(packets),
  bytes: Number(bytes),
  rules: [],
});

/** `iptables-save -c`, `ip6tables-save -c`, of either backend */
export const parseIptables = (text: string, backend: IptablesTable['backend'], family: Family): Parsed<IptablesTable[]> => {
  const value: IptablesTable[] = [];
  const unparsed: string[] = [];
  let table: IptablesTable | undefined;
  let chains = new Map<string, IptablesChain>();
  for (const line of text.split('\n')) {
    const rule = RULE.exec(line);
    if (rule) {
      const [, packets, bytes, name = '', words = ''] = rule;
      const rules = chains.get(name)?.rules;
      if (rules) rules.push(ruleFrom(words, rules.length + 1, Number(packets ?? 0), Number(bytes ?? 0)));
      else unparsed.push(line.slice(0, 120));
      continue;
    }
    if (line === 'COMMIT') table = undefined;
    if (line === '' || line === 'COMMIT') continue;
    const chain = CHAIN.exec(line);
    if (line.startsWith('#')) {
      // "# Table `nat' is incompatible, use 'nft' tool."
      if (line.includes('incompatible')) unparsed.push(line);
    } else if (line.startsWith('*')) {
      table = { backend, family, table: line.slice(1).trim(), chains: [] };
      value.push(table);
      chains = new Map();
    } else if (chain && table) {
      const made = readChain(chain);
      table.chains.push(made);
      chains.set(made.name, made);
    } else {
      unparsed.push(line.slice(0, 120));
    }
  }
  if (table) unparsed.push(`table ${table.table} ends before its COMMIT`);
  return { value, unparsed };
};
