import type { InferredOptionTypes } from 'yargs';
import { CliError, EXIT } from '../cluster/errors.ts';
import type { CaptureRequest } from '../doctor/run-capture.ts';
import { type CamelKeys, durationOf } from './connection-options.ts';
import type { Flag } from './flag.ts';
import { outputFlags } from './global-flags.ts';
import { type ProbeFlags, probeWish } from './probe-flags.ts';
import { parseSize } from './size-flag.ts';

/** What is captured, where it goes, and how much of it. */
export const captureFlags = {
  write: { type: 'string', alias: 'w', values: 'file', describe: 'Write a pcapng file for Wireshark; - is standard output, for a pipe' },
  live: { type: 'boolean', default: false, describe: "Follow the users' own traffic between A and B instead of sending probes" },
  filter: { type: 'string', describe: 'Only packets that match this pcap-filter(7) expression, too' },
  duration: { type: 'string', describe: 'How long --live follows the traffic (1m)' },
  packets: { type: 'number', default: 100_000, describe: 'End after this many packets of all hops together' },
  'max-size': { type: 'string', default: '64Mi', describe: 'End when this much is written' },
  snaplen: { type: 'number', default: 2048, describe: 'Bytes of a packet that are kept at most' },
} satisfies Record<string, Flag>;

const { 'no-headers': noHeaders, color, quiet } = outputFlags;

/** The output flags that mean something here. */
export const captureOutputFlags = { 'no-headers': noHeaders, color, quiet };

/** What yargs leaves of them. */
export type CaptureFlags = CamelKeys<InferredOptionTypes<typeof captureFlags>> & CamelKeys<InferredOptionTypes<typeof captureOutputFlags>>;

const DEFAULT_DURATION_MS = 60_000;
const LONGEST_MS = 24 * 3_600_000;

const usage = (message: string): CliError => new CliError(`error: ${message}`, EXIT.usage);

const durationMs = ({ duration, live }: CaptureFlags): number => {
  const asked = durationOf('duration', duration);
  if (asked === undefined) return DEFAULT_DURATION_MS;
  if (!live) throw usage('--duration goes with --live: without it the capture ends when the probes are answered');
  if (asked < 100 || asked > LONGEST_MS) throw usage(`invalid argument "${duration}" for "--duration": 100ms to 24h`);
  return asked;
};

const whole = (flag: string, value: number, least: number, most: number): number => {
  if (!Number.isInteger(value) || value < least || value > most)
    throw usage(`invalid argument for "--${flag}": a number from ${least} to ${most} is expected`);
  return value;
};

const maxBytes = ({ maxSize }: CaptureFlags): number => {
  const bytes = parseSize(maxSize);
  if (bytes === undefined || bytes < 1024)
    throw usage(`invalid argument "${maxSize}" for "--max-size": a size of at least 1Ki is expected, such as 64Mi`);
  return bytes;
};

const expression = ({ filter }: CaptureFlags): string | undefined => {
  if (filter === undefined) return undefined;
  if (filter.trim() === '' || /[\n\0]/.test(filter)) throw usage('invalid argument for "--filter": one line of pcap-filter(7) is expected');
  return filter.trim();
};

/** @throws CliError for a value that makes no sense */
export const captureWish = (flags: CaptureFlags & ProbeFlags): Omit<CaptureRequest, 'from' | 'to' | 'namespace'> => {
  const filter = expression(flags);
  return {
    ...probeWish(flags),
    live: flags.live,
    ...(filter === undefined ? {} : { filter }),
    durationMs: durationMs(flags),
    limits: { packets: whole('packets', flags.packets, 1, 100_000_000), bytes: maxBytes(flags) },
    snaplen: whole('snaplen', flags.snaplen, 64, 65_535),
  };
};
