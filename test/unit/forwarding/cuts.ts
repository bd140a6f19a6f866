import type { RawCollection, RawSection } from '../../../src/node/raw.ts';

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
