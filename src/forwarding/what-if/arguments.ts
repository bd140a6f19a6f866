import type { Family } from '../../node/snapshot.ts';
import { fail } from './change.ts';

/** `dev eth0 via 10.0.0.1 onlink`: what follows each key, and the words that follow none. */
export interface Arguments {
  value: (key: string) => string | undefined;
  has: (flag: string) => boolean;
  /** Words before the first key. */
  first: string[];
}

/** iproute2's words: `keys` are those that take a value. */
export const readArguments = (words: readonly string[], keys: ReadonlySet<string>): Arguments => {
  const values = new Map<string, string>();
  const flags = new Set<string>();
  const first: string[] = [];
  let started = false;
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    if (keys.has(word)) {
      at += 1;
      values.set(word, words[at] ?? fail(`${word} without a value`));
      started = true;
    } else if (started) flags.add(word);
    else first.push(word);
  }
  return { value: (key) => values.get(key), has: (flag) => flags.has(flag) || first.includes(flag), first };
};

/** `-4`, `-6` and whatever else stands before the object of `ip`. */
export const familyAsked = (options: readonly string[], address: string | undefined): Family =>
  options.includes('-6') || (!options.includes('-4') && address?.includes(':') === true) ? 6 : 4;
