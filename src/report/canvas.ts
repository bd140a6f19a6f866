import { styleText } from 'node:util';

/** What a renderer may know of where its text will be read. Passed in, never looked up, so that rendering is a pure function. */
export interface Canvas {
  /** Terminal width; 0 when the reader is not a terminal and lines may be as long as they like. */
  columns: number;
  colour: boolean;
  /** False where box-drawing and marks would come out as garbage (TERM=linux consoles, LANG=C). */
  unicode: boolean;
}

/** Where both ends of a line would have to be broken in the middle of names, they are left to the head of the report, which has them. */
export const isNarrow = ({ columns }: Canvas): boolean => columns > 0 && columns < 110;

type Ink = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** The only place that writes an escape sequence. */
export const paint = (canvas: Canvas, ink: Ink | Ink[], text: string): string =>
  canvas.colour && text !== '' ? styleText(ink, text, { validateStream: false }) : text;

/** Marks with a plain spelling for consoles without Unicode. */
export const mark = (canvas: Canvas, name: 'bad' | 'warn' | 'good' | 'bullet' | 'rule' | 'arrow' | 'both' | 'dot'): string => {
  const marks = {
    bad: ['✗', 'x'],
    warn: ['!', '!'],
    good: ['✓', 'ok'],
    bullet: ['·', '-'],
    rule: ['─', '-'],
    arrow: ['→', '->'],
    both: ['↔', '<->'],
    dot: ['·', '|'],
  };
  return marks[name][canvas.unicode ? 0 : 1] as string;
};

/** Sentences written by the judges use → ↔ · × µ; spell them for consoles that cannot show them. */
export const plain = (canvas: Canvas, text: string): string =>
  canvas.unicode
    ? text
    : text
        .replaceAll('→', '->')
        .replaceAll('←', '<-')
        .replaceAll('↔', '<->')
        .replaceAll('·', '|')
        .replaceAll('µ', 'u')
        .replaceAll('×', 'x')
        .replaceAll('…', '...')
        .replaceAll('≥', '>=')
        .replaceAll('≤', '<=')
        .replaceAll('⇒', '=>')
        .replaceAll('≠', '!=')
        .replaceAll('–', '-');
