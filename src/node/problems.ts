import { optional } from './parse/json.ts';
import { endsEarly, type RawSection } from './raw.ts';
import type { SectionProblem } from './snapshot.ts';

/** grep's exit status tells whether a line matched, not whether reading worked. */
const GREPPED: ReadonlySet<string> = new Set(['sysctls', 'conntrack', 'counters', 'ipam', 'sockets-proc', 'recent']);

const firstLine = (text: string): string => text.trim().split('\n')[0] ?? '';

/** Bytes are cut at the limit, so a full section was cut; head's end is SIGPIPE (141) to the program. */
const CUT_STATUS = 141;
/** timeout(1) ended it. */
const TIMED_OUT = 124;

/** What is wrong with a section as it came, before anyone read it. */
export const problemOf = (section: RawSection): SectionProblem | undefined => {
  const { name, netns, status, stderr } = section;
  const problem = (kind: SectionProblem['kind'], detail: string): SectionProblem => ({ section: name, ...optional('netns', netns), kind, detail });
  const isAnswered = status === 0 || status === 'absent' || (GREPPED.has(name) && (status === 1 || status === 2) && stderr === '');
  if (isAnswered) return endsEarly(section) ? problem('truncated', 'ends in the middle of a line') : undefined;
  if (status === 'missing') return problem('missing', firstLine(stderr));
  if (status === 'cut') return problem('truncated', 'the collector ended while it was read');
  if (status === CUT_STATUS) return problem('truncated', 'more than the limit of one section');
  if (status === TIMED_OUT) return problem('failed', 'took too long to answer');
  return problem('failed', firstLine(stderr) || `exit status ${status}`);
};

export const unparsedProblem = (section: string, netns: string | undefined, unparsed: readonly string[]): SectionProblem => ({
  section,
  ...optional('netns', netns),
  kind: 'unparsed',
  detail: `${unparsed.length} not understood, first: ${unparsed[0] ?? ''}`,
});
