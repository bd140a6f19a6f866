import type { Netns } from '../../node/snapshot.ts';
import { linkNamed } from '../world.ts';

/** Table of the VRF that the device is, or belongs to (net/l3mdev/l3mdev.c). */
export const vrfOf = (netns: Netns, device: string | undefined): string | undefined => {
  const link = linkNamed(netns, device);
  if (link?.vrfTable !== undefined) return link.vrfTable;
  return link?.master === undefined ? undefined : linkNamed(netns, link.master.name)?.vrfTable;
};
