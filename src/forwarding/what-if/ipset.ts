import type { Ipset } from '../../node/netfilter-state.ts';
import { fail, type Tool } from './change.ts';

const bare = (entry: string): string => (entry.split(' ')[0] ?? '').replace(/\/(32|128)$/, '');

const verbs: Record<string, (set: Ipset, entry: string, options: string[]) => string[]> = {
  add: ({ entries }, entry, options) => [
    ...entries.filter((one) => bare(one) !== bare(entry)),
    [entry, ...['nomatch', 'wildcard'].filter((option) => options.includes(option))].join(' '),
  ],
  del: ({ name, entries }, entry) =>
    entries.some((one) => bare(one) === bare(entry)) ? entries.filter((one) => bare(one) !== bare(entry)) : fail(`ipset: ${name} has no ${entry}`),
  flush: () => [],
};

/** `ipset add|del SET ENTRY`, `ipset flush SET` */
export const ipset: Tool = (words, { netns }) => {
  const [verb = '', name = '', entry = '', ...options] = words.filter((word) => word !== '-exist' && word !== '-!');
  const change = verbs[verb] ?? fail('ipset: add, del and flush can be tried');
  const { ipsets } = netns.netfilter;
  const set = ipsets.find((one) => one.name === name) ?? fail(`ipset: there is no set ${name}`);
  if (verb !== 'flush' && entry === '') fail(`ipset ${verb}: which entry?`);
  const after = { ...set, entries: change(set, entry, options) };
  return [{ ...netns, netfilter: { ...netns.netfilter, ipsets: ipsets.map((one) => (one === set ? after : one)) } }];
};
