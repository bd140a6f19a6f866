import type { PacketQueue } from '../netfilter-state.ts';
import { linesOf, type Parsed, readEach } from './json.ts';

/** NFQNL_COPY_NONE, NFQNL_COPY_META, NFQNL_COPY_PACKET (include/uapi/linux/netfilter/nfnetlink_queue.h). */
const COPIES = ['none', 'meta', 'packet'] as const;

/**
 * `  100   4711     0 2 65531     0     0       12  1`: number, netlink port, packets waiting, copy mode, copy range, dropped by the kernel,
 * dropped at the socket, packets so far, and a 1 (net/netfilter/nfnetlink_queue.c seq_show).
 */
const readQueue = (line: string): PacketQueue | undefined => {
  const [number, portId, waiting, mode, , dropped, userDropped, ...rest] = line.trim().split(/\s+/).map(Number);
  const copies = COPIES[mode ?? -1];
  if (number === undefined || portId === undefined || waiting === undefined || copies === undefined) return undefined;
  if (dropped === undefined || userDropped === undefined || rest.length < 2) return undefined;
  return [number, portId, waiting, dropped, userDropped, ...rest].every(Number.isInteger)
    ? { number, portId, waiting, copies, dropped, userDropped }
    : undefined;
};

/** /proc/net/netfilter/nfnetlink_queue: a line for each queue that a program has bound. The kernel lists them by a hash of their numbers. */
export const parseQueues = (text: string): Parsed<PacketQueue[]> => {
  const { value, unparsed } = readEach(linesOf(text), readQueue);
  return { value: value.sort((one, other) => one.number - other.number), unparsed };
};
