import stringWidth from 'string-width';
import { type Canvas, paint } from '../canvas.ts';
import { renderFindings, renderNotChecked } from '../findings.ts';
import { type Column, renderTable } from '../table.ts';
import { enforcementLine, head, plural, say, sections } from './common.ts';
import type { PolicyView } from './pair.ts';
import type { PolicyMatrixReport } from './reports.ts';

/** `any`, `none`, `TCP 80` between two groups by position. */
export const cellText = ({ cells, traffic }: Pick<PolicyMatrixReport, 'cells' | 'traffic'>, from: number, to: number): string =>
  traffic[cells[from]?.[to] ?? -1] ?? 'none';

/** What passes between two addresses outside is no matter of this cluster's policies. */
export const isJudged = ({ groups }: Pick<PolicyMatrixReport, 'groups'>, from: number, to: number): boolean =>
  groups[from]?.kind === 'pods' || groups[to]?.kind === 'pods';

const short = (report: PolicyMatrixReport, from: number, to: number): string => {
  if (!isJudged(report, from, to)) return '';
  const text = cellText(report, from, to);
  return text === 'none' ? '-' : text;
};

/** More rows than this nobody reads as a grid. */
const MOST_IN_GRID = 24;

const grid = (report: PolicyMatrixReport, canvas: Canvas, noHeaders: boolean): string | undefined => {
  const { groups } = report;
  if (groups.length > MOST_IN_GRID) return undefined;
  const rows = groups.map(({ name, pods }, from) => [
    `${from + 1}`,
    ...[name, pods > 0 ? `${pods}` : '-', ...groups.map((_, to) => short(report, from, to))].map((cell) => say(canvas, cell)),
  ]);
  const columns: Column[] = [
    { head: '#', align: 'right' },
    { head: 'FROM', shrinkTo: 16 },
    { head: 'PODS', align: 'right' },
    ...groups.map((_, to): Column => ({ head: say(canvas, `→${to + 1}`) })),
  ];
  const least = columns.reduce((sum, { head: name, shrinkTo }, index) => {
    const cells = rows.map((row) => stringWidth(row[index] ?? ''));
    return sum + 3 + (shrinkTo ?? Math.max(stringWidth(name), ...cells));
  }, 0);
  if (canvas.columns > 0 && least > canvas.columns) return undefined;
  return renderTable(columns, rows, canvas, {
    noHeaders,
    ink: (cell, column) =>
      column.head.length > 1 && /\d$/.test(column.head)
        ? paint(canvas, cell.trim() === '-' ? 'red' : cell.trim() === 'any' ? 'green' : 'yellow', cell)
        : cell,
  });
};

const LIST: Column[] = [
  { head: 'FROM', shrinkTo: 16 },
  { head: 'TRAFFIC', shrinkTo: 12 },
  { head: 'TO', shrinkTo: 20 },
];

/** One line for each source and each kind of traffic; what is not listed is denied. */
const list = (report: PolicyMatrixReport, canvas: Canvas, noHeaders: boolean): string => {
  const { groups } = report;
  const rows = groups.flatMap(({ name }, from) => {
    const judged = [...groups.keys()].filter((to) => isJudged(report, from, to));
    const byTraffic = Map.groupBy(judged, (to) => cellText(report, from, to));
    const shown = [...byTraffic].filter(([traffic]) => traffic !== 'none');
    if (shown.length === 0) return [[name, '-', 'nobody']];
    return shown.map(([traffic, to]) => [
      name,
      traffic,
      to.length === judged.length ? 'everybody' : to.map((position) => groups[position]?.name ?? '').join(', '),
    ]);
  });
  return renderTable(
    LIST,
    rows.map((row) => row.map((cell) => say(canvas, cell))),
    canvas,
    { noHeaders },
  );
};

/** `policy --matrix` as text: a grid where it fits, else a list. */
export const renderMatrix = (report: PolicyMatrixReport, canvas: Canvas, { wide, noHeaders }: PolicyView): string => {
  const { namespace, groups } = report;
  const pods = groups.reduce((sum, one) => sum + one.pods, 0);
  const where = namespace === undefined ? 'all namespaces' : `namespace ${namespace}`;
  const body =
    pods === 0
      ? say(canvas, 'No pods that policies could act on.')
      : ((wide ? undefined : grid(report, canvas, noHeaders)) ?? list(report, canvas, noHeaders));
  return sections([
    [
      head(`Who may reach whom in ${where}: ${plural(pods, 'pod')}, ${plural(groups.length, 'group')} that policies tell apart`, canvas),
      enforcementLine(report.enforcement, canvas),
    ].join('\n'),
    body,
    renderFindings(report.findings, canvas),
    renderNotChecked(report.notChecked, canvas),
  ]);
};
