import { join } from 'node:path';
import { execa } from 'execa';

const root = join(import.meta.dirname, '..');

const failed: string[] = [];

/** What `run` said of the steps that failed so far, in order. */
export const failedSteps = (): readonly string[] => failed;

/** Runs one step with its output shown, and says how long it took; false when it failed. */
export const run = async (title: string, command: string, args: string[], env: NodeJS.ProcessEnv = {}): Promise<boolean> => {
  process.stdout.write(`\n== ${title}\n`);
  const started = performance.now();
  const { exitCode } = await execa(command, args, { cwd: root, env, stdio: ['ignore', 'inherit', 'inherit'], reject: false });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const failure = `${title}: failed after ${seconds} s (exit code ${exitCode ?? 'none'})`;
  process.stdout.write(exitCode === 0 ? `== done in ${seconds} s\n` : `== ${failure}\n`);
  if (exitCode !== 0) failed.push(failure);
  return exitCode === 0;
};

/** What must be done after the work is done whatever became of it, also on Ctrl-C. */
export const runAlways = async (work: () => Promise<boolean>, after: () => Promise<boolean>): Promise<boolean> => {
  const stop = (): void => {
    after().finally(() => process.exit(130));
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  try {
    const worked = await work();
    return (await after()) && worked;
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
};
