import { negateIf } from './context.ts';
import { type Matcher, options, reversePath, unknown } from './iptables-options.ts';

/** Modules whose mere presence asks something. */
const modules: Record<string, Matcher> = { rpfilter: (context) => reversePath.matcher?.([])(context) };

/** Modules that only load options named above. */
const silentModules = new Set(
  'comment tcp udp sctp icmp icmp6 conntrack state mark set addrtype physdev multiport iprange nfacct pkttype statistic'.split(' '),
);

/** Random and stateful choice of kube-proxy's Service chains. */
const choiceOptions = new Set(['--probability', '--every', '--packet', '--rcheck', '--update']);

export interface CompiledMatch {
  matchers: Matcher[];
  /** The rule asks for luck or for memory of earlier packets. */
  choice: boolean;
  target?: string;
  goes: boolean;
  targetOptions: string[];
}

/** iptables-save words → what they ask. */
export const compileWords = (words: string[]): CompiledMatch => {
  const compiled: CompiledMatch = { matchers: [], choice: false, goes: false, targetOptions: [] };
  let inverted = false;
  for (let at = 0; at < words.length; ) {
    const word = words[at] ?? '';
    at += 1;
    if (word === '!') {
      inverted = true;
      continue;
    }
    if (word === '-j' || word === '-g') {
      compiled.goes = word === '-g';
      compiled.target = words[at] ?? '';
      compiled.targetOptions = words.slice(at + 1);
      break;
    }
    if (choiceOptions.has(word)) compiled.choice = true;
    at += addOption(compiled, word, words.slice(at), inverted);
    inverted = false;
  }
  return compiled;
};

/** Returns how many words were taken. */
const addOption = (compiled: CompiledMatch, word: string, rest: string[], inverted: boolean): number => {
  if (word === '-m') {
    const name = rest[0] ?? '';
    const asks = modules[name];
    if (asks) compiled.matchers.push((context) => negateIf(rest.includes('--invert'), asks(context)));
    else if (!silentModules.has(name)) compiled.matchers.push(unknown);
    return 1;
  }
  // Only rpfilter prints --invert, handled with its module.
  if (word === '--invert') return 0;
  const option = options[word];
  if (!option) {
    compiled.matchers.push(unknown);
    const next = rest.findIndex((candidate) => candidate.startsWith('-') || candidate === '!');
    return next === -1 ? rest.length : next;
  }
  const values = rest.slice(0, option.words);
  const matcher = option.matcher?.(values);
  if (matcher) compiled.matchers.push((context) => negateIf(inverted, matcher(context)));
  return option.words;
};
