import type { Family, IptablesChain, IptablesRule, IptablesTable } from '../snapshot.ts';
import { optional, type Parsed } from './json.ts';
import { splitWords } from './words.ts';

const CHAIN = /^:(\S+) (\S+)(?: \[(\d+):(\d+)\])?$/;
const RULE = /^(?:\[(\d+):(\d+)\] )?-A (\S+) ?(.*)$/;

const commentsOf = (words: readonly string[]): string | undefined => {
  const comments = words.filter((_, index) => words[index - 1] === '--comment');
  // Calico writes two: its hash, and what the rule is for
  return comments.length === 0 ? undefined : comments.join('; ');
};

/** A target's own options may hold anything, so the first `-j` or `-g` outside a comment counts. */
const targetOf = (words: readonly string[]): string | undefined => {
  const at = words.findIndex((word, index) => (word === '-j' || word === '-g') && words[index - 1] !== '--comment');
  return at < 0 ? undefined : words[at + 1];
};

const readRule = (number: number, [, packets = '0', bytes = '0', , text = '']: RegExpMatchArray): IptablesRule => {
  const words = splitWords(text);
  return {
    number,
    packets: Number(packets),
    bytes: Number(bytes),
    text,
    words,
    ...optional('target', targetOf(words)),
    ...optional('comment', commentsOf(words)),
  };
};

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
  let chains = new Map<string, IptablesChain>();
  for (const line of text.split('\n')) {
    if (line === '' || line === 'COMMIT') continue;
    const table = value.at(-1);
    const chain = line.match(CHAIN);
    const rule = line.match(RULE);
    if (line.startsWith('#')) {
      // "# Table `nat' is incompatible, use 'nft' tool."
      if (line.includes('incompatible')) unparsed.push(line);
    } else if (line.startsWith('*')) {
      value.push({ backend, family, table: line.slice(1).trim(), chains: [] });
      chains = new Map();
    } else if (chain && table) {
      const made = readChain(chain);
      table.chains.push(made);
      chains.set(made.name, made);
    } else if (rule) {
      const owner = chains.get(rule[3] ?? '');
      if (owner) owner.rules.push(readRule(owner.rules.length + 1, rule));
      else unparsed.push(line.slice(0, 120));
    } else {
      unparsed.push(line.slice(0, 120));
    }
  }
  return { value, unparsed };
};
