import type { InferredOptionTypes } from 'yargs';
import { CliError, EXIT } from '../cluster/errors.ts';
import type { Protocol } from '../cluster/facts.ts';
import { durationOf } from './connection-options.ts';
import type { Flag } from './flag.ts';
import { portOf } from './port-flag.ts';

/** What is sent, and how often. */
export const probeFlags = {
  port: { type: 'string', alias: 'p', describe: "Port to knock at, number or name (default: B's first declared port, else ping)" },
  protocol: { choices: ['tcp', 'udp', 'icmp', 'sctp'] as const, describe: 'Protocol of the probes' },
  count: { type: 'number', alias: 'c', default: 5, describe: 'How many probes are sent' },
  timeout: { type: 'string', default: '1s', describe: 'How long to wait for an answer to each' },
} satisfies Record<string, Flag>;

export type ProbeFlags = InferredOptionTypes<typeof probeFlags>;

/** The same, read. */
export interface ProbeWish {
  port?: number | string;
  protocol?: Protocol;
  count: number;
  timeoutMs: number;
}

const MOST_PROBES = 100;

/** @throws CliError for a value no packet can have */
export const probeWish = (flags: ProbeFlags): ProbeWish => {
  const { count } = flags;
  if (!Number.isInteger(count) || count < 1 || count > MOST_PROBES)
    throw new CliError(`error: invalid argument for "--count": a number from 1 to ${MOST_PROBES} is expected`, EXIT.usage);
  const timeoutMs = durationOf('timeout', flags.timeout) ?? 0;
  if (timeoutMs < 10 || timeoutMs > 30_000) throw new CliError(`error: invalid argument "${flags.timeout}" for "--timeout": 10ms to 30s`, EXIT.usage);
  const port = portOf(flags.port);
  return { count, timeoutMs, ...(port === undefined ? {} : { port }), ...(flags.protocol === undefined ? {} : { protocol: flags.protocol }) };
};
