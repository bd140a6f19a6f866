import type { Verdict } from './compare.ts';

export type Disagreement = Extract<Verdict, { kind: 'disagree' }>;

/** What kind of disagreement it is, without the names and numbers of the case. */
export const signatureOf = ({ aspect, predicted, seen }: Disagreement): string => `${aspect}: ${kindOf(predicted)} / ${kindOf(seen)}`;

/** `stopped: reverse-path`, `delivered`, `not delivered; ICMP 3/1`: what comes before the details. */
const kindOf = (words: string): string => {
  const [, stop] = /^stopped .*?: ([a-z-]+)/.exec(words) ?? [];
  if (stop !== undefined) return `stopped: ${stop}`;
  const [first = ''] = words.split('\n');
  return first
    .replace(/; seen: .*/, '')
    .replace(/ (to|at) .*/, '')
    .replace(/\S*[\d:]{2,}\S*|\bn\d(p\d)?\S*/g, '#')
    .replace(/(# → #)(, # → #)+/, '$1');
};

/** Reasons of a model that does not know, alike but for names and numbers. */
export const unknownKind = (reason: string): string =>
  reason
    .replace(/[0-9a-f]*[:.][0-9a-f:.]+(\/\d+)?/g, '#')
    .replace(/\b(n\d(p\d)?|t\d+|[A-Z]{4}-\d+-\d+|[a-z]+\d+-\d+|[a-z]+\d+|\d+|0x[0-9a-f]+)\b/g, '#')
    .slice(0, 100);

/** The whole of it but for what changes when a rule or a probe before it goes: a shrunk case must tell the same story. */
export const storyOf = ({ aspect, predicted, seen }: Disagreement): string => {
  const told = aspect === 'counter' ? [predicted.replace(/^\d+ /, ''), ''] : [predicted, seen];
  return [aspect, ...told]
    .join('|')
    .replace(/#\d+|handle \d+/g, '#')
    .replace(/:\d{4,5}\b/g, ':#');
};
