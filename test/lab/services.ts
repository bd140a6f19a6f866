import { join } from 'node:path';
import { machineDirectory } from './machine.ts';
import { writeAtomically } from './state.ts';

/** Programs that a machine's first process starts and restarts, by name. */
export type Services = Readonly<Record<string, readonly string[]>>;

const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

export const flags = (values: Readonly<Record<string, string>>): readonly string[] =>
  Object.entries(values).map(([flag, value]) => `--${flag}=${value}`);

export const writeServices = async (lab: string, machine: string, services: Services): Promise<void> => {
  for (const [name, argv] of Object.entries(services))
    await writeAtomically(join(machineDirectory(lab, machine), 'services', name), `exec ${argv.map(quote).join(' ')}\n`, 0o644);
};
