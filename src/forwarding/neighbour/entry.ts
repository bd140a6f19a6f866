import type { Link, Neighbour } from '../../node/snapshot.ts';
import { sameAddress } from '../address.ts';
import type { Place } from '../world.ts';

/** States in which the entry's address is used (NUD_VALID, include/net/neighbour.h). */
const valid = new Set(['REACHABLE', 'STALE', 'DELAY', 'PROBE', 'PERMANENT', 'NOARP']);
const written = new Set(['PERMANENT', 'NOARP']);

export const isValid = ({ state }: Neighbour): boolean => valid.has(state);

/** States in which nobody asks whether it is still true (NUD_CONNECTED). */
const connected = new Set(['REACHABLE', 'PERMANENT', 'NOARP']);

export const isFresh = (state: string): boolean => connected.has(state);

/** Somebody wrote it down: no answer will correct it. */
export const isWritten = ({ state }: Neighbour): boolean => written.has(state);

export const entryFor = ({ netns }: Place, device: Link, address: string): Neighbour | undefined =>
  netns.neighbours.find((candidate) => candidate.device === device.name && !candidate.proxy && sameAddress(candidate.address, address));
