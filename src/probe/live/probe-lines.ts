import { type JobKind, MOST_ATTEMPTS } from './probe-plan.ts';

/** The prober's output, line by line; what is not one of these lines is noise and skipped. */
export interface ProbeOutput {
  cookie: string;
  tools: { connect: string; ping: string };
  jobs: Map<number, { kind: JobKind; firstPort: number; index: number; count: number; timeoutMs: number; before: string }>;
  /** Reason per job; under -1 the reason that holds for all. */
  notRun: Map<number, string>;
  attempts: { job: number; attempt: number; sourcePort?: number; exitCode: number; text: string }[];
  pings: Map<number, string[]>;
  complete: boolean;
}

const KINDS: readonly string[] = ['tcp', 'udp', 'dns', 'sctp', 'icmp'];

const isKind = (word: string | undefined): word is JobKind => word !== undefined && KINDS.includes(word);

const readLine = (line: string, output: ProbeOutput): void => {
  const [, what, ...words] = line.split(' ');
  const job = Number(words[0]);
  if (what === 'session') {
    output.cookie = words[0] ?? '';
    output.tools = { connect: words[1] ?? 'none', ping: words[2] ?? 'none' };
  } else if (what === 'job' && isKind(words[1])) {
    const [count = 0, timeoutMs = 0, firstPort = 0, , index = 0] = words.slice(6, 11).map(Number);
    output.jobs.set(job, { kind: words[1], count: Math.min(count, MOST_ATTEMPTS) || 0, timeoutMs, firstPort, index, before: words[12] ?? '-' });
  } else if (what === 'notrun') {
    output.notRun.set(words[0] === '*' ? -1 : job, words.slice(1).join(' '));
  } else if (what === 'a') {
    const [, attempt, port, exitCode, ...text] = words;
    const sourcePort = port === '-' ? {} : { sourcePort: Number(port) };
    output.attempts.push({ job, attempt: Number(attempt), ...sourcePort, exitCode: Number(exitCode), text: text.join(' ').replaceAll('\t', '\n') });
  } else if (what === 'i') {
    output.pings.set(job, [...(output.pings.get(job) ?? []), words.slice(1).join(' ')]);
  } else if (what === 'done') {
    output.complete = true;
  }
};

export const readProbeOutput = (text: string): ProbeOutput => {
  const output: ProbeOutput = {
    cookie: '',
    tools: { connect: 'none', ping: 'none' },
    jobs: new Map(),
    notRun: new Map(),
    attempts: [],
    pings: new Map(),
    complete: false,
  };
  for (const line of text.split('\n')) if (line.startsWith('@ndp ')) readLine(line, output);
  return output;
};
