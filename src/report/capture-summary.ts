import type { CaptureEnd } from '../capture/end.ts';
import type { HopMatch } from '../capture/packet.ts';
import type { Loss } from '../capture/writer.ts';
import { answered, type ProbeResult } from '../probe/probe.ts';
import { type Canvas, plain } from './canvas.ts';
import { failuresOf } from './checks.ts';
import { escapeLine } from './escape.ts';
import { wrapText } from './table.ts';

/** What became of a capture. */
export interface CaptureSummary {
  /** Absent where it went to the terminal or a pipe. */
  file?: string;
  end: CaptureEnd;
  /** What was written. */
  packets: number;
  bytes: number;
  hops: number;
  /** Places off the predicted way. */
  elsewhere: number;
  losses: Loss[];
  skipped: number;
  late: number;
  /** Hops at which no packet was seen. */
  silent: HopMatch[];
  probe?: ProbeResult;
  /** How the nodes' clocks differ. */
  clocks: string[];
  /** What could not be captured, entered or read. */
  notes: string[];
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB'];

/** 12595 → `12.3 KiB` */
export const size = (bytes: number): string => {
  const power = bytes < 1024 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${power === 0 ? bytes : (bytes / 1024 ** power).toFixed(1)} ${UNITS[power]}`;
};

const counted = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`;

/** Why it ended, where that is not what was asked for. */
const endWords = ({ end, file }: CaptureSummary): string[] => {
  if (end === 'interrupted') return ['ended early, as you asked'];
  if (end === 'packets') return ['ended at the limit of packets (--packets)'];
  if (end === 'bytes') return ['ended at the limit of bytes (--max-size)'];
  if (end === 'captures') return ['ended early: every capture ended by itself'];
  if (typeof end === 'string') return [];
  return end.is === 'reader-gone' ? ['ended: nobody reads any more'] : [`ended early: cannot write ${file ?? 'the output'}: ${end.reason}`];
};

const lossWords = (losses: Loss[]): string => {
  const lost = losses.filter(({ packets }) => (packets ?? 0) > 0);
  const unknown = losses.filter(({ packets }) => packets === undefined);
  const places = (some: Loss[]): string => some.map(({ node, where, packets }) => `${node} ${where}${packets ? ` ${packets}` : ''}`).join(', ');
  const total = lost.reduce((sum, { packets }) => sum + (packets ?? 0), 0);
  return [
    total === 0 ? (unknown.length < losses.length ? 'the kernel lost none' : '') : `the kernel lost ${total} (${places(lost)})`,
    unknown.length > 0 ? `how many the kernel lost is not known for ${places(unknown)}` : '',
  ]
    .filter((part) => part !== '')
    .join('; ');
};

const keptWords = ({ packets, bytes, hops, elsewhere, file, losses }: CaptureSummary): string => {
  const off = elsewhere === 0 ? '' : ` and ${counted(elsewhere, 'place')} off the predicted way`;
  const into = file === undefined ? '' : ` in ${file} (${size(bytes)})`;
  const loss = lossWords(losses);
  return `kept ${counted(packets, 'packet')} of ${counted(hops, 'hop')}${off}${into}${loss === '' ? '' : `; ${loss}`}`;
};

const probeWords = (probe: ProbeResult): string => {
  if (probe.notRun !== undefined) return `no probe was sent: ${probe.notRun}`;
  const failures = failuresOf(probe.attempts);
  return `${answered(probe)} of ${counted(probe.attempts.length, 'probe')} answered${failures === '' ? '' : `: ${failures}`}`;
};

const silentWords = ({ silent, packets, hops }: CaptureSummary): string[] => {
  if (silent.length === 0 || packets === 0 || hops === 0) return [];
  const names = silent.map(({ way, number, hop }) => `${number} ${way} (${hop.node} ${hop.interface})`);
  return [`no packet was seen at ${silent.length === 1 ? 'hop' : 'hops'} ${names.join(', ')}`];
};

/** For stderr: what was kept, what was lost, and what is missing. */
export const renderCaptureSummary = (summary: CaptureSummary, canvas: Canvas): string => {
  const { probe, late, skipped, clocks, notes } = summary;
  const lines = [
    ...endWords(summary),
    keptWords(summary),
    ...(probe ? [probeWords(probe)] : []),
    ...silentWords(summary),
    ...(skipped > 0 ? [`${counted(skipped, 'packet')} more came faster than they were read, and are missing`] : []),
    ...(late > 0 ? [`${counted(late, 'packet')} came too late to be put into the order of time`] : []),
    ...clocks,
    ...notes,
  ];
  return `${lines.map((line) => wrapText(plain(canvas, escapeLine(line)), canvas, '', '  ')).join('\n')}\n`;
};
