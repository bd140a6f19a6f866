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

export const knows = (table: OptionTable, { name }: OptionUse): boolean => name in table;
