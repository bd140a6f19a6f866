import { type Canvas, paint } from '../canvas.ts';
import { renderFindings, renderNotChecked } from '../findings.ts';
import { type Column, renderTable, wrapText } from '../table.ts';
import { enforcementLine, head, plural, say, sections, verdictLine } from './common.ts';
import type { PolicyView } from './pair.ts';
import type { ConnectionChange, PolicyDiffReport } from './reports.ts';

const COLUMNS: Column[] = [
  { head: '' },
  { head: 'FROM', shrinkTo: 14 },
  { head: 'TO', shrinkTo: 14 },
  { head: 'BEFORE', shrinkTo: 10 },
  { head: 'AFTER', shrinkTo: 10 },
];

const signOf = ({ lost, gained }: ConnectionChange): '-' | '+' | '±' => (lost === 'none' ? '+' : gained === 'none' ? '-' : '±');

const MOST_NAMES = 8;

const namesText = (names: readonly string[], wide: boolean): string => {
  const shown = wide ? names : names.slice(0, MOST_NAMES);
  return shown.join(', ') + (names.length > shown.length ? `, … ${names.length - shown.length} more (-o wide)` : '');
};

const renderChanges = ({ changes }: PolicyDiffReport, canvas: Canvas, { wide, noHeaders }: PolicyView): string => {
  if (changes.length === 0) return '';
  const rows = changes.map((change) =>
    [
      canvas.unicode ? signOf(change) : signOf(change).replace('±', '~'),
      namesText(change.from, wide),
      namesText(change.to, wide),
      change.before,
      change.after,
    ].map((cell) => say(canvas, cell)),
  );
  return renderTable(COLUMNS, rows, canvas, {
    noHeaders,
    ink: (cell, _, row) => {
      const change = changes[row];
      return change ? paint(canvas, change.lost === 'none' ? 'green' : 'red', cell) : cell;
    },
  });
};

const verdict = ({ changes, compared }: PolicyDiffReport, canvas: Canvas): string => {
  const lost = changes.filter((change) => change.lost !== 'none').length;
  const of = `${plural(compared, 'pair')} compared`;
  if (lost > 0) return verdictLine('bad', `This takes away what is allowed now: ${plural(lost, 'change')} of ${changes.length} (${of}).`, canvas);
  if (changes.length > 0)
    return verdictLine('good', `Nothing that is allowed now is lost; ${plural(changes.length, 'change')} only allow more (${of}).`, canvas);
  return verdictLine('good', `This changes nothing of who may reach whom (${of}).`, canvas);
};

/** `policy --diff` as text. */
export const renderDiff = (report: PolicyDiffReport, canvas: Canvas, view: PolicyView): string =>
  sections([
    [
      head(`What ${report.files.join(', ')} would change`, canvas),
      enforcementLine(report.enforcement, canvas),
      ...report.objects.map(({ object, change }) => wrapText(say(canvas, `${object}: ${change}`), canvas, '')),
    ].join('\n'),
    renderChanges(report, canvas, view),
    verdict(report, canvas),
    renderFindings(report.findings, canvas),
    renderNotChecked(report.notChecked, canvas),
  ]);
