import type { ProbeRequest } from '../probe.ts';
import type { ProbeKey } from '../tap/probe-keys.ts';
import type { ProbeJob } from './probe-plan.ts';
import { cookieHex, dnsIdBlock, hexByte } from './session-mark.ts';

/** The port of an attempt as the script counts it: the block over again. */
const portOf = ({ block, firstPort }: ProbeJob, attempt: number): number => block + ((firstPort - block + attempt) % 256);

const markOf = ({ kind, index, ...job }: ProbeJob, attempt: number, mark: number): Pick<ProbeKey, 'mark'> => {
  if (kind === 'udp') return { mark: `${cookieHex(mark)}${hexByte(index)}${hexByte(attempt)}` };
  // ping counts from 1
  if (kind === 'icmp') return { mark: `${cookieHex(mark)}${hexByte(index)}${(attempt + 1).toString(16).padStart(4, '0')}` };
  if (kind === 'dns') return { mark: `${hexByte(dnsIdBlock(mark))}${hexByte(portOf({ kind, index, ...job }, attempt))}` };
  return {};
};

/** What will tell each attempt in a capture, known before it is sent; only a source port that is taken makes it another. */
export const plannedKeys = (request: ProbeRequest, job: ProbeJob, mark: number): ProbeKey[] =>
  Array.from({ length: job.count }, (_, attempt) => ({
    probe: request.id,
    attempt,
    protocol: request.protocol,
    destination: request.destination,
    ...(request.port === undefined ? {} : { port: request.port }),
    ...(request.query === undefined ? {} : { query: request.query }),
    ...(job.kind === 'icmp' ? {} : { sourcePort: portOf(job, attempt) }),
    ...markOf(job, attempt, mark),
  }));
