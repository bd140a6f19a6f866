import type { Ipset } from '../snapshot.ts';
import { linesOf, type Parsed } from './json.ts';

/** `ipset save`: `create NAME TYPE family inet …`, then `add NAME ENTRY …`. Of an entry's options only `nomatch` decides anything. */
export const parseIpset = (text: string): Parsed<Ipset[]> => {
  const sets = new Map<string, Ipset>();
  const unparsed: string[] = [];
  for (const line of linesOf(text)) {
    const [verb, name = '', word = '', ...options] = line.trim().split(/\s+/);
    const set = sets.get(name);
    if (verb === 'create' && word !== '') {
      const family = options[options.indexOf('family') + 1];
      sets.set(name, { name, type: word, ...(family === 'inet' ? { family: 4 } : family === 'inet6' ? { family: 6 } : {}), entries: [] });
    } else if (verb === 'add' && set && word !== '') {
      set.entries.push(options.includes('nomatch') ? `${word} nomatch` : word);
    } else {
      unparsed.push(line.slice(0, 120));
    }
  }
  return { value: [...sets.values()], unparsed };
};
