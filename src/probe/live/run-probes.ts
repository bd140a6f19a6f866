import { AgentError, type AgentSession } from '../../cluster/agent-session.ts';
import type { ProbeRequest, ProbeResult } from '../probe.ts';
import { parseProbeOutput } from './parse-probes.ts';
import { batchBound, gapOf, jobLine, type ProbeJob, planJob, refusalOf } from './probe-plan.ts';
import { PROBE_SCRIPT } from './probe-script.ts';
import { cookieHex, type SessionMark } from './session-mark.ts';

/** A batch as it was put and answered: enough to parse it again offline. */
export interface ProbeRecord {
  node: string;
  requests: ProbeRequest[];
  output: string;
}

export interface RunProbesOptions {
  mark: SessionMark;
  signal?: AbortSignal;
  /** Called with what a bundle keeps. */
  onRecord?: (record: ProbeRecord) => void;
}

/** Arguments travel in the exec URL, and proxies in front of API servers cut URLs at 8 KiB: larger batches go in several execs. */
const MOST_ARGUMENT_BYTES = 5_000;

const batches = (jobs: ProbeJob[]): ProbeJob[][] => {
  const all: ProbeJob[][] = [];
  let room = 0;
  for (const job of jobs) {
    // %20 for each blank and %5C for each backslash.
    const size = encodeURIComponent(jobLine(job)).length + 10;
    if (size > room || all.length === 0) {
      all.push([]);
      room = MOST_ARGUMENT_BYTES;
    }
    all.at(-1)?.push(job);
    room -= size;
  }
  return all;
};

const runBatch = async (session: AgentSession, jobs: ProbeJob[], requests: ProbeRequest[], options: RunProbesOptions): Promise<ProbeResult[]> => {
  const result = await session.run(PROBE_SCRIPT, {
    args: [cookieHex(options.mark.number), String(gapOf(jobs)), ...jobs.map((job) => jobLine(job))],
    timeoutMs: batchBound(jobs),
    ...(options.signal ? { signal: options.signal } : {}),
  });
  const output = result.stdout.toString('latin1');
  options.onRecord?.({ node: session.node, requests, output });
  return parseProbeOutput(output, requests);
};

/**
 * Puts all these questions to the network at once from one node; results in the order of the requests. Takes about as long as the slowest
 * attempt. What could not be put comes back as `notRun`, also when the agent was lost.
 */
export const runProbes = async (session: AgentSession, requests: ProbeRequest[], options: RunProbesOptions): Promise<ProbeResult[]> => {
  const results = new Map<ProbeRequest, ProbeResult>();
  const fail = (request: ProbeRequest, notRun: string): unknown => results.set(request, { request, attempts: [], notRun });
  const askable = requests.filter((request) => {
    const refusal = refusalOf(request, session.reach);
    if (refusal !== undefined) fail(request, refusal);
    return refusal === undefined;
  });
  const jobs = askable.map((request, position) => planJob(request, position, options.mark, session.reach));
  await Promise.all(
    batches(jobs).map(async (batch) => {
      const asked = batch.flatMap((job) => askable[job.number] ?? []);
      const numbered = batch.map((job, number) => ({ ...job, number }));
      try {
        for (const result of await runBatch(session, numbered, asked, options)) results.set(result.request, result);
      } catch (error) {
        if (!(error instanceof AgentError)) throw error;
        for (const request of asked) fail(request, error.message);
      }
    }),
  );
  return requests.flatMap((request) => results.get(request) ?? []);
};
