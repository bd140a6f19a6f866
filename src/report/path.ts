import type { Answer } from '../diagnosis/answers.ts';
import { hostPort } from '../forwarding/address.ts';
import type { Packet } from '../forwarding/hop.ts';
import { type Canvas, isNarrow, mark, paint, plain } from './canvas.ts';
import { duration, renderChecks } from './checks.ts';
import { escapeLine } from './escape.ts';
import { renderByHand, renderDisagreements, renderFindings, renderNotChecked } from './findings.ts';
import { modelVerdict, renderTried, renderWays } from './model.ts';
import type { ClockOffset, EndpointSummary, HopReport, PathReport } from './report.ts';
import { type Column, type Row, renderTable, wrapText } from './table.ts';

const COLUMNS: Column[] = [
  { head: 'HOP', align: 'right' },
  { head: 'NODE', shrinkTo: 6 },
  { head: 'WHERE', shrinkTo: 9 },
  { head: 'INTERFACE', shrinkTo: 10 },
  { head: 'WHAT HAPPENS', shrinkTo: 18 },
  { head: 'SEEN', align: 'right' },
  { head: 'DELAY', align: 'right' },
];

/** Where nothing was sent there is nothing to be seen. */
const PREDICTED: Column[] = COLUMNS.filter(({ head }) => head !== 'SEEN' && head !== 'DELAY');

const WIDE: Column[] = [{ head: 'PACKET', shrinkTo: 20 }];

const summary = (end: EndpointSummary): string => {
  const port = end.port === undefined ? '' : `:${end.port}`;
  const host = end.address.includes(':') && port !== '' ? `[${end.address}]` : end.address;
  const address = `${host}${port}${end.protocol ? `/${end.protocol.toUpperCase()}` : ''}`;
  const on = end.node ? ` on ${end.node}` : '';
  return end.label === end.address ? `${address}${on}` : `${end.label} (${address}${on})`;
};

/** `10.244.1.5:61440 → 10.244.2.6:8080` */
const flow = ({
  source,
  destination,
  sourcePort,
  destinationPort,
}: Pick<Packet, 'source' | 'destination' | 'sourcePort' | 'destinationPort'>): string =>
  `${hostPort(source, sourcePort)} → ${hostPort(destination, destinationPort)}`;

const seenCell = (hop: HopReport): string => (hop.seen ? `${hop.seen.k}/${hop.seen.n}` : hop.notVisible ? 'hidden' : '-');

/** From one node to the next the clocks are only estimated. */
const delayCell = (hop: HopReport, before: HopReport | undefined): string => {
  if (hop.delayMicros === undefined) return '';
  const sign = before === undefined ? '' : before.node === hop.node ? '+' : '~';
  return `${sign}${duration(hop.delayMicros)}`;
};

export interface PathView {
  wide: boolean;
  noHeaders: boolean;
}

const hopCells = (hop: HopReport, number: number, before: HopReport | undefined, wide: boolean, narrow: boolean): string[] => [
  `${number}`,
  hop.node,
  narrow ? (hop.where.split(' ')[0] ?? '') : hop.where,
  `${hop.interface}${hop.ifindex === undefined ? '' : ` (${hop.ifindex})`}`,
  [
    hop.what,
    hop.stop ? `stops: ${hop.stop.message}` : '',
    hop.seenAs ? `seen as ${flow(hop.seenAs)}` : '',
    hop.unpredicted ? 'seen here, though not predicted' : '',
    hop.unsure ? `not sure: ${hop.unsure}` : '',
  ]
    .filter((part) => part !== '')
    .join('; '),
  seenCell(hop),
  delayCell(hop, before),
  ...(wide ? [flow(hop.seenAs ?? hop.packet)] : []),
];

/** Index of the first hop that misses more probes than the hop before it did, when captures say so. */
export const lostAt = (hops: HopReport[]): number | undefined => {
  let missedBefore = 0;
  for (const [index, { seen }] of hops.entries()) {
    if (!seen) continue;
    if (seen.n - seen.k > missedBefore) return index;
    missedBefore = seen.n - seen.k;
  }
  return undefined;
};

