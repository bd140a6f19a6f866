import { mkdir } from 'node:fs/promises';
import { lockFile, withLock } from './lock.ts';
import { type LabOptions, slotInUse } from './options.ts';
import { labNames, loadState, saveState, stateRoot } from './state.ts';

const slots = { first: 188, last: 254 } as const;

/** The lowest number that no other lab holds; written down under the lock before it is used. */
export const claimSlot = async (options: LabOptions, path: string): Promise<number> => {
  await mkdir(stateRoot(), { recursive: true, mode: 0o700 });
  return withLock(lockFile('slots'), async () => {
    const states = await Promise.all((await labNames()).map(loadState));
    const taken = new Set(states.map((state) => state?.slot));
    for (let slot = slots.first; slot <= slots.last; slot += 1) {
      if (taken.has(slot) || slotInUse(slot)) continue;
      await saveState({ options, slot, path, machines: {} });
      return slot;
    }
    throw new Error('no free address range is left for one more lab');
  });
};
