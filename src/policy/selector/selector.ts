export type Labels = Readonly<Record<string, string>>;

/** What selects things by their labels, whatever language it was written in. */
export interface Selector {
  /** As a person would read it: `app=web, tier in (a, b)`; empty when it selects everything. */
  readonly text: string;
  /** Keys it reads, for whoever has to know which labels matter. */
  readonly keys: readonly string[];
  matches: (labels: Labels) => boolean;
  /** Why these labels are not selected: `label team=b, wanted a`; empty when they are. */
  miss: (labels: Labels) => string;
}

/** A label may be called like a member of every object (`constructor`). */
export const labelOf = (labels: Labels, key: string): string | undefined => (Object.hasOwn(labels, key) ? labels[key] : undefined);

export const EVERYTHING: Selector = { text: '', keys: [], matches: () => true, miss: () => '' };
