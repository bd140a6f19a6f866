import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { constants, setPriority } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { cacheRoot } from '../lab/cache.ts';
import type { Plan } from './plan.ts';

/** What the Go program answers, field by field as in kernel/plan.go. */
export interface Answer {
  id: number;
  error?: string;
  inodes: string[];
  sections: Section[];
  sends: { probe: number; attempt: number; errno: number }[];
  /** See EventRow in observe.ts. */
  events: unknown[][];
  silences: { space: number; link: string; address: string }[];
  /** Addresses that asked for a neighbour meanwhile. */
  asked?: string[] | null;
  /** Whom they asked for. */
  wanted?: { space: number; link: string; address: string }[] | null;
  after: Section[];
  spent: Record<string, number>;
}

export interface Section {
  space: number;
  name: string;
  status: number;
  text: string;
  stderr?: string;
}

export interface Kernel {
  ask: (plan: Omit<Plan, 'id'>) => Promise<Answer>;
  /** Processor seconds it and its programs have used. */
  processorSeconds: () => Promise<number>;
  close: () => Promise<void>;
}

const sources = join(import.meta.dirname, 'kernel');

/** Go's own cache makes this quick where nothing changed. */
const build = async (): Promise<string> => {
  const directory = join(cacheRoot(), 'diff');
  await mkdir(directory, { recursive: true });
  const program = join(directory, 'kernel');
  const env = { CGO_ENABLED: '0', GOFLAGS: '-mod=readonly', GOTOOLCHAIN: 'local' };
  await execa('go', ['build', '-trimpath', '-buildvcs=false', '-o', program, '.'], { cwd: sources, env });
  return program;
};

/**
 * Starts the program that makes namespaces, `workers` cases at a time, itself in a network and mount namespace of its own: whatever it
 * does wrong, it does there. Nothing outlives it. It keeps its priority while we lower ours: it holds the kernel's one routing lock, for
 * which everybody on this machine would have to wait while it waits for a processor.
 */
export const startKernel = async (workers: number): Promise<Kernel> => {
  const program = await build();
  const child = spawn('unshare', ['--net', '--mount', program, '-workers', `${workers}`], { stdio: ['pipe', 'pipe', 'inherit'] });
  setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
  const waiting = new Map<number, { resolve: (answer: Answer) => void; reject: (error: Error) => void }>();
  const ended = new Promise<void>((resolve) => {
    child.once('exit', (code, signal) => {
      for (const { reject } of waiting.values()) reject(new Error(`the kernel's side of the test ended with ${code ?? signal}`));
      resolve();
    });
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    const answer = JSON.parse(line) as Answer;
    waiting.get(answer.id)?.resolve(answer);
    waiting.delete(answer.id);
  });
  let last = 0;
  child.stdin.on('error', (error) => {
    for (const { reject } of waiting.values()) reject(error);
  });
  return {
    ask: (plan) =>
      new Promise((resolve, reject) => {
        last += 1;
        waiting.set(last, { resolve, reject });
        child.stdin.write(`${JSON.stringify({ ...plan, id: last })}\n`);
      }),
    processorSeconds: () => processorSeconds(child),
    close: async () => {
      child.stdin.end();
      await ended;
    },
  };
};

/** utime, stime and those of children waited for, proc(5). */
const processorSeconds = async ({ pid }: ChildProcess): Promise<number> => {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at]), 0) / 100;
};
