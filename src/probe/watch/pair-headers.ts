import { type FreeEvent, TRACE_LINE } from '../drops/parse-trace.ts';
import { type PacketHeaders, readHeaderEvent } from './header-event.ts';

/**
 * Which of our own events belongs to which of the kernel's. Ours comes first: at a function that frees because that is where it starts, at
 * the kernel's event because that is put together aside until its filter is asked. Between the two nothing happens on the same processor but
 * interrupts, which leave whole pairs. Ours comes alone where somebody else still has the packet, or the filter refuses the kernel's.
 */

/** Longest time between the two where nothing was written in between, and where something was; a virtual processor may have to wait itself. */
const NEXT = 50e-3;
const SAME_DROP = 1e-3;

/** Those that never find their other half are forgotten. */
const MOST_WAITING = 16;

interface Waiting {
  time: number;
  headers: PacketHeaders;
}

/** @param frees in the order of the trace, whose text this is */
export const pairHeaders = (text: string, frees: FreeEvent[]): Map<FreeEvent, PacketHeaders> => {
  const pairs = new Map<FreeEvent, PacketHeaders>();
  const waitingOn = new Map<string, Waiting[]>();
  const lastOwn = new Map<string, Waiting>();
  let next = 0;
  for (const line of text.split('\n')) {
    const [, , cpu = '', stamp, what = ''] = TRACE_LINE.exec(line) ?? [];
    if (stamp === undefined) continue;
    const time = Number(stamp);
    const waiting = waitingOn.get(cpu) ?? [];
    waitingOn.set(cpu, waiting);
    if (what.startsWith('drop: ')) {
      const one = { time, headers: readHeaderEvent(what) };
      waiting.push(one);
      lastOwn.set(cpu, one);
      if (waiting.length > MOST_WAITING) waiting.shift();
    } else if (what.startsWith('kfree_skb: ')) {
      const free = frees[next];
      next += 1;
      if (!free) continue;
      const last = lastOwn.get(cpu);
      lastOwn.delete(cpu);
      const at = waiting.findLastIndex((one) => one.headers.protocol === free.protocol && time - one.time <= (one === last ? NEXT : SAME_DROP));
      const [found] = at < 0 ? [] : waiting.splice(at);
      if (found) pairs.set(free, found.headers);
    }
  }
  return pairs;
};
