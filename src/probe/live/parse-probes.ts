import type { Attempt, ProbeRequest, ProbeResult } from '../probe.ts';
import { readPing } from './ping-output.ts';
import { type ProbeOutput, readProbeOutput } from './probe-lines.ts';
import { hexByte } from './session-mark.ts';
import { readConnect, readExchange, readPlainConnect } from './socat-log.ts';

type Line = ProbeOutput['attempts'][number];
type Job = ProbeOutput extends { jobs: Map<number, infer J> } ? J : never;

/** What a capture will find in the packet of this attempt. */
const markOf = (output: ProbeOutput, job: Job, line: Line): Pick<Attempt, 'mark'> => {
  if (job.kind === 'udp') return { mark: `${output.cookie}${hexByte(job.index)}${hexByte(line.attempt)}` };
  // The id of a DNS query is the job's own byte (`\ooo`) and the low byte of the source port.
  if (job.kind === 'dns') return { mark: `${hexByte(Number.parseInt(job.before.slice(1), 8))}${hexByte(line.sourcePort ?? 0)}` };
  return {};
};

const attemptOf = (output: ProbeOutput, job: Job, line: Line): Attempt => {
  const attempt =
    output.tools.connect !== 'socat'
      ? readPlainConnect(line.text, line.exitCode)
      : job.kind === 'udp' || job.kind === 'dns'
        ? readExchange(line.text, job.kind === 'dns')
        : readConnect(line.text, job.timeoutMs);
  return { ...attempt, ...(line.sourcePort === undefined ? {} : { sourcePort: line.sourcePort }), ...markOf(output, job, line) };
};

const pingAttempts = (output: ProbeOutput, number: number, job: Job): Attempt[] | string => {
  const busybox = output.tools.ping === 'busybox';
  const attempts = readPing(output.pings.get(number) ?? [], job.count, busybox ? 0 : 1);
  if (typeof attempts === 'string' || busybox) return attempts;
  return attempts.map((attempt, number) => ({
    ...attempt,
    mark: `${output.cookie}${hexByte(job.index)}${(number + 1).toString(16).padStart(4, '0')}`,
  }));
};

const resultOf = (output: ProbeOutput, request: ProbeRequest, number: number): ProbeResult => {
  const notRun = (reason: string): ProbeResult => ({ request, attempts: [], notRun: reason });
  const refused = output.notRun.get(-1) ?? output.notRun.get(number);
  if (refused !== undefined) return notRun(refused);
  const job = output.jobs.get(number);
  if (!job) return notRun('the prober did not get to it');
  if (job.kind === 'icmp') {
    const pings = pingAttempts(output, number, job);
    return typeof pings === 'string' ? notRun(pings) : { request, attempts: pings };
  }
  const lines = output.attempts.filter((line) => line.job === number).sort((a, b) => a.attempt - b.attempt);
  if (lines.some((line) => /Protocol not supported|Socket type not supported|unknown device\/address "SCTP/.test(line.text))) {
    return notRun(`the sending node cannot speak ${job.kind.toUpperCase()}`);
  }
  if (lines.length === 0) return notRun('the prober gave no result');
  return { request, attempts: lines.map((line) => attemptOf(output, job, line)) };
};

/** The prober's output as results, one per request in the order of the batch; live runs and replayed bundles both come through here. */
export const parseProbeOutput = (text: string, requests: ProbeRequest[]): ProbeResult[] => {
  const output = readProbeOutput(text);
  return requests.map((request, number) => resultOf(output, request, number));
};
