import type { IptablesChain, IptablesRule, IptablesTable } from '../../../node/netfilter-state.ts';
import { splitWords } from '../../../node/parse/words.ts';
import { parsePrefix } from '../../address.ts';
import type { RuleRef } from '../../hop.ts';
import { named } from '../../named.ts';
import type { Matcher } from '../context.ts';
import { commonMatches, headerModules } from './header-matches.ts';
import { conjunction, type Module } from './module.ts';
import { stateModules } from './state-matches.ts';
import { type MatchUse, type OptionUse, type RuleWords, readRule } from './words.ts';

const modules: Record<string, Module> = { '': conjunction(commonMatches), ...headerModules, ...stateModules };

export interface CompiledRule {
  rule: IptablesRule;
  matchers: Matcher[];
  /** How often the rule matches packets that its other matches take; 1 where no dice are rolled. */
  chance: number;
  target?: string;
  goes: boolean;
  options: OptionUse[];
  /** The one address it is for, where it names one. */
  destination?: string;
}

const cannotSay: Matcher = () => undefined;

/** An option a module does not know belongs to that of the protocol, which iptables loads unasked. */
const compileUse = ({ module, options }: MatchUse, rule: RuleWords): { matchers: Matcher[]; chance: number } => {
  const compile = named(modules, module);
  const compiled = compile?.(options) ?? protocolModule(rule)?.(options);
  if (!compiled) return { matchers: [cannotSay], chance: 1 };
  let chance = 1;
  const matchers: Matcher[] = [];
  for (const one of compiled) {
    if ('matcher' in one) matchers.push(one.matcher);
    else chance *= one.inverted ? 1 - one.chance : one.chance;
  }
  return { matchers, chance };
};

const protocolModule = ({ matches: [common] }: RuleWords): Module | undefined => {
  const protocol = common?.options.find(({ name }) => name === '-p')?.values[0];
  return protocol === undefined ? undefined : named(headerModules, protocol);
};

const hostOf = ({ matches: [common] }: RuleWords): string | undefined => {
  const option = common?.options.find(({ name }) => name === '-d');
  if (!option || option.inverted) return undefined;
  const [text = ''] = option.values;
  const prefix = parsePrefix(text);
  return prefix && prefix.length === (prefix.family === 4 ? 32 : 128) ? text.split('/')[0] : undefined;
};

export const compileRule = (rule: IptablesRule): CompiledRule => {
  const words = readRule(splitWords(rule.text));
  const uses = words.matches.map((use) => compileUse(use, words));
  const destination = hostOf(words);
  return {
    rule,
    matchers: uses.flatMap(({ matchers }) => matchers),
    chance: uses.reduce((product, { chance }) => product * chance, 1),
    ...(words.target === undefined ? {} : { target: words.target }),
    goes: words.goes,
    options: words.targetOptions,
    ...(destination === undefined ? {} : { destination }),
  };
};

export interface CompiledChain {
  rules: CompiledRule[];
  /** Positions of the rules that can match a packet to this address; undefined where looking at all of them is as quick. */
  positions?: (destination: string) => number[];
}

/** A chain this long is looked up by address: KUBE-SERVICES has rules for each Service. */
const LONG_CHAIN = 32;

const byDestination = (rules: CompiledRule[]): CompiledChain['positions'] => {
  const anywhere: number[] = [];
  const own = new Map<string, number[]>();
  for (const [position, { destination }] of rules.entries()) {
    if (destination === undefined) anywhere.push(position);
    else own.set(destination, [...(own.get(destination) ?? []), position]);
  }
  if (own.size < LONG_CHAIN) return undefined;
  return (destination) => {
    const found = own.get(destination);
    return found ? [...anywhere, ...found].sort((a, b) => a - b) : anywhere;
  };
};

const chains = new WeakMap<IptablesChain, CompiledChain>();

/** Chains are compiled when a packet first enters them: most of a large ruleset no packet ever sees. */
export const compiledChain = (chain: IptablesChain): CompiledChain => {
  const known = chains.get(chain);
  if (known) return known;
  const rules = chain.rules.map(compileRule);
  const positions = rules.length > LONG_CHAIN ? byDestination(rules) : undefined;
  const compiled = { rules, ...(positions ? { positions } : {}) };
  chains.set(chain, compiled);
  return compiled;
};

const chainIndex = new WeakMap<IptablesTable, Map<string, IptablesChain>>();

export const chainNamed = (table: IptablesTable, name: string): IptablesChain | undefined => {
  const known = chainIndex.get(table) ?? new Map(table.chains.map((chain) => [chain.name, chain]));
  chainIndex.set(table, known);
  return known.get(name);
};

export const refer = (table: IptablesTable, chain: string, rule?: IptablesRule): RuleRef => ({
  backend: table.backend === 'nft' ? 'iptables-nft' : 'iptables-legacy',
  table: table.table,
  chain,
  ...(rule ? { number: rule.number } : {}),
  text: rule ? `-A ${chain} ${rule.text}` : `policy of ${chain}`,
});
