import type { Ipset, Netns } from '../../node/snapshot.ts';
import { inPrefix, sameAddress } from '../address.ts';
import type { Known, RuleContext } from './context.ts';

const byName = new WeakMap<Netns, Map<string, Ipset>>();

const ipsetNamed = (netns: Netns, name: string): Ipset | undefined => {
  const known = byName.get(netns) ?? new Map(netns.netfilter.ipsets.map((set) => [set.name, set]));
  byName.set(netns, known);
  return known.get(name);
};

/** One dimension of a set type against one side of the packet: (entry word, side, context) → match. */
const dimensions: Record<string, (word: string, side: string, context: RuleContext) => Known> = {
  ip: (word, side, { packet }) => addressMatches(word, side === 'src' ? packet.source : packet.destination),
  net: (word, side, { packet }) => addressMatches(word, side === 'src' ? packet.source : packet.destination),
  port: (word, side, { packet }) => portMatches(word, packet.protocol, side === 'src' ? packet.sourcePort : packet.destinationPort),
  iface: (word, side, { iif, oif }) => word === (side === 'src' ? iif : oif),
  mark: (word, _side, { mark }) => Number(word) === mark,
};

const addressMatches = (word: string, address: string): boolean => {
  if (word.includes('/')) return inPrefix(word, address);
  if (word.includes('-')) return false;
  return sameAddress(word, address);
};

/** `tcp:80`, `udp:8000-9000`, `80` (tcp when unsaid). */
const portMatches = (word: string, protocol: string, port: number | undefined): boolean => {
  const [first = '', second] = word.split(':');
  const [wanted, range] = second === undefined ? ['tcp', first] : [first, second];
  const [low, high = low] = range.split('-').map(Number);
  return wanted === protocol && port !== undefined && low !== undefined && high !== undefined && port >= low && port <= high;
};

/** `-m set --match-set NAME src,dst`: is there an entry all of whose dimensions match? `nomatch` entries except what a wider one contains. */
export const inIpset = (context: RuleContext, name: string, sides: string[]): Known => {
  const set = ipsetNamed(context.netns, name);
  if (!set) return undefined;
  const [storage = '', list] = set.type.split(':');
  if (storage === 'list') return anyOf(set.entries.map((entry) => inIpset(context, entry.split(' ')[0] ?? '', sides)));
  const kinds = list?.split(',') ?? [];
  if (storage === 'bitmap' || kinds.some((kind) => !(kind in dimensions)) || sides.length < kinds.length) return undefined;
  const hits = set.entries.filter((entry) => entryMatches(entry, kinds, sides, context));
  return hits.length > 0 && !hits.some((entry) => entry.split(' ').includes('nomatch'));
};

const anyOf = (answers: Known[]): Known => (answers.includes(true) ? true : answers.includes(undefined) ? undefined : false);

const entryMatches = (entry: string, kinds: string[], sides: string[], context: RuleContext): boolean => {
  const words = (entry.split(' ')[0] ?? '').split(',');
  return kinds.every((kind, index) => dimensions[kind]?.(words[index] ?? '', sides[index] ?? '', context) === true);
};
