import { spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { membershipDirectory } from './cgroups.ts';
import { waitFor } from './clock.ts';
import { identify } from './processes.ts';
import { labDirectory, type ProcessId } from './state.ts';

/** A set of namespaces held by one first process: a node, the underlay or the external host. */
export interface Machine {
  readonly name: string;
  readonly init: ProcessId;
  /** Where programs are found in it: the lab's own first. */
  readonly path: string;
}

export interface Output {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number | undefined;
}

const script = join(import.meta.dirname, 'machine-init.sh');

export const machineDirectory = (lab: string, machine: string): string => join(labDirectory(lab), machine);

/** The first process's pid as this machine counts: unshare(1) is its parent and knows no other children. */
const childOf = async (parent: number): Promise<number> => {
  let child = 0;
  await waitFor(`the first process below ${parent}`, async () => {
    child = Number((await execa('pgrep', ['--parent', String(parent)])).stdout.split('\n')[0]);
    return child > 0;
  });
  return child;
};

export const startMachine = async (
  lab: string,
  name: string,
  { kind, cache, path }: { readonly kind: 'node' | 'plain'; readonly cache: string; readonly path: string },
): Promise<Machine> => {
  const directory = machineDirectory(lab, name);
  for (const part of ['root', 'containerd', 'kubelet', 'files', 'services', 'log']) await mkdir(join(directory, part), { recursive: true });
  const log = openSync(join(directory, 'init.log'), 'a');
  const joinCgroup = 'echo $$ >"$0/cgroup.procs" && exec "$@"';
  const unshare = ['unshare', '--net', '--mount', '--pid', '--uts', '--ipc', '--fork', '/bin/sh', script, kind, name, directory, cache];
  const child = spawn('/bin/sh', ['-c', joinCgroup, membershipDirectory(lab), ...unshare], {
    detached: true,
    stdio: ['ignore', log, log],
    env: { PATH: path, HOME: '/root', LANG: 'C.UTF-8' },
    cwd: '/',
  });
  child.unref();
  if (child.pid === undefined) throw new Error(`failed to start ${name}`);
  const machine = { name, init: await identify(await childOf(child.pid)), path };
  await waitFor(
    `${name} up (see ${directory}/init.log)`,
    async () => (await execIn(machine, ['test', '-e', '/run/machine-is-up'], { reject: false })).exitCode === 0,
    {
      timeout: 10_000,
      interval: 20,
    },
  );
  return machine;
};

/** Runs a program inside all namespaces of a machine. */
export const execIn = async (
  machine: Machine,
  argv: readonly string[],
  { input = '', inputFile, reject = true }: { readonly input?: string; readonly inputFile?: string; readonly reject?: boolean } = {},
): Promise<Output> => {
  const namespaces = ['--target', String(machine.init.pid), '--mount', '--net', '--pid', '--uts', '--ipc'];
  const source = inputFile === undefined ? { input } : { inputFile };
  const { stdout, stderr, exitCode } = await execa('nsenter', [...namespaces, '--', ...argv], { ...source, reject, env: { PATH: machine.path } });
  return { stdout, stderr, exitCode };
};
