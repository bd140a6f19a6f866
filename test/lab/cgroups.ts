import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { waitFor } from './clock.ts';
import { identify, kill } from './processes.ts';

const root = '/sys/fs/cgroup';

/** The directory of a lab below every controller; what runs in it belongs to the lab, however the lab ended. */
export const cgroupName = (lab: string): string => `netdoctor-lab-${lab}`;

/** Where a lab's own processes are kept together: the pids controller limits nothing and every kernel with version 1 has it. */
export const membershipDirectory = (lab: string): string => join(root, 'pids', cgroupName(lab));

const hierarchies = async (): Promise<readonly string[]> => {
  const entries = await readdir(root, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory() && existsSync(join(root, entry.name, 'cgroup.procs'))).map((entry) => join(root, entry.name));
};

const copySetting = async (from: string, to: string, setting: string): Promise<void> =>
  writeFile(join(to, setting), await readFile(join(from, setting), 'utf8'));

/** A cpuset is born empty and takes no process before it has CPUs and memory nodes. */
const makeCgroup = async (hierarchy: string, path: string): Promise<void> => {
  let parent = hierarchy;
  for (const part of path.split('/')) {
    const directory = join(parent, part);
    await mkdir(directory, { recursive: true });
    if (existsSync(join(directory, 'cpuset.cpus')))
      for (const setting of ['cpuset.cpus', 'cpuset.mems']) await copySetting(parent, directory, setting);
    parent = directory;
  }
};

export const nodeCgroup = (lab: string, node: string): string => `${cgroupName(lab)}/${node}`;

export const makeCgroups = async (lab: string, nodes: readonly string[]): Promise<void> => {
  if (existsSync(join(root, 'cgroup.controllers')))
    throw new Error('this machine has cgroup version 2 only; the lab needs the version 1 hierarchies');
  for (const hierarchy of await hierarchies())
    for (const path of [cgroupName(lab), ...nodes.map((node) => nodeCgroup(lab, node))]) await makeCgroup(hierarchy, path);
};

const subtree = async (directory: string): Promise<readonly string[]> => {
  if (!existsSync(directory)) return [];
  const children = (await readdir(directory, { withFileTypes: true })).filter((entry) => entry.isDirectory());
  return [...(await Promise.all(children.map((child) => subtree(join(directory, child.name))))).flat(), directory];
};

const lab = async (name: string): Promise<readonly string[]> =>
  (await Promise.all((await hierarchies()).map((hierarchy) => subtree(join(hierarchy, cgroupName(name)))))).flat();

const members = async (directories: readonly string[]): Promise<readonly number[]> => {
  const lists = await Promise.all(directories.map((directory) => readFile(join(directory, 'cgroup.procs'), 'utf8').catch(() => '')));
  return [...new Set(lists.flatMap((list) => list.split('\n').filter(Boolean).map(Number)))];
};

/** Ends what still runs in the lab's cgroups (membership proves whose it is) and removes them, children first. */
export const removeCgroups = async (name: string): Promise<void> => {
  await waitFor(
    `the processes of lab ${name} end`,
    async () => {
      const pids = await members(await lab(name));
      for (const pid of pids) await identify(pid).then(kill, () => undefined);
      return pids.length === 0;
    },
    { timeout: 30_000 },
  );
  await waitFor(
    `the cgroups of lab ${name} go`,
    async () => {
      for (const directory of await lab(name)) await rmdir(directory).catch(() => undefined);
      return (await lab(name)).length === 0;
    },
    { timeout: 10_000 },
  );
};
