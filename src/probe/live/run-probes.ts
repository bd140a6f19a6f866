import { AgentError, type AgentSession } from '../../cluster/agent-session.ts';
import type { ProbeRequest, ProbeResult } from '../probe.ts';
import type { ProbeKey } from '../tap/probe-keys.ts';
import { parseProbeOutput } from './parse-probes.ts';
import { plannedKeys } from './planned-keys.ts';
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
  /** Called before anything is sent, with what will tell the attempts in a capture. */
  onPlan?: (keys: ProbeKey[]) => void;
}

const ask = async (session: AgentSession, jobs: ProbeJob[], requests: ProbeRequest[], options: RunProbesOptions): Promise<ProbeResult[]> => {
  const result = await session.run(PROBE_SCRIPT, {
    args: [cookieHex(options.mark.number), String(gapOf(jobs)), ...jobs.map((job) => jobLine(job))],
    timeoutMs: batchBound(jobs),
    ...(options.signal ? { signal: options.signal } : {}),
  });
  const output = result.stdout.toString('latin1');
  options.onRecord?.({ node: session.node, requests, output });
  return parseProbeOutput(output, requests);
};

const notRun = (request: ProbeRequest, reason: string): ProbeResult => ({ request, attempts: [], notRun: reason });

/**
 * Puts all these questions to the network at once from one node; results in the order of the requests. Takes about as long as the slowest
 * attempt. What could not be put comes back as `notRun`, also when the agent was lost.
 */
export const runProbes = async (session: AgentSession, requests: ProbeRequest[], options: RunProbesOptions): Promise<ProbeResult[]> => {
  const refusals = requests.map((request) => refusalOf(request, session.reach));
  const askable = requests.filter((_, position) => refusals[position] === undefined);
  const jobs = askable.map((request, number) => planJob(request, number, options.mark, session.reach));
  options.onPlan?.(askable.flatMap((request, number) => (jobs[number] ? plannedKeys(request, jobs[number], options.mark.number) : [])));
  const answers = await (jobs.length === 0
    ? []
    : ask(session, jobs, askable, options).catch((error: unknown) => {
        if (!(error instanceof AgentError)) throw error;
        return askable.map((request) => notRun(request, error.message));
      }));
  const left = answers.values();
  return requests.map((request, position) => {
    const refusal = refusals[position];
    return refusal === undefined ? (left.next().value ?? notRun(request, 'the prober gave no result')) : notRun(request, refusal);
  });
};
