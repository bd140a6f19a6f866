import { looksLikeJson } from './parse/json.ts';

/** What a collector run printed, section by section, as text: what a bundle keeps and every parser starts from. */
export interface RawCollection {
  /** Kubernetes node name. */
  node: string;
  reach: 'node' | 'pod';
  /** UIDs of pods known to live in a namespace that the collector could not tell (pod reach: the one it ran in). */
  podUid?: string;
  sections: RawSection[];
}

export interface RawSection {
  name: string;
  /** Network namespace inode; absent for what belongs to the node. */
  netns?: string;
  /** Whose program it was. */
  tool: 'image' | 'node';
  /** Exit status, `missing`, `absent`, `failed`; `cut` when the stream ended inside. */
  status: number | string;
  text: string;
  stderr: string;
}

/** Programs end every line, JSON apart; files may be as they like. */
const isLined = ({ name, text }: Pick<RawSection, 'name' | 'text'>): boolean => name !== 'file' && !looksLikeJson(text);

/** Ends in the middle of a line, or of an answer in JSON. */
export const endsEarly = (section: Pick<RawSection, 'name' | 'text'>): boolean => {
  const { text } = section;
  if (section.name === 'file' || text.trim() === '') return false;
  return isLined(section) ? !text.endsWith('\n') : ![']', '}'].includes(text.trimEnd().at(-1) ?? '');
};

/** Without the beginning of a line at its end: half a number or address is another one. */
export const wholeLines = (section: Pick<RawSection, 'name' | 'text'>): string =>
  isLined(section) ? section.text.slice(0, section.text.lastIndexOf('\n') + 1) : section.text;

const readSection = (head: string, body: string, mark: string): RawSection => {
  const [name = '', netns = '-', tool] = head.split(' ');
  const common = { name, ...(netns === '-' ? {} : { netns }), tool: tool === 'node' ? 'node' : 'image' } as const;
  const end = body.lastIndexOf(`\n@${mark} end `);
  const close = body.lastIndexOf(`\n@${mark} close`);
  if (end < 0 || close < 0) return { ...common, status: 'cut', text: body, stderr: '' };
  const text = body.slice(0, end);
  const tail = body.slice(end + mark.length + 7, close);
  const lineEnd = tail.indexOf('\n');
  const status = tail.slice(0, lineEnd < 0 ? undefined : lineEnd);
  return { ...common, status: /^\d+$/.test(status) ? Number(status) : status, text, stderr: lineEnd < 0 ? '' : tail.slice(lineEnd + 1).trim() };
};

/** The collector's stdout (src/node/collector/frame.ts tells its form) to sections; text before the first section is not ours. */
export const readFrames = (output: string, mark: string): RawSection[] =>
  `\n${output}`
    .split(`\n@${mark} begin `)
    .slice(1)
    .map((part) => {
      const lineEnd = part.indexOf('\n');
      return lineEnd < 0 ? readSection(part, '', mark) : readSection(part.slice(0, lineEnd), `\n${part.slice(lineEnd + 1)}`, mark);
    })
    .map((section) => ({ ...section, text: section.text.startsWith('\n') ? section.text.slice(1) : section.text }));
