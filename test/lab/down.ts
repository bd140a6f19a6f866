import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { removeCgroups } from './cgroups.ts';
import { waitFor } from './clock.ts';
import { slotInUse } from './options.ts';
import { kill } from './processes.ts';
import { labDirectory, loadState, removeStateRootIfEmpty } from './state.ts';

/**
 * Ends a lab however far it came: its first processes take their namespaces, and with them every mount, link and rule, along.
 * What the state file does not know of is found by its cgroup.
 */
export const down = async (name: string): Promise<void> => {
  const state = await loadState(name);
  for (const machine of Object.values(state?.machines ?? {})) await kill(machine);
  await removeCgroups(name);
  if (state) await waitFor(`the link of lab ${name} go`, async () => !slotInUse(state.slot), { timeout: 10_000 });
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
