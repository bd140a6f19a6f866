import type { AgentSession } from '../../cluster/agent-session.ts';
import type { RuleTraceRaw } from './rule-trace.ts';
import { RULE_TRACE_SCRIPT, RULE_TRACE_STOP_SCRIPT } from './rule-trace-script.ts';
import { traceMatches } from './trace-match.ts';

export interface ArmedRuleTrace {
  /** Ends it and brings what was traced; never throws, a failure is in the result. */
  stop: () => Promise<RuleTraceRaw>;
}

const READY = /@ndr ready (\S+)\n/;

/** Starts tracing rules in the host's namespace of one node; resolves when it listens, or when it is known that it never will. */
export const armRuleTrace = async (session: AgentSession, mark: number, maxSeconds: number): Promise<ArmedRuleTrace> => {
  const { node } = session;
  const failed = (reason: string): RuleTraceRaw => ({ node, output: Buffer.alloc(0), failed: reason });
  if (session.reach === 'pod') return { stop: async () => failed('there is no agent on the node itself') };
  const ready = Promise.withResolvers<string>();
  let heard = '';
  const deadline = Math.floor(Date.now() / 1000) + maxSeconds + 30;
  const running = session.run(RULE_TRACE_SCRIPT, {
    args: [String(maxSeconds), `netdoctor_${mark.toString(16)}_${deadline}`, ...traceMatches(mark)],
    timeoutMs: maxSeconds * 1000 + 15_000,
    onStdout: (chunk) => {
      if (heard.length < 4096) heard += chunk.toString('latin1');
      const directory = READY.exec(heard)?.[1];
      if (directory !== undefined) ready.resolve(directory);
    },
  });
  const finished = running.then(
    ({ stdout, stderr }): RuleTraceRaw =>
      stdout.includes('@ndr ') ? { node, output: stdout } : failed(stderr.trim().slice(0, 200) || 'the script did not run'),
    (error: unknown) => failed(error instanceof Error ? error.message : String(error)),
  );
  const directory = await Promise.race([ready.promise, finished.then(() => undefined)]);
  return {
    stop: async () => {
      if (directory !== undefined) await session.run(RULE_TRACE_STOP_SCRIPT, { args: [directory], timeoutMs: 5_000 }).catch(() => undefined);
      return finished;
    },
  };
};
