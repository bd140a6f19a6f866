import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { execa } from 'execa';
import { removeCgroups } from './cgroups.ts';
import { waitFor } from './clock.ts';
import { labLock, withLock } from './lock.ts';
import { slotInterface, slotInUse } from './options.ts';
import { kill } from './processes.ts';
import { labDirectory, loadState, removeStateRootIfEmpty } from './state.ts';

/** A network namespace outlives its last process by the minutes that half-closed TCP connections wait for an answer; the link must not. */
const removeLink = async (slot: number): Promise<void> => {
  await execa('ip', ['link', 'del', slotInterface(slot)], { reject: false });
};

/**
 * Ends a lab however far it came: its first processes take their namespaces, and with them every mount, link and rule, along.
 * What the state file does not know of is found by its cgroup.
 */
export const removeLab = async (name: string): Promise<void> => {
  const state = await loadState(name);
  for (const machine of Object.values(state?.machines ?? {})) await kill(machine);
  await removeCgroups(name);
  if (state && slotInUse(state.slot)) await removeLink(state.slot);
  await waitFor(
    `the files of lab ${name} go`,
    async () => {
      await rm(labDirectory(name), { recursive: true, force: true });
      return !existsSync(labDirectory(name));
    },
    { timeout: 10_000 },
  );
  await removeStateRootIfEmpty();
};

export const down = (name: string): Promise<void> => withLock(labLock(name), () => removeLab(name));
