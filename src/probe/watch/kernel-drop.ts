import type { Contents } from '../tap/dissect.ts';

/** A device a packet was at. */
export interface DevicePlace {
  device: string;
  way: 'in' | 'out';
  /** Inode, where a capture or the kernel says it. */
  netns?: string;
}

/** A packet that the kernel of a node dropped. */
export interface KernelDrop {
  /** Seconds since the watch began. */
  time: number;
  /** The kernel's name of the reason; kernels before 5.17 have none. */
  reason?: string;
  /** Kernel function that dropped it. */
  function: string;
  /** Functions that called it, innermost first. */
  stack: string[];
  ethertype: number;
  /** Where it was, latest first; empty for what never came to a device, or where that was not seen. */
  places: DevicePlace[];
  /** Inode of the namespace of the socket or device it belongs to, where the kernel says it. */
  netns?: string;
  /** What it was, where that could be seen; innermost headers. */
  packet?: Contents;
  /** It is known to be this node's: one of its captures saw it, or the kernel is the node's alone. */
  own: boolean;
}

/** What a watch saw. */
export interface WatchResult {
  drops: KernelDrop[];
  /** How long drops were recorded. */
  seconds: number;
  /** Drops that were not recorded as there were too many. */
  lost: number;
  /** The kernel is the node's alone. */
  ownKernel: boolean;
  /** How long packets could be told, when that is not as long as drops were recorded. */
  packetSeconds?: number;
}
