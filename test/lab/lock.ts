import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { cacheRoot } from './cache.ts';

/** Locks live beside the built parts and not with a lab's state, which `down` removes. */
export const lockFile = (name: string): string => join(cacheRoot(), 'locks', name);

export const labLock = (lab: string): string => lockFile(`lab-${lab}`);

/**
 * Holds an flock(2) on a file while the work runs. Node has no flock, so flock(1) holds it for us until its standard input closes:
 * a killed caller therefore releases it too.
 */
export const withLock = async <T>(file: string, work: () => Promise<T>): Promise<T> => {
  await mkdir(dirname(file), { recursive: true });
  const holder = spawn('flock', [file, 'sh', '-c', 'echo held; exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
  await Promise.race([once(holder.stdout, 'data'), once(holder, 'exit').then(() => Promise.reject(new Error(`failed to lock ${file}`)))]);
  try {
    return await work();
  } finally {
    holder.stdin.end();
    await once(holder, 'exit');
  }
};
