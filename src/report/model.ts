import type { Forecast, Result } from '../forwarding/predict.ts';
import { type Canvas, mark, paint, plain } from './canvas.ts';
import { escapeLine } from './escape.ts';
import type { ModelReport, ModelWay, PathReport } from './report.ts';
import { type Column, renderTable, wrapText } from './table.ts';

const say = (canvas: Canvas, text: string): string => plain(canvas, escapeLine(text));

const RESULT: Record<Result, string> = {
  ok: 'answered',
  refused: 'refused',
  timeout: 'no answer',
  unreachable: 'unreachable',
  unknown: 'not known',
};

const percent = (share: number): string => `${Math.round(share * 1000) / 10} %`;

/** `answered`, or `67 % answered, 33 % no answer` */
const forecastWords = (forecast: Forecast): string => {
  const parts = (Object.keys(RESULT) as Result[]).filter((result) => forecast[result] > 0);
  return parts.map((result) => (parts.length === 1 ? RESULT[result] : `${percent(forecast[result])} ${RESULT[result]}`)).join(', ');
};

/** That nothing was sent, and the changes that were tried. */
export const renderTried = ({ whatIf, before }: ModelReport, canvas: Canvas): string =>
  [
    paint(canvas, 'dim', wrapText(say(canvas, 'Nothing was sent or changed: this is predicted from what the nodes say of themselves.'), canvas, '')),
    ...whatIf.map((change) => `${paint(canvas, 'bold', 'What if')} ${paint(canvas, 'cyan', say(canvas, change))}`),
    ...(before ? [wrapText(say(canvas, `Without that: ${forecastWords(before)}.`), canvas, '')] : []),
  ].join('\n');

const COLUMNS: Column[] = [
  { head: 'SHARE', align: 'right' },
  { head: 'LEADS TO', shrinkTo: 14 },
  { head: 'WHAT WOULD COME', shrinkTo: 12 },
  { head: 'ENDS AT', shrinkTo: 20 },
];

const ends = ({ stop }: ModelWay): string => (stop ? `${stop.node} ${stop.interface}: ${stop.message}` : '');

/** The ways that packets can take, where there is more than one. */
export const renderWays = ({ ways }: ModelReport, canvas: Canvas): string => {
  if (ways.length < 2) return '';
  const rows = ways.map((way) =>
    [way.share === undefined ? '?' : percent(way.share), way.to, forecastWords(way.forecast), ends(way)].map((cell) => say(canvas, cell)),
  );
  return renderTable(COLUMNS, rows, canvas, {});
};

/** The verdict of a run in which nothing was sent. */
export const modelVerdict = ({ verdict, from, to }: PathReport, { after, doubts }: ModelReport, canvas: Canvas): string => {
  const [sign, ink, words] = {
    healthy: ['good', 'green', `${from.label} would reach ${to.label}`] as const,
    broken: ['bad', 'red', `${from.label} would not reach ${to.label}: ${forecastWords(after)}`] as const,
    intermittent: ['warn', 'yellow', `${from.label} would reach ${to.label} only sometimes: ${forecastWords(after)}`] as const,
    unknown: [
      'warn',
      'yellow',
      `whether ${from.label} reaches ${to.label} cannot be told from what was read${doubts.length > 0 ? `: ${doubts.join('; ')}` : ''}`,
    ] as const,
  }[verdict];
  return paint(canvas, ['bold', ink], wrapText(say(canvas, `${mark(canvas, sign)} ${words}.`), canvas, '', '  '));
};
