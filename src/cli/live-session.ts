import { leftBehind } from '../cluster/agents/registry.ts';
import type { ApiReader } from '../cluster/api/reader.ts';
import type { LiveDoor, OpenDoors } from '../doctor/ports.ts';
import { createSessionMark } from '../probe/live/session-mark.ts';
import type { AgentFlags, ConnectionFlags } from './connection-options.ts';
import type { Context } from './context.ts';
import { agentOptions, goLive, nodeDoors, podDoors } from './live.ts';
import type { Progress } from './progress.ts';
import { writeAll } from './write.ts';

/** A cluster that is really there, for what no bundle can answer. */
export interface LiveSession {
  api: ApiReader;
  open: OpenDoors<LiveDoor>;
  mark: number;
  /** Namespace of words without one. */
  namespace: string;
}

/**
 * Runs `work` on the cluster; what it made there is removed whatever happens.
 * @param seconds how long the agents are needed at least
 */
export const withLiveSession = async <Answer>(
  flags: ConnectionFlags & AgentFlags,
  context: Context,
  progress: Progress,
  seconds: number,
  work: (session: LiveSession) => Promise<Answer>,
): Promise<Answer> => {
  const live = await goLive(flags, context);
  const mark = createSessionMark();
  const doors = { mark, onProbes: () => undefined, registry: context.registry, seconds };
  const open =
    flags.agent === 'ephemeral'
      ? podDoors(live, flags, context, progress, doors)
      : nodeDoors(live, agentOptions(flags, context.env, seconds), context, doors);
  try {
    return await work({ api: live.api, open, mark: mark.number, namespace: live.namespace });
  } finally {
    const left = await context.registry.stopAll();
    if (left.length > 0) await writeAll(context.stderr, `${leftBehind(left)}\n`);
    live.close();
  }
};
