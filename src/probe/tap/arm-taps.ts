import type { AgentSession, RunResult } from '../../cluster/agent-session.ts';
import { lengthFilter } from '../drops/lengths.ts';
import { captureFilter, type TapFilter } from './capture-filter.ts';
import { TAP_LIMIT, type TapRaw, type TapRequest } from './tap-output.ts';
import { TAP_SCRIPT, TAP_STOP_SCRIPT } from './tap-script.ts';

export interface ArmTapsOptions {
  filter: TapFilter;
  /** Lengths (probe-lengths) by which the kernel follows the probes to where it drops them; absent: only captures. */
  lengths?: number[];
  /** Longest life of the captures on the node, whatever becomes of us. */
  maxSeconds: number;
  signal?: AbortSignal;
}

/** Captures that run on one node. */
export interface ArmedTaps {
  /** Ends them and brings what they saw, on request with what the kernel dropped; never throws, a failure is in the result. */
  stop: (wanted?: { drops: boolean }) => Promise<TapRaw>;
}

/** Trace buffers of one node, all CPUs together: some 300,000 events. */
const TRACE_KIB = 16 * 1024;

const READY = /@ndt ready (\S+)\n/;

const END = '@ndt end\n';

/** The last chunk may hold only a part of it. */
const endsWith = (chunks: Buffer[], text: string): boolean =>
  Buffer.concat(chunks.slice(-text.length).map((chunk) => chunk.subarray(-text.length)))
    .toString('latin1')
    .endsWith(text);

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const tapOf = ({ from }: TapRequest, reach: AgentSession['reach']): string =>
  from.netns === 'pid' && reach === 'node' ? String(Math.trunc(from.pid)) : '-';

/** The kernel is the node's: what sits in a pod does not reach it. */
const traceOf = (lengths: number[] | undefined, reach: AgentSession['reach']): string =>
  lengths === undefined || lengths.length === 0 || reach === 'pod' ? '-' : lengthFilter(lengths);

/** What a session of this reach cannot watch. */
const refusalOf = (taps: TapRequest[], reach: AgentSession['reach']): string | undefined =>
  reach === 'pod' && taps.some(({ from }) => from.netns === 'host') ? 'there is no agent on the node itself' : undefined;

const outputOf = ({ stdout, stderr }: RunResult): Pick<TapRaw, 'output' | 'failed'> =>
  stdout.includes('@ndt ') ? { output: stdout } : { output: stdout, failed: stderr.trim().slice(0, 200) || 'the capture script did not run' };

/** Starts the captures of one node in one exec and resolves when all of them listen, or when it is known that they never will. */
export const armTaps = async (
  session: AgentSession,
  taps: TapRequest[],
  { filter, lengths, maxSeconds, signal }: ArmTapsOptions,
): Promise<ArmedTaps> => {
  const common = { node: session.node, taps, ...(filter.tunnels ? { tunnels: filter.tunnels } : {}) };
  const failed = (reason: string): TapRaw => ({ ...common, output: Buffer.alloc(0), failed: reason });
  const refusal = refusalOf(taps, session.reach);
  if (refusal !== undefined) return { stop: async () => failed(refusal) };
  if (taps.length === 0) return { stop: async () => ({ ...common, output: Buffer.alloc(0) }) };

  const ready = Promise.withResolvers<string>();
  const told = Promise.withResolvers<TapRaw>();
  const chunks: Buffer[] = [];
  let heard = '';
  const aborting = signal ? { signal } : {};
  const running = session.run(TAP_SCRIPT, {
    args: [
      String(Math.ceil(maxSeconds)),
      String(TAP_LIMIT),
      captureFilter(filter),
      traceOf(lengths, session.reach),
      String(TRACE_KIB),
      ...taps.map((tap) => tapOf(tap, session.reach)),
    ],
    // Arming takes at most 4 s on the node, the rest is for the way there and the result.
    timeoutMs: maxSeconds * 1000 + 15_000,
    onStdout: (chunk) => {
      chunks.push(chunk);
      if (heard.length < 4096) heard += chunk.toString('latin1');
      const directory = READY.exec(heard)?.[1];
      if (directory !== undefined) ready.resolve(directory);
      // The kernel takes its time to remove a trace; all that is of interest has been said by then.
      if (endsWith(chunks, END)) told.resolve({ ...common, output: Buffer.concat(chunks) });
    },
    ...aborting,
  });
  const finished: Promise<TapRaw> = Promise.race([
    told.promise,
    running.then(
      (result) => ({ ...common, ...outputOf(result) }),
      (error: unknown) => failed(reasonOf(error)),
    ),
  ]);
  const directory = await Promise.race([ready.promise, finished.then(() => undefined)]);
  if (directory === undefined) return { stop: () => finished };
  return {
    stop: async (wanted) => {
      // When the way to stop it is lost, the captures end at their time and `finished` says so.
      await session.run(TAP_STOP_SCRIPT, { args: [directory, wanted?.drops ? 'trace' : 'stop'], timeoutMs: 5_000, ...aborting }).catch(reasonOf);
      return finished;
    },
  };
};
