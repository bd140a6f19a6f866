import { type Attempt, answered, type Outcome, type ProbePurpose, type ProbeResult } from '../probe/probe.ts';
import { type Canvas, isNarrow, paint, plain } from './canvas.ts';
import { escapeLine } from './escape.ts';
import { type Column, renderTable } from './table.ts';

const COLUMNS: Column[] = [
  { head: 'CHECK', shrinkTo: 14 },
  { head: 'FROM', shrinkTo: 12 },
  { head: 'TO', shrinkTo: 14 },
  { head: 'ANSWERED', align: 'right' },
  { head: 'MEDIAN', align: 'right' },
  { head: 'WHAT CAME', shrinkTo: 14 },
];

const PURPOSE: Record<ProbePurpose, string> = {
  main: 'the question',
  'main-icmp': 'the same by ping',
  'full-size': 'the same by large ping',
  'size-search': 'size that passes',
  'pod-to-own-node': 'source to its own node',
  'pod-to-far-node': "source to target's node",
  'far-node-to-pod': "target's node to target",
  'own-node-to-pod': "source's node to target",
  'node-to-node': 'node to node',
  'pod-to-service': 'source to Service',
  'pod-to-endpoint': 'source to endpoint',
  'pod-to-dns': 'source to cluster DNS',
};

const OUTCOME: Record<Outcome, string> = {
  answered: 'answered',
  refused: 'connection refused',
  timeout: 'no answer',
  unreachable: 'host unreachable',
  'no-route': 'network unreachable',
  reset: 'reset',
  prohibited: 'administratively prohibited',
  'dns-error': 'DNS error',
  'send-failed': 'could not be sent',
};

/** µs → `85 µs`, `1.2 ms`, `3.1 s`. */
export const duration = (micros: number): string =>
  micros < 1000
    ? `${Math.round(micros)} µs`
    : micros < 1e6
      ? `${(micros / 1000).toFixed(micros < 10_000 ? 1 : 0)} ms`
      : `${(micros / 1e6).toFixed(1)} s`;

export const median = (values: number[]): number | undefined => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : sorted.length === 0 ? undefined : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
};

/** `3 connection refused from 10.0.0.1, 1 no answer`; empty when all were answered. */
export const failuresOf = (attempts: Attempt[]): string => {
  const kinds = new Map<string, number>();
  for (const attempt of attempts) {
    if (attempt.outcome === 'answered') continue;
    const { outcome, from, detail, mtu } = attempt;
    const kind =
      mtu === undefined
        ? `${OUTCOME[outcome]}${from ? ` from ${from}` : ''}${detail ? ` (${detail})` : ''}`
        : `too large: ${mtu} bytes pass, says ${from ?? "the sender's kernel"}`;
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  return [...kinds].map(([kind, count]) => (kinds.size === 1 && count === attempts.length ? kind : `${count} × ${kind}`)).join(', ');
};

const target = ({ request }: ProbeResult): string => {
  const at =
    request.port === undefined
      ? request.destination
      : request.destination.includes(':')
        ? `[${request.destination}]:${request.port}`
        : `${request.destination}:${request.port}`;
  const name = request.toLabel.includes(request.destination) ? request.toLabel : `${request.toLabel} (${at})`;
  const size = request.size === undefined ? '' : ` ${request.size} bytes`;
  return `${name}${request.query ? ` ${request.query}` : ''} ${request.protocol}${size}`;
};

const cellsOf = (result: ProbeResult): string[] => {
  const { request, attempts } = result;
  const rtt = median(attempts.flatMap((attempt) => (attempt.outcome === 'answered' && attempt.rttMicros !== undefined ? [attempt.rttMicros] : [])));
  return [
    PURPOSE[request.purpose],
    request.fromLabel,
    target(result),
    result.notRun === undefined ? (result.predicted ? `${answered(result)} %` : `${answered(result)}/${attempts.length}`) : '-',
    rtt === undefined ? '-' : duration(rtt),
    result.notRun === undefined ? failuresOf(attempts) : result.predicted ? result.notRun : `not checked: ${result.notRun}`,
  ];
};

/** The check names both ends, so a narrow terminal loses only their addresses; several Services or endpoints are told apart by name. */
const NARROW: Column[] = COLUMNS.filter(({ head }) => head !== 'FROM' && head !== 'TO');

const NAMED = new Set<ProbePurpose>(['pod-to-service', 'pod-to-endpoint']);

/** What is only predicted takes no time. */
const without = (hidden: boolean, columns: Column[], rows: string[][]): { columns: Column[]; rows: string[][] } => {
  const at = columns.findIndex(({ head }) => head === 'MEDIAN');
  return hidden ? { columns: columns.toSpliced(at, 1), rows: rows.map((row) => row.toSpliced(at, 1)) } : { columns, rows };
};

const narrowCellsOf = (result: ProbeResult): string[] => {
  const [check = '', , , ...rest] = cellsOf(result);
  const { purpose, protocol, port, toLabel } = result.request;
  const at = port === undefined ? protocol : `${protocol} ${port}`;
  return [NAMED.has(purpose) ? `${check} ${toLabel} (${at})` : `${check} (${at})`, ...rest];
};

/** Every probe that was sent, the question first: what frames the fault. */
export const renderChecks = (checks: ProbeResult[], canvas: Canvas): string => {
  if (checks.length === 0) return '';
  const narrow = isNarrow(canvas);
  const shown = checks.filter(({ request }) => request.purpose !== 'size-search');
  const cells = shown.map((check) => (narrow ? narrowCellsOf(check) : cellsOf(check)).map((cell) => plain(canvas, escapeLine(cell))));
  const { columns, rows } = without(
    checks.some(({ predicted }) => predicted),
    narrow ? NARROW : COLUMNS,
    cells,
  );
  return renderTable(columns, rows, canvas, {
    ink: (cell, column, row) => {
      const check = shown[row];
      if (column.head !== 'ANSWERED' || !check || check.notRun !== undefined) return cell;
      const good = answered(check);
      return paint(canvas, good === check.attempts.length ? 'green' : good === 0 ? 'red' : 'yellow', cell);
    },
  });
};
