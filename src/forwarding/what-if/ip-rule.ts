import { parseRules } from '../../node/parse/rules.ts';
import type { Family, Netns, Rule } from '../../node/snapshot.ts';
import { fail } from './change.ts';

/** What every namespace has (net/ipv4/fib_rules.c fib_default_rules_init). */
const defaults = (family: Family): Rule[] =>
  ([[0, 'local'], [32766, 'main'], ...(family === 4 ? [[32767, 'default']] : [])] as [number, string][]).map(([priority, table]) => ({
    family,
    priority,
    not: false,
    from: anywhere(family),
    to: anywhere(family),
    table,
    action: 'lookup',
  }));

const anywhere = (family: Family): string => (family === 4 ? '0.0.0.0/0' : '::/0');

const readRule = (words: readonly string[], family: Family, priority: number): Rule => {
  const spelled = words.map((word) => (word === 'type' ? '' : word)).join(' ');
  const { value } = parseRules(`${priority}: ${/\bfrom\b/.test(spelled) ? '' : 'from all '}${spelled}`, family);
  const [rule] = value;
  return rule ?? fail(`ip rule: "${words.join(' ')}" is no rule`);
};

const without = (words: readonly string[], ...keys: string[]): { rest: string[]; priority?: number } => {
  const at = words.findIndex((word) => keys.includes(word));
  if (at < 0) return { rest: [...words] };
  const priority = Number(words[at + 1]);
  if (!Number.isInteger(priority)) fail(`ip rule: ${words[at + 1]} is no priority`);
  return { rest: words.toSpliced(at, 2), priority };
};

/** Before the second of those there are (net/core/fib_rules.c fib_default_rule_pref). */
const freePriority = (rules: Rule[]): number => Math.max(0, ([...rules].sort((a, b) => a.priority - b.priority)[1]?.priority ?? 1) - 1);

const same = (one: Rule, other: Rule, byPriority: boolean): boolean => {
  const key = (rule: Rule): string => JSON.stringify({ ...rule, priority: byPriority ? rule.priority : 0 }, Object.keys(rule).sort());
  return key(one) === key(other);
};

/** `ip rule add|del [pref N] [from …] [lookup TABLE]` */
export const changeRules = (netns: Netns, words: readonly string[], family: Family): Netns => {
  const [verb = '', ...asked] = words;
  const { rest, priority } = without(asked, 'pref', 'priority', 'order', 'preference');
  const others = netns.rules.filter((rule) => rule.family !== family);
  const own = netns.rules.some((rule) => rule.family === family) ? netns.rules.filter((rule) => rule.family === family) : defaults(family);
  if (verb === 'add') {
    const made = readRule(rest, family, priority ?? freePriority(own));
    return { ...netns, rules: [...others, ...[...own, made].sort((a, b) => a.priority - b.priority)] };
  }
  if (verb !== 'del' && verb !== 'delete') return fail('ip rule: add and del can be tried');
  const found =
    rest.length === 0
      ? own.findIndex((rule) => rule.priority === priority)
      : own.findIndex((rule) => same(rule, readRule(rest, family, priority ?? 0), priority !== undefined));
  if (found < 0) fail(`ip rule: there is no such rule (No such file or directory); there are ${own.map((rule) => rule.priority).join(', ')}`);
  return { ...netns, rules: [...others, ...own.toSpliced(found, 1)] };
};
