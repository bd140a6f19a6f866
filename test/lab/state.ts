import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { LabOptions } from './options.ts';

/** A process with its start time, without which a pid may long be someone else's. */
export interface ProcessId {
  readonly pid: number;
  readonly started: string;
}

export interface LabState {
  readonly options: LabOptions;
  readonly slot: number;
  /** The PATH of its machines. */
  readonly path: string;
  readonly machines: Readonly<Record<string, ProcessId>>;
}

export const stateRoot = (): string => process.env.NETDOCTOR_LAB_STATE ?? '/var/lib/netdoctor-lab';

export const labDirectory = (name: string): string => join(stateRoot(), name);

export const kubeconfigPath = (name: string): string => join(labDirectory(name), 'admin.conf');

export const programsDirectory = (name: string): string => join(labDirectory(name), 'bin');

const statePath = (name: string): string => join(labDirectory(name), 'state.json');

export const writeAtomically = async (path: string, content: string, mode = 0o600): Promise<void> => {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.new`, content, { mode });
  await rename(`${path}.new`, path);
};

export const saveState = (state: LabState): Promise<void> => writeAtomically(statePath(state.options.name), `${JSON.stringify(state, null, 2)}\n`);

export const loadState = async (name: string): Promise<LabState | undefined> =>
  existsSync(statePath(name)) ? (JSON.parse(await readFile(statePath(name), 'utf8')) as LabState) : undefined;

export const labNames = async (): Promise<readonly string[]> => {
  if (!existsSync(stateRoot())) return [];
  return (await readdir(stateRoot(), { withFileTypes: true })).filter((entry) => entry.isDirectory()).map((entry) => entry.name);
};

/** The last lab takes the directory of all labs with it. */
export const removeStateRootIfEmpty = async (): Promise<void> => {
  await rmdir(stateRoot()).catch(() => undefined);
};
