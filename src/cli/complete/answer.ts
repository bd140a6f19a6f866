import { commands } from '../commands/index.ts';
import type { Context, ExitCode } from '../context.ts';
import { writeAll } from '../write.ts';
import { completion } from './candidates.ts';
import { connectionGiven } from './connection-given.ts';
import { liveNames, type Names } from './names.ts';
import { readLine } from './read-line.ts';
import { limitTime } from './time-limit.ts';

/** The hidden command that kubectl_complete-netdoctor calls, named as cobra names its own. */
export const COMPLETE = '__complete';

/** A person holds the Tab key: later than this, nothing is better than something. */
const TIME_LIMIT_MS = 1500;

/** A saved run is judged offline: the cluster of today has nothing to say on it. */
const nobody: Names = { objects: async () => [], entries: () => [], close: () => undefined };

/** Prints what the last of the words may become. Never fails: a shell that completes has no place for an error. */
export const answerCompletion = async (argv: string[], context: Context): Promise<ExitCode> => {
  const line = readLine(argv, commands);
  const names = line.given.from ? nobody : limitTime(liveNames(connectionGiven(line), context.env, TIME_LIMIT_MS), TIME_LIMIT_MS);
  await writeAll(context.stdout, await completion(line, commands, names).catch(() => ':4\n'));
  names.close();
  return 0;
};
