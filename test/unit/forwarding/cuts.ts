import type { RawCollection, RawSection } from '../../../src/node/raw.ts';
import type { Netns, NodeSnapshot } from '../../../src/node/snapshot.ts';

/** What may become of a section on its way: it never came, nothing or only half of it did, or with it the whole reading ended. */
export const cuts = ['lost', 'emptied', 'halved', 'the last'] as const;

export type Cut = (typeof cuts)[number];

/** The first half by length, never up to the very end of a line, which nobody could tell from the whole. */
const half = (text: string): string => {
  const at = Math.floor(text.length / 2);
  return text.slice(0, text[at - 1] === '\n' ? at - 1 : at);
};

/** The sections of this name, in one namespace if one is named. */
export interface CutAt {
  name: string;
  netns?: string | undefined;
}

/** The very same collection where it has no such section. */
export const cutCollection = (raw: RawCollection, cut: Cut, { name, netns }: CutAt): RawCollection => {
  const isHit = (section: RawSection): boolean => section.name === name && (netns === undefined || section.netns === netns);
  if (!raw.sections.some(isHit)) return raw;
  const sections = raw.sections.flatMap((section) => {
    if (!isHit(section)) return [section];
    if (cut === 'lost') return [];
    return { ...section, text: cut === 'emptied' ? '' : half(section.text), ...(cut === 'the last' ? { status: 'cut' } : {}) };
  });
  const last = cut === 'the last' ? raw.sections.findIndex(isHit) : -1;
  return { ...raw, sections: last < 0 ? sections : sections.slice(0, last + 1) };
};

export const namesIn = (collections: RawCollection[]): string[] => [
  ...new Set(collections.flatMap(({ sections }) => sections.map(({ name }) => name))),
];

/** What a section of the collector becomes in a namespace. */
const parts: Record<string, (netns: Netns) => unknown[][]> = {
  links: (netns) => [netns.links],
  'inet-4': (netns) => [netns.routes, netns.rules, netns.neighbours],
  'inet-6': (netns) => [netns.routes, netns.rules, netns.neighbours],
  fdb: (netns) => [netns.fdb],
  'iptables-nft-4': (netns) => [netns.netfilter.iptables],
  'iptables-nft-6': (netns) => [netns.netfilter.iptables],
  nft: (netns) => [netns.netfilter.nft],
  ipset: (netns) => [netns.netfilter.ipsets],
  'tc-ingress': (netns) => [netns.tc.filters],
  sockets: (netns) => [netns.sockets],
};

/** Those that a snapshot tells apart. */
export const sectionsOfSnapshots = [...Object.keys(parts), 'sysctls'];

const isOf = (section: string, entry: unknown): boolean =>
  !/-[46]$/.test(section) || (entry as { family?: number }).family === Number(section.slice(-1));

/** The snapshot without its section, or with its first half, as its collection would have made it. */
export const cutSnapshot = (whole: NodeSnapshot, section: string, share: number): NodeSnapshot => {
  const snapshot = structuredClone(whole);
  for (const netns of snapshot.namespaces) {
    if (section === 'sysctls') netns.sysctls = Object.fromEntries(Object.entries(netns.sysctls).slice(0, Object.keys(netns.sysctls).length * share));
    for (const list of parts[section]?.(netns) ?? []) {
      const own = list.filter((entry) => isOf(section, entry));
      const kept = new Set(own.slice(0, Math.floor(own.length * share)));
      list.splice(0, list.length, ...list.filter((entry) => kept.has(entry) || !own.includes(entry)));
    }
    const kind = share === 0 ? ('missing' as const) : ('truncated' as const);
    snapshot.problems.push({ section, netns: netns.inode, kind, detail: 'cut' });
  }
  return snapshot;
};
