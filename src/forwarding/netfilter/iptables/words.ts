/** One option with its values: `! --dport 80` of `-m tcp`. */
export interface OptionUse {
  name: string;
  values: string[];
  inverted: boolean;
}

/** One `-m` with what follows it; module `` holds the options every rule can have. */
export interface MatchUse {
  module: string;
  options: OptionUse[];
}

export interface RuleWords {
  matches: MatchUse[];
  target?: string;
  /** `-g`: does not come back. */
  goes: boolean;
  targetOptions: OptionUse[];
}

/** Long spellings that people type and iptables-save does not print. */
const short: Record<string, string> = {
  '--source': '-s',
  '--src': '-s',
  '--destination': '-d',
  '--dst': '-d',
  '--in-interface': '-i',
  '--out-interface': '-o',
  '--protocol': '-p',
  '--proto': '-p',
  '--match': '-m',
  '--jump': '-j',
  '--goto': '-g',
  '--fragment': '-f',
  '--source-port': '--sport',
  '--destination-port': '--dport',
  '--source-ports': '--sports',
  '--destination-ports': '--dports',
};

const common = new Set(['-s', '-d', '-i', '-o', '-p', '-f']);

/** Options whose one value may look like an option. */
const textual = new Set(['--comment', '--string', '--hex-string', '--name', '--u32', '--bytecode', '--log-prefix', '--nflog-prefix']);

/** Protocols whose name is also that of the module with their options. */
const protocolModules: Record<string, string> = {
  '6': 'tcp',
  '17': 'udp',
  '132': 'sctp',
  '1': 'icmp',
  '58': 'icmp6',
  'ipv6-icmp': 'icmp6',
  icmpv6: 'icmp6',
};

const isOption = (word: string): boolean => word === '!' || /^-{1,2}[a-zA-Z]/.test(word);

const valuesAfter = (words: readonly string[], at: number, option: string): string[] => {
  if (textual.has(option)) return words.slice(at, at + 1);
  let end = at;
  while (end < words.length && !isOption(words[end] ?? '')) end += 1;
  return words.slice(at, end);
};

/** A rule as iptables-save prints it after the chain, or as a person types it, taken apart. */
export const readRule = (words: readonly string[]): RuleWords => {
  const matches: MatchUse[] = [{ module: '', options: [] }];
  const rule: RuleWords = { matches, goes: false, targetOptions: [] };
  let protocol = '';
  let inverted = false;
  for (let at = 0; at < words.length; ) {
    const written = words[at] ?? '';
    const word = short[written] ?? written;
    at += 1;
    if (word === '!') {
      inverted = true;
      continue;
    }
    const values = valuesAfter(words, at, word);
    at += Math.max(values.length, 0);
    if (word === '-m') {
      matches.push({ module: values[0] ?? '', options: [] });
    } else if (word === '-j' || word === '-g') {
      rule.goes = word === '-g';
      rule.target = values[0] ?? '';
    } else if (rule.target !== undefined) {
      rule.targetOptions.push({ name: word, values, inverted });
    } else if (common.has(word)) {
      if (word === '-p') protocol = values[0] ?? '';
      matches[0]?.options.push({ name: word, values, inverted });
    } else {
      if (matches.length === 1) matches.push({ module: protocolModules[protocol] ?? protocol, options: [] });
      matches.at(-1)?.options.push({ name: word, values, inverted });
    }
    inverted = false;
  }
  return rule;
};

/** The value of a target's option: `--to-destination 10.0.0.1:80`. */
export const optionValue = (options: readonly OptionUse[], ...names: string[]): string | undefined =>
  options.find(({ name }) => names.includes(name))?.values[0];

export const has = (options: readonly OptionUse[], name: string): boolean => options.some((option) => option.name === name);
