import { readFile } from 'node:fs/promises';
import type { ProcessId } from './state.ts';

/** Field 22 of /proc/PID/stat: the fields after the command name, which may itself hold blanks and brackets. */
const startTime = async (pid: number): Promise<string | undefined> => {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
};

export const identify = async (pid: number): Promise<ProcessId> => {
  const started = await startTime(pid);
  if (started === undefined) throw new Error(`process ${pid} has ended`);
  return { pid, started };
};

export const isAlive = async ({ pid, started }: ProcessId): Promise<boolean> => (await startTime(pid)) === started;

export const kill = async (process_: ProcessId): Promise<void> => {
  if (!(await isAlive(process_))) return;
  try {
    process.kill(process_.pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
};
