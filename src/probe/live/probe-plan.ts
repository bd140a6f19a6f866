import { isIPv4, isIPv6 } from 'node:net';
import type { ProbeRequest } from '../probe.ts';
import { DNS_TYPE, dnsQueryAfterId, isDnsName } from './dns-message.ts';
import { cookieHex, dnsIdBlock, hexByte, portBlock, type SessionMark } from './session-mark.ts';

/** What the script can do for one request. */
export type JobKind = 'tcp' | 'udp' | 'dns' | 'sctp' | 'icmp';

/** One request as the script's job line has it, and as the line is read back when its output is parsed. */
export interface ProbeJob {
  /** Position in the batch. */
  number: number;
  kind: JobKind;
  family: 4 | 6;
  /** Pid, or `-` for the session's own netns. */
  netns: string;
  destination: string;
  port: number;
  count: number;
  timeoutMs: number;
  firstPort: number;
  block: number;
  /** Which request of the session: goes into payloads. */
  index: number;
  /** ICMP payload bytes. */
  size: number;
  before: string;
  after: string;
  /** `do`: the packet may not be fragmented (ping -M do). */
  whole: 'do' | '-';
}

/** One session may not flood: attempts of one request, and milliseconds an attempt may wait. */
export const MOST_ATTEMPTS = 200;
const LONGEST_TIMEOUT = 10_000;

const escapes = (bytes: Uint8Array): string => [...bytes].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('') || '-';

const kindOf = ({ protocol, query }: ProbeRequest): JobKind => (protocol === 'udp' && query !== undefined ? 'dns' : protocol);

/** Why a request cannot be put; everything that reaches the script has passed here. */
export const refusalOf = (request: ProbeRequest, reach: 'node' | 'pod'): string | undefined => {
  const { destination, protocol, port, from, query, count, timeoutMs } = request;
  if (!isIPv4(destination) && (!isIPv6(destination) || destination.includes('%'))) return `${destination} is not an address`;
  if (protocol !== 'icmp' && !(Number.isInteger(port) && port !== undefined && port > 0 && port < 65536)) return `no ${protocol} port to probe`;
  if (from.netns === 'pid' && !(Number.isInteger(from.pid) && from.pid > 0)) return `${from.pid} is not a pid`;
  if (reach === 'pod' && from.netns === 'host') return 'there is no agent on the node itself';
  if (query !== undefined && !isDnsName(query)) return `${query} is not a DNS name`;
  if (request.size !== undefined && !(Number.isInteger(request.size) && request.size >= SMALLEST && request.size <= 65_535))
    return `${request.size} is no size of a packet to probe with`;
  if (!Number.isInteger(count) || count < 1) return 'no attempts asked for';
  if (!(timeoutMs >= 1)) return 'no time to wait for an answer';
  return undefined;
};

const payload = (kind: JobKind, request: ProbeRequest, mark: SessionMark, index: number): Pick<ProbeJob, 'before' | 'after'> => {
  if (kind === 'udp') {
    return { before: escapes(Buffer.from(`${cookieHex(mark.number)}${hexByte(index)}`, 'hex')), after: escapes(Buffer.from('netdoctor\n')) };
  }
  if (kind === 'dns') {
    const type = isIPv4(request.destination) ? DNS_TYPE.A : DNS_TYPE.AAAA;
    return { before: escapes(Uint8Array.of(dnsIdBlock(mark.number))), after: escapes(dnsQueryAfterId(request.query ?? '', type)) };
  }
  return { before: '-', after: '-' };
};

/** Room for headers, time stamp and mark. */
const SMALLEST = 100;

/** IP and ICMP. */
const headersOf = (destination: string): number => (isIPv4(destination) ? 28 : 48);

/** ICMP payload bytes that ping has by itself: iputils ping(8), -s. */
export const ECHO_BYTES = 56;

/** A request that {@link refusalOf} has nothing against, as a job. An ephemeral container (`reach` pod) has one netns only. */
export const planJob = (request: ProbeRequest, number: number, mark: SessionMark, reach: 'node' | 'pod'): ProbeJob => {
  const kind = kindOf(request);
  const index = mark.nextRequest();
  const count = Math.min(request.count, MOST_ATTEMPTS);
  return {
    number,
    kind,
    family: isIPv4(request.destination) ? 4 : 6,
    netns: request.from.netns === 'pid' && reach === 'node' ? String(request.from.pid) : '-',
    destination: request.destination,
    port: request.port ?? 0,
    count,
    timeoutMs: Math.min(Math.ceil(request.timeoutMs), LONGEST_TIMEOUT),
    firstPort: kind === 'icmp' ? portBlock(mark.number) : mark.nextPort(count),
    block: portBlock(mark.number),
    index,
    size: request.size === undefined ? (request.echoBytes ?? ECHO_BYTES) : request.size - headersOf(request.destination),
    ...payload(kind, request, mark, index),
    whole: request.size === undefined ? '-' : 'do',
  };
};

const FIELDS = [
  'number',
  'kind',
  'family',
  'netns',
  'destination',
  'port',
  'count',
  'timeoutMs',
  'firstPort',
  'block',
  'index',
  'size',
  'before',
  'after',
  'whole',
] as const;

export const jobLine = (job: ProbeJob): string => FIELDS.map((field) => job[field]).join(' ');

/** Milliseconds between two attempts of a request: 25, less when there are many, so that sending takes half a second at most. */
export const gapOf = (jobs: ProbeJob[]): number => Math.max(2, Math.min(25, Math.floor(500 / Math.max(1, ...jobs.map((job) => job.count)))));

/** Bound on a batch's wall time in milliseconds: staggered sending, the longest wait, and room for exec and for a node that is short of CPU. */
export const batchBound = (jobs: ProbeJob[]): number =>
  Math.max(0, ...jobs.map((job) => job.count * gapOf(jobs) + job.timeoutMs + 1_000)) + 5_000 + 20 * jobs.reduce((sum, job) => sum + job.count, 0);
