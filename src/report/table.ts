import Table from 'cli-table3';
import stringWidth from 'string-width';
import { type Canvas, paint } from './canvas.ts';

export interface Column {
  head: string;
  /** Narrowest width this column may be wrapped to when the terminal is too small; absent: never wrapped. */
  shrinkTo?: number;
  align?: 'right';
}

/** kubectl's look: upper-case heads, no borders, a gap of three. */
const GAP = 3;
const noBorders = Object.fromEntries(
  [
    'top',
    'top-mid',
    'top-left',
    'top-right',
    'bottom',
    'bottom-mid',
    'bottom-left',
    'bottom-right',
    'left',
    'left-mid',
    'mid',
    'mid-mid',
    'right',
    'right-mid',
    'middle',
  ].map((part) => [part, '']),
);

/** Widest line a cell has. */
const cellWidth = (cell: string): number => Math.max(0, ...cell.split('\n').map((line) => stringWidth(line)));

/**
 * Widths that fit into `columns`: the widest shrinkable column gives way first, each down to its own floor. What does not fit even so is
 * left too wide: a wrapped line is better than a cut address.
 */
const fitWidths = (natural: number[], columns: Column[], available: number): number[] => {
  const widths = [...natural];
  const total = (): number => widths.reduce((sum, width) => sum + width + GAP, -GAP);
  while (total() > available) {
    let widest = -1;
    for (const [index, column] of columns.entries()) {
      if (column.shrinkTo === undefined || (widths[index] ?? 0) <= column.shrinkTo) continue;
      if (widest < 0 || (widths[index] ?? 0) > (widths[widest] ?? 0)) widest = index;
    }
    if (widest < 0) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return widths;
};

/** Breaks at spaces; a word longer than the width is broken where it must be. Widths are display columns. */
const wrap = (text: string, width: number): string => {
  const lines: string[] = [];
  for (const paragraph of text.split('\n')) {
    let line = '';
    for (const word of paragraph.split(' ')) {
      let rest = word;
      if (line !== '' && stringWidth(line) + 1 + stringWidth(rest) > width) {
        lines.push(line);
        line = '';
      }
      while (line === '' && stringWidth(rest) > width) {
        lines.push(rest.slice(0, width));
        rest = rest.slice(width);
      }
      line = line === '' ? rest : `${line} ${rest}`;
    }
    lines.push(line);
  }
  return lines.join('\n');
};

/** Sentences below a table, wrapped to the terminal with a hanging indent. */
export const wrapText = (text: string, canvas: Canvas, indent: string, hanging = indent): string => {
  if (canvas.columns === 0) return indent + text;
  const width = Math.max(20, canvas.columns - stringWidth(hanging));
  return indent + wrap(text, width).split('\n').join(`\n${hanging}`);
};

/** Rows of a table; a string instead of cells is a separator line drawn across. */
export type Row = string[] | { separator: string };

export interface TableOptions {
  noHeaders?: boolean;
  /** Painted after layout, by cell text, so that colour never changes a width. */
  ink?: (cell: string, column: Column, row: number) => string;
}

/** Lays rows out; every cell must be escaped already. No trailing spaces, ends without a line end. */
export const renderTable = (columns: Column[], rows: Row[], canvas: Canvas, options: TableOptions = {}): string => {
  const cells = rows.filter((row): row is string[] => Array.isArray(row));
  const natural = columns.map((column, index) =>
    Math.max(options.noHeaders ? 0 : stringWidth(column.head), ...cells.map((row) => cellWidth(row[index] ?? ''))),
  );
  const widths = canvas.columns > 0 ? fitWidths(natural, columns, canvas.columns) : natural;
  const layout = (body: string[][], ink: (cell: string, column: Column, row: number) => string): string => {
    const table = new Table({
      chars: noBorders,
      style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
      colWidths: widths.map((width, index) => width + (index === widths.length - 1 ? 0 : GAP)),
    });
    for (const [rowIndex, row] of body.entries()) {
      table.push(
        columns.map((column, index) => {
          const wrapped = wrap(row[index] ?? '', widths[index] ?? 0);
          const aligned =
            column.align === 'right'
              ? wrapped
                  .split('\n')
                  .map((line) => ' '.repeat(Math.max(0, (widths[index] ?? 0) - stringWidth(line))) + line)
                  .join('\n')
              : wrapped;
          return aligned
            .split('\n')
            .map((line) => ink(line, column, rowIndex))
            .join('\n');
        }),
      );
    }
    return table.toString();
  };
  const lines: string[] = [];
  if (!options.noHeaders) lines.push(layout([columns.map((column) => column.head)], (cell) => paint(canvas, 'bold', cell)));
  const ink = options.ink ?? ((cell: string) => cell);
  for (const [index, row] of rows.entries()) {
    if (Array.isArray(row)) lines.push(layout([row], (cell, column) => ink(cell, column, index)));
    else lines.push(separatorLine(row.separator, widths, canvas));
  }
  return lines
    .join('\n')
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
};

/** `─── text ───` across the table, or the text alone where it fills the line. */
const separatorLine = (text: string, widths: number[], canvas: Canvas): string => {
  const total = widths.reduce((sum, width) => sum + width + GAP, -GAP);
  const width = canvas.columns > 0 ? Math.min(total, canvas.columns) : total;
  if (canvas.columns > 0 && stringWidth(text) + 4 > width)
    return wrapText(text, canvas, '    ')
      .split('\n')
      .map((line) => `    ${paint(canvas, 'red', line.trimStart())}`)
      .join('\n');
  const dashes = Math.max(0, width - stringWidth(text) - 2 - 4);
  const dash = canvas.unicode ? '─' : '-';
  const left = Math.floor(dashes / 2);
  return `    ${paint(canvas, 'red', `${dash.repeat(left)} ${text} ${dash.repeat(dashes - left)}`.trim())}`;
};
