import type { Ipset } from '../netfilter-state.ts';
import { linesOf, optional, type Parsed } from './json.ts';

/** Options of an entry that decide what it matches. */
const deciding = ['nomatch', 'wildcard'];

/** `ipset save`: `create NAME TYPE family inet …`, then `add NAME ENTRY …`. */
export const parseIpset = (text: string): Parsed<Ipset[]> => {
  const sets = new Map<string, Ipset>();
  const unparsed: string[] = [];
  for (const line of linesOf(text)) {
    const [verb, name = '', word = '', ...options] = line.trim().split(/\s+/);
    const set = sets.get(name);
    if (verb === 'create' && word !== '') {
      const after = (key: string): string | undefined => (options.includes(key) ? options[options.indexOf(key) + 1] : undefined);
      const family = after('family');
      const netmask = after('netmask');
      sets.set(name, {
        name,
        type: word,
        ...(family === 'inet' ? { family: 4 } : family === 'inet6' ? { family: 6 } : {}),
        ...(netmask !== undefined && /^\d+$/.test(netmask) ? { netmask: Number(netmask) } : {}),
        ...optional('markmask', after('markmask')),
        entries: [],
      });
    } else if (verb === 'add' && set && word !== '') {
      set.entries.push([word, ...deciding.filter((option) => options.includes(option))].join(' '));
    } else {
      unparsed.push(line.slice(0, 120));
    }
  }
  return { value: [...sets.values()], unparsed };
};
