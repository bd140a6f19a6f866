import { type Matcher, negateIf } from '../context.ts';
import type { OptionUse } from './words.ts';

/** What a match asks: a matcher, or how often it says yes of itself. */
export type CompiledMatch = { matcher: Matcher } | { chance: number; inverted: boolean };

/** Undefined for options it does not understand: then nobody can say. */
export type Module = (options: readonly OptionUse[]) => CompiledMatch[] | undefined;

/** `silent`: the option changes nothing that we model. */
export type OptionTable = Record<string, ((...values: string[]) => Matcher) | 'silent'>;

/** A module all of whose options have to hold. */
export const conjunction =
  (table: OptionTable): Module =>
  (options) => {
    const compiled: CompiledMatch[] = [];
    for (const { name, values, inverted } of options) {
      const option = table[name];
      if (option === undefined) return undefined;
      if (option === 'silent') continue;
      const matcher = option(...values);
      compiled.push({ matcher: (pass) => negateIf(inverted, matcher(pass)) });
    }
    return compiled;
  };

/**
 * Questions about a connection: of a packet that belongs to none the answer is no, negated or not. Where its state is asked for, too, that
 * alone counts (net/netfilter/xt_conntrack.c conntrack_mt, xt_connmark.c connmark_mt).
 */
export const ofConnection =
  (table: OptionTable, states: readonly string[] = []): Module =>
  (options) => {
    const asksState = options.some(({ name }) => states.includes(name));
    const compiled: CompiledMatch[] = [];
    for (const option of options) {
      const matches = conjunction(table)([option]);
      if (!matches) return undefined;
      const isState = states.includes(option.name);
      for (const match of matches) {
        const asked = 'matcher' in match && !isState ? match.matcher : undefined;
        compiled.push(asked ? { matcher: (pass) => (pass.tracking.found ? asked(pass) : asksState) } : match);
      }
    }
    return compiled;
  };

export const knows = (table: OptionTable, { name }: OptionUse): boolean => name in table;
