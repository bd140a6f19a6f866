import { refText } from '../../policy/model.ts';
import type { Side, Step } from '../../policy/verdict.ts';
import { outcomeText, packetText, placeText, reasonText } from '../../policy/words.ts';
import { type Canvas, paint } from '../canvas.ts';
import { renderFindings, renderNotChecked } from '../findings.ts';
import { type Column, renderTable, wrapText } from '../table.ts';
import { enforcementLine, head, plural, say, sections, verdictLine } from './common.ts';
import type { Between, FlowReport, PolicyEnd, PolicyReport } from './reports.ts';

const COLUMNS: Column[] = [
  { head: 'WAY' },
  { head: 'TIER', shrinkTo: 7 },
  { head: 'POLICY', shrinkTo: 16 },
  { head: 'RULE', shrinkTo: 10 },
  { head: 'SAYS', shrinkTo: 18 },
];

const WAY = { egress: 'out', ingress: 'in' } as const;

const endText = ({ label, kind, pods }: PolicyEnd): string =>
  kind === 'service' || (pods !== undefined && pods > 1) ? `${label} (${plural(pods ?? 0, 'pod')})` : label;

const betweenText = ({ from, to, addresses, sources, destinations, hairpin }: Between): string => {
  const others = (count: number): string => (count > 1 ? ` and ${count - 1} like it` : '');
  const at = addresses.length > 0 ? ` (${addresses.join(', ')})` : '';
  return `${from}${others(sources)} → ${to}${others(destinations)}${hairpin ? ', back to itself through the Service' : at}`;
};

const cellsOf = (side: Side, step: Step): string[] => [WAY[side.direction], step.tier, refText(step.policy), placeText(step), outcomeText(step)];

const renderTrail = ({ sides }: FlowReport, canvas: Canvas, noHeaders: boolean): string => {
  const steps = sides.flatMap((side) => side.steps.map((step) => ({ side, step })));
  if (steps.length === 0) return '';
  const rows = steps.map(({ side, step }) => cellsOf(side, step).map((cell) => say(canvas, cell)));
  return renderTable(COLUMNS, rows, canvas, {
    noHeaders,
    ink: (cell, column, row) => {
      const outcome = steps[row]?.step.outcome;
      if (column.head !== 'SAYS' || (outcome !== 'allow' && outcome !== 'deny')) return cell;
      return paint(canvas, outcome === 'allow' ? 'green' : 'red', cell);
    },
  });
};

const sideLine = (side: Side, canvas: Canvas): string => {
  const word = side.verdict === 'allow' ? 'allowed' : 'denied';
  const text = `${side.direction === 'egress' ? 'Out of' : 'Into'} ${side.subject}: ${word}: ${reasonText(side.reason, side.verdict)}`;
  return paint(canvas, side.verdict === 'allow' ? 'green' : 'red', wrapText(say(canvas, text), canvas, '', '  '));
};

const MOST_PAIRS = 6;

const renderFlow = (flow: FlowReport, canvas: Canvas, { wide, noHeaders }: PolicyView): string => {
  const shown = wide ? flow.between : flow.between.slice(0, MOST_PAIRS);
  const rest = flow.between.length - shown.length;
  const { doubts } = flow;
  return [
    ...shown.map((between) => wrapText(say(canvas, `${betweenText(between)} ${packetText(flow)}`), canvas, '', '  ')),
    ...(rest > 0 ? [`… and ${rest} more, judged the same way (-o wide)`].map((line) => say(canvas, line)) : []),
    renderTrail(flow, canvas, noHeaders),
    ...flow.sides.map((side) => sideLine(side, canvas)),
    wrapText(say(canvas, `Allowed between them: ${flow.allowed}`), canvas, '', '  '),
    ...doubts.map(({ text }) => paint(canvas, 'yellow', wrapText(say(canvas, `Not sure: ${text}`), canvas, '', '  '))),
  ]
    .filter((line) => line !== '')
    .join('\n');
};

const VERDICT = { allowed: ['good', 'may reach'], denied: ['bad', 'may not reach'], mixed: ['warn', 'may only in part reach'] } as const;

const renderProof = ({ proof }: PolicyReport, canvas: Canvas): string => {
  if (!proof) return '';
  const said = proof.agrees === undefined ? '' : proof.agrees ? ', as the policies say' : ', against what the policies say';
  return wrapText(say(canvas, `Probes ${proof.from} → ${proof.to}: ${proof.answered} of ${proof.sent} answered${said}.`), canvas, '', '  ');
};

export interface PolicyView {
  wide: boolean;
  noHeaders: boolean;
}

/** `policy A B` as text. */
export const renderPolicy = (report: PolicyReport, canvas: Canvas, view: PolicyView): string => {
  const { from, to, verdict } = report;
  const [kind, words] = VERDICT[verdict];
  return sections([
    [
      head(`${endText(from)} → ${endText(to)} ${packetText(report)}`, canvas),
      enforcementLine(report.enforcement, canvas),
      ...[from.note, to.note].flatMap((note) => (note === undefined ? [] : [wrapText(say(canvas, note), canvas, '')])),
    ].join('\n'),
    ...report.flows.map((flow) => renderFlow(flow, canvas, view)),
    verdictLine(kind, `${from.label} ${words} ${to.label} at ${packetText(report)}.`, canvas),
    renderProof(report, canvas),
    renderFindings(report.findings, canvas),
    renderNotChecked(report.notChecked, canvas),
  ]);
};