/** What no capture saw and the kernel tells of: dropped as it came in, before captures are asked. */
const isEarly = ({ seen, dropped }: HopReport): boolean => dropped !== undefined && seen?.k === 0;

/** What the kernel said of a loss behind a hop: `NETFILTER_DROP in nft_do_chain, FORWARD hook`. */
const reasonOf = ({ dropped, node }: HopReport): string | undefined => {
  if (!dropped) return undefined;
  const { k, n, reason, function: place, hook } = dropped;
  const named = reason === undefined || reason === 'NOT_SPECIFIED' ? place : `${reason} in ${place}`;
  return `lost here: the kernel of ${node} dropped ${k} of ${n}, ${named}${hook === undefined ? '' : ` at the ${hook} hook`}`;
};

const lostLine = (hops: HopReport[], at: number): string => {
  const last = hops.slice(0, at).findLast((hop) => hop.seen && hop.seen.k > 0);
  const first = hops[at];
  if (!last || !first) return 'lost here';
  const word = (first.seen?.k ?? 0) === 0 ? 'lost here' : 'some lost here';
  return last.node === first.node
    ? `${word}: after ${last.interface}, before ${first.interface} on ${last.node}`
    : `${word}: left ${last.node}, ${(first.seen?.k ?? 0) === 0 ? 'never' : 'not always'} reached ${first.node}`;
};

const renderHops = (hops: HopReport[], canvas: Canvas, { wide, noHeaders }: PathView, predicted: boolean): string => {
  if (hops.length === 0) return '';
  const lost = lostAt(hops);
  const rows: Row[] = [];
  /** The hop of each row; none for a separator. */
  const shown: (HopReport | undefined)[] = [];
  const separate = (line: string): void => {
    rows.push({ separator: plain(canvas, escapeLine(line)) });
    shown.push(undefined);
  };
  for (const [index, hop] of hops.entries()) {
    const before = hops[index - 1];
    if (index === lost && !before?.dropped && !isEarly(hop)) separate(lostLine(hops, index));
    const cells = hopCells(hop, index + 1, before, wide, isNarrow(canvas)).map((cell) => plain(canvas, escapeLine(cell)));
    rows.push(predicted ? cells.toSpliced(PREDICTED.length, COLUMNS.length - PREDICTED.length) : cells);
    shown.push(hop);
    const reason = reasonOf(hop);
    if (reason !== undefined) separate(reason);
  }
  return renderTable([...(predicted ? PREDICTED : COLUMNS), ...(wide ? WIDE : [])], rows, canvas, {
    noHeaders,
    ink: (cell, column, row) => {
      const seen = shown[row]?.seen;
      if (column.head !== 'SEEN' || !seen) return cell;
      return paint(canvas, seen.k === seen.n ? 'green' : seen.k === 0 ? 'red' : 'yellow', cell);
    },
  });
};

const VERDICT: Record<
  PathReport['verdict'],
  { mark: 'good' | 'bad' | 'warn'; ink: 'green' | 'red' | 'yellow'; say: (report: PathReport) => string }
> = {
  healthy: { mark: 'good', ink: 'green', say: (report) => `${report.from.label} reaches ${report.to.label}` },
  broken: { mark: 'bad', ink: 'red', say: (report) => `${report.from.label} does not reach ${report.to.label}` },
  intermittent: { mark: 'warn', ink: 'yellow', say: (report) => `${report.from.label} reaches ${report.to.label} only sometimes` },
  unknown: { mark: 'warn', ink: 'yellow', say: (report) => `whether ${report.from.label} reaches ${report.to.label} could not be checked` },
};

const verdictLine = (report: PathReport, canvas: Canvas): string => {
  if (report.model) return modelVerdict(report, report.model, canvas);
  // probes may be answered while larger packets, other endpoints or the wrong owner of an address are the problem
  const marred = report.verdict === 'healthy' && report.findings.some(({ severity }) => severity === 'problem');
  const { mark: name, ink, say } = marred ? { ...VERDICT.healthy, mark: 'warn' as const, ink: 'yellow' as const } : VERDICT[report.verdict];
  const main = report.checks.find((check) => check.request.purpose === 'main');
  const count =
    main && main.attempts.length > 0
      ? `: ${main.attempts.filter((attempt) => attempt.outcome === 'answered').length} of ${main.attempts.length} probes answered`
      : '';
  return paint(
    canvas,
    ['bold', ink],
    wrapText(
      plain(canvas, escapeLine(`${mark(canvas, name)} ${say(report)}${count}${marred ? '; and yet a problem was found' : ''}.`)),
      canvas,
      '',
      '  ',
    ),
  );
};

