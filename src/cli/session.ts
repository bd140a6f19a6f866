import { readFile, writeFile } from 'node:fs/promises';
import { recordingFromBytes, recordingToBytes } from '../bundle/file.ts';
import { bundleReader } from '../bundle/reader.ts';
import { recordDoor } from '../bundle/record.ts';
import { emptyRecording, type Recording } from '../bundle/recording.ts';
import { replayDoors } from '../bundle/replay.ts';
import { leftBehind } from '../cluster/agents/registry.ts';
import type { ApiReader } from '../cluster/api/reader.ts';
import { CliError, EXIT } from '../cluster/errors.ts';
import { isOpen, type OpenDoors } from '../doctor/ports.ts';
import type { ProbeRecord } from '../probe/live/run-probes.ts';
import { createSessionMark } from '../probe/live/session-mark.ts';
import type { Report } from '../report/report.ts';
import { VERSION } from '../version.ts';
import type { AgentFlags, ConnectionFlags, OutputFlags } from './connection-options.ts';
import type { Context } from './context.ts';
import { reasonOf } from './file-reason.ts';
import { agentOptions, goLive, nodeDoors, podDoors } from './live.ts';
import type { Progress } from './progress.ts';
import { writeAll } from './write.ts';

/** Where a run gets its facts from, live or recorded, and where it leaves them. */
export interface Session {
  api: ApiReader;
  open: OpenDoors;
  mark: number;
  /** Namespace of words without one. */
  namespace: string;
  now: () => Date;
  /** A bundle is made: read what later questions to it may need, too. */
  thorough: boolean;
  /** What the recorded run was asked, in a replay. */
  recorded?: Record<string, unknown>;
  /** Writes the bundle, when one was asked for. */
  save: (report: Report) => Promise<void>;
  close: () => Promise<void>;
}

type Flags = ConnectionFlags & AgentFlags & OutputFlags;

const readBundle = async (file: string): Promise<Recording> => {
  const bytes = await readFile(file).catch((error: unknown) => {
    throw new CliError(`error: cannot read ${file}: ${reasonOf(error)}`, EXIT.usage, { cause: error });
  });
  try {
    return await recordingFromBytes(bytes);
  } catch (error) {
    throw new CliError(`error: ${file} is not a netdoctor bundle: ${reasonOf(error)}`, EXIT.usage, { cause: error });
  }
};

const replay = async (file: string, command: string): Promise<Session> => {
  const recording = await readBundle(file);
  const { meta } = recording;
  return {
    api: bundleReader(recording.api),
    open: replayDoors(recording),
    mark: meta.mark,
    namespace: typeof meta.request.namespace === 'string' ? meta.request.namespace : 'default',
    now: () => new Date(meta.time),
    thorough: true,
    ...(meta.command === command ? { recorded: meta.request } : {}),
    save: async () => undefined,
    close: async () => undefined,
  };
};

/** A full disk or a missing directory is to be known before minutes of work, not after. */
const prepareFile = async (file: string): Promise<void> => {
  await writeFile(file, '').catch((error: unknown) => {
    throw new CliError(`error: cannot write ${file}: ${reasonOf(error)}`, EXIT.usage, { cause: error });
  });
};

const record = async (
  flags: Flags,
  context: Context,
  progress: Progress,
  command: string,
  request: Record<string, unknown>,
  seconds: number | undefined,
): Promise<Session> => {
  if (flags.save !== undefined) await prepareFile(flags.save);
  const live = await goLive(flags, context);
  const mark = createSessionMark();
  const started = new Date();
  const recording = emptyRecording({
    format: 1,
    version: VERSION,
    time: started.toISOString(),
    command,
    request: { ...request, namespace: live.namespace },
    mark: mark.number,
  });
  const doorOptions = {
    registry: context.registry,
    mark,
    onProbes: (probes: ProbeRecord) => recording.probes.push(probes),
    ...(seconds === undefined ? {} : { seconds }),
  };
  const open =
    flags.agent === 'ephemeral'
      ? podDoors(live, flags, context, progress, doorOptions)
      : nodeDoors(live, agentOptions(flags, context.env, seconds), context, doorOptions);
  return {
    api: live.api,
    open: async (requests) => {
      const doors = await open(requests);
      return doors.map((door) => {
        if (isOpen(door)) return recordDoor(door, recording);
        recording.closed.push(door);
        return door;
      });
    },
    mark: mark.number,
    namespace: live.namespace,
    now: () => started,
    thorough: flags.save !== undefined,
    save: async (report) => {
      if (flags.save === undefined) return;
      recording.api = live.api.records();
      await writeFile(flags.save, await recordingToBytes(recording, report)).catch((error: unknown) => {
        throw new CliError(`error: cannot write ${flags.save}: ${reasonOf(error)}`, EXIT.usage, { cause: error });
      });
    },
    close: async () => {
      const left = await context.registry.stopAll();
      if (left.length > 0) await writeAll(context.stderr, `${leftBehind(left)}\n`);
      live.close();
    },
  };
};

/**
 * Runs `work` on a live cluster, or with --from on a bundle; what it made is removed whatever happens.
 * @param seconds how long the agents are needed at least
 */
export const withSession = async <Answer>(
  flags: Flags,
  context: Context,
  progress: Progress,
  command: string,
  request: Record<string, unknown>,
  work: (session: Session) => Promise<Answer>,
  seconds?: number,
): Promise<Answer> => {
  if (flags.from !== undefined && flags.save !== undefined)
    throw new CliError('error: --from and --save exclude each other: a bundle is saved already', EXIT.usage);
  const session = flags.from === undefined ? await record(flags, context, progress, command, request, seconds) : await replay(flags.from, command);
  try {
    return await work(session);
  } finally {
    await session.close();
  }
};
