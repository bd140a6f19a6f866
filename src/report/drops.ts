import { ruleName } from '../diagnosis/rule-words.ts';
import { hostPort } from '../forwarding/address.ts';
import { type Canvas, isNarrow, mark, paint, plain } from './canvas.ts';
import type { DropFlow, DropRow, DropsReport } from './drops-report.ts';
import { escapeLine } from './escape.ts';
import { renderFindings, renderNotChecked } from './findings.ts';
import { type Column, renderTable, wrapText } from './table.ts';

export interface DropsView {
  wide: boolean;
  noHeaders: boolean;
  /** The harmless ones too. */
  all: boolean;
}

const COLUMNS: Column[] = [
  { head: 'RATE', align: 'right' },
  { head: 'COUNT', align: 'right' },
  { head: 'WHERE', shrinkTo: 9 },
  { head: 'INTERFACE', shrinkTo: 10 },
  { head: 'DROPPED BY', shrinkTo: 16 },
  { head: 'TRAFFIC', shrinkTo: 18 },
];

const WIDE: Column[] = [{ head: 'KERNEL', shrinkTo: 20 }];

/** `12.0/s`, `0.3/s`, `1250/s` */
const rate = (perSecond: number): string => `${perSecond >= 100 ? Math.round(perSecond) : perSecond.toFixed(1)}/s`;

const flow = ({ source, destination, protocol, sourcePort, destinationPort }: DropFlow): string =>
  `${hostPort(source, sourcePort)} → ${hostPort(destination, destinationPort)} ${protocol}`;

const traffic = ({ flows, moreFlows }: DropRow): string => {
  const [first, ...others] = flows;
  if (!first) return 'not seen';
  const more = others.length + moreFlows;
  return `${flow(first)}${more === 0 ? '' : ` and ${more} more`}`;
};

const interfaceCell = ({ interface: name, direction }: DropRow): string =>
  name === undefined ? '' : `${name}${direction === undefined ? '' : ` ${direction}`}`;

const kernel = ({ reason, function: place, hook }: DropRow): string => [reason, `${place}()`, hook].filter((part) => part !== undefined).join(' ');

/** What drops it, or for a harmless drop why it is none to think about. */
const dropper = ({ severity, what, why, rule }: DropRow, narrow: boolean): string => {
  if (severity === 'harmless' && why !== undefined) return why;
  // the finding below has the whole rule
  const by = narrow && rule ? ruleName(rule) : what;
  return why === undefined ? by : `${by} (${why})`;
};

const cells = (row: DropRow, wide: boolean, narrow: boolean): string[] => [
  rate(row.perSecond),
  `${row.count}`,
  row.where === '' ? 'not known' : narrow ? row.where.replace(/^pod [^/]+\//, '') : row.where,
  interfaceCell(row),
  dropper(row, narrow),
  traffic(row),
  ...(wide ? [kernel(row)] : []),
];

const renderRows = (rows: DropRow[], canvas: Canvas, { wide, noHeaders }: DropsView): string => {
  if (rows.length === 0) return '';
  const table = rows.map((row) => cells(row, wide, isNarrow(canvas)).map((cell) => plain(canvas, escapeLine(cell))));
  return renderTable(wide ? [...COLUMNS, ...WIDE] : COLUMNS, table, canvas, {
    noHeaders,
    ink: (cell, column, row) => {
      const severity = rows[row]?.severity;
      if (column.head !== 'RATE' || severity === undefined) return cell;
      return severity === 'harmless' ? paint(canvas, 'dim', cell) : paint(canvas, severity === 'problem' ? 'red' : 'yellow', cell);
    },
  });
};

const packets = (count: number): string => `${count} packet${count === 1 ? '' : 's'}`;

const sum = (rows: DropRow[]): number => rows.reduce((total, { count }) => total + count, 0);

const lasted = (seconds: number): string => `${seconds.toFixed(1)} s`;

const verdict = ({ rows, node, pod, seconds }: DropsReport): { name: 'good' | 'bad' | 'warn'; ink: 'green' | 'red' | 'yellow'; text: string } => {
  const whose = pod === undefined ? node : `${node} for ${pod}`;
  if (seconds === 0) return { name: 'warn', ink: 'yellow', text: `what ${whose} drops could not be seen` };
  const problems = rows.filter(({ severity }) => severity === 'problem');
  const warnings = rows.filter(({ severity }) => severity === 'warning');
  if (problems.length > 0)
    return { name: 'bad', ink: 'red', text: `${whose} drops ${packets(sum(problems))} in ${lasted(seconds)} that somebody may miss` };
  if (warnings.length > 0)
    return {
      name: 'warn',
      ink: 'yellow',
      text: `${whose} drops nothing that surely matters in ${lasted(seconds)}; ${packets(sum(warnings))} may be worth a look`,
    };
  return { name: 'good', ink: 'green', text: `nothing that matters is dropped on ${whose} in ${lasted(seconds)}` };
};

const HOW: Record<DropsReport['seenBy'], string> = {
  headers: "the kernel's drop events, with the headers of each packet",
  captures: "the kernel's drop events, joined with captures of the node's interfaces",
  reasons: "the kernel's drop events alone: whose packets they were could not be seen",
};

/** The whole report as text, ending in a line end. */
export const renderDrops = (report: DropsReport, canvas: Canvas, view: DropsView): string => {
  const { node, pod, seconds, rows } = report;
  const harmless = rows.filter(({ severity }) => severity === 'harmless');
  const shown = view.all ? rows : rows.filter(({ severity }) => severity !== 'harmless');
  const folded = view.all || harmless.length === 0 ? '' : `${sum(harmless)} harmless drops, as every node has them, are not shown: --all shows them`;
  const { name, ink, text } = verdict(report);
  const say = (line: string): string => plain(canvas, escapeLine(line));
  const sections = [
    [
      paint(canvas, 'bold', wrapText(say(`What ${node} dropped${pod === undefined ? '' : ` of ${pod}`} in ${lasted(seconds)}`), canvas, '')),
      ...(seconds === 0 ? [] : [paint(canvas, 'dim', wrapText(say(`seen by ${HOW[report.seenBy]}`), canvas, ''))]),
    ].join('\n'),
    renderRows(shown, canvas, view),
    paint(canvas, ['bold', ink], wrapText(say(`${mark(canvas, name)} ${text}.`), canvas, '', '  ')),
    folded === '' ? '' : paint(canvas, 'dim', wrapText(say(folded), canvas, '')),
    renderFindings(
      report.findings.filter(({ severity }) => severity === 'problem'),
      canvas,
    ),
    renderNotChecked(report.notChecked, canvas),
  ];
  return `${sections.filter((section) => section !== '').join('\n\n')}\n`;
};
