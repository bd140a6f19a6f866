import type { PacketQueue } from '../../src/node/netfilter-state.ts';

/** A queue whose program keeps up. */
export const queue = (number: number, more: Partial<PacketQueue> = {}): PacketQueue => ({
  number,
  portId: 4711,
  waiting: 0,
  copies: 'packet',
  dropped: 0,
  userDropped: 0,
  ...more,
});