const WHAT: Record<Answer['what'], [one: string, many: string]> = {
  reply: ['reply', 'replies'],
  reset: ['reset', 'resets'],
  'icmp-error': ['ICMP error', 'ICMP errors'],
};

/** `Answers: 5 replies sent by pod demo/db-0 on node2 (eth0)` */
const renderAnswers = (answers: Answer[], canvas: Canvas): string =>
  answers
    .map(({ what, attempts, node, where, interface: name, how, mac, owner, icmp }) => {
      const kind = `${attempts} ${WHAT[what][attempts === 1 ? 0 : 1]}${icmp ? ` (type ${icmp.type} code ${icmp.code} from ${icmp.from})` : ''}`;
      const from =
        how === 'sent'
          ? `sent by ${where === 'host' ? `node ${node}` : `${where} on ${node}`} (${name})`
          : `first seen coming in by ${name} on ${node}${mac === undefined ? '' : ` from ${mac}`}${owner === undefined ? '' : `, which is ${owner}`}`;
      return wrapText(plain(canvas, escapeLine(`Answers: ${kind} ${from}`)), canvas, '', '         ');
    })
    .join('\n');

const renderAsymmetry = (lines: string[], canvas: Canvas): string =>
  lines.map((line) => wrapText(plain(canvas, escapeLine(`Another way back: ${line}`)), canvas, '', '  ')).join('\n');

const renderClocks = (clocks: ClockOffset[], canvas: Canvas): string =>
  clocks
    .map(({ from, to, offsetMicros, boundMicros }) => {
      const way = offsetMicros < 0 ? 'behind' : 'ahead of';
      const line = `Clocks: that of ${to} is ${duration(Math.abs(offsetMicros))} ${way} that of ${from}, to within ${duration(boundMicros)}, as the probes tell`;
      return wrapText(plain(canvas, escapeLine(line)), canvas, '', '        ');
    })
    .join('\n');

/** The whole report as text, ending in a line end. */
export const renderPath = (report: PathReport, canvas: Canvas, view: PathView): string => {
  const title = plain(canvas, escapeLine(`${summary(report.from)} → ${summary(report.to)}`));
  const plane = plain(canvas, escapeLine(`${report.dataPlane.cni} · kube-proxy ${report.dataPlane.kubeProxy}`));
  const chosen = [report.from.chosen, report.to.chosen].filter((line) => line !== undefined);
  const sections = [
    [
      paint(canvas, 'bold', wrapText(title, canvas, '')),
      paint(canvas, 'dim', plane),
      ...chosen.map((line) => wrapText(plain(canvas, escapeLine(line)), canvas, '')),
    ].join('\n'),
    report.model ? renderTried(report.model, canvas) : '',
    renderHops(report.hops, canvas, view, report.model !== undefined),
    view.wide && report.back.length > 0
      ? `${paint(canvas, 'bold', 'The way back')}\n${renderHops(report.back, canvas, view, report.model !== undefined)}`
      : '',
    renderAsymmetry(report.asymmetry, canvas),
    report.model ? renderWays(report.model, canvas) : '',
    view.wide ? [renderAnswers(report.answers, canvas), renderClocks(report.clocks, canvas)].filter((text) => text !== '').join('\n') : '',
    renderChecks(report.checks, canvas),
    verdictLine(report, canvas),
    renderFindings(report.findings, canvas),
    renderByHand(report.byHand, canvas),
    renderDisagreements(report.disagreements, canvas),
    renderNotChecked(report.notChecked, canvas),
  ];
  return `${sections.filter((section) => section !== '').join('\n\n')}\n`;
};
