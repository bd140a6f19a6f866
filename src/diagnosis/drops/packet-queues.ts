import type { PacketQueue } from '../../node/netfilter-state.ts';
import type { Netns } from '../../node/snapshot.ts';

/** Numbers of queues, both included. */
export interface QueueRange {
  first: number;
  last: number;
}

/** `-j NFQUEUE --queue-num 7`, `--queue-balance 7:9`, and `queue flags bypass to 7-9` as ruleText has it (forwarding/netfilter/nft/text.ts). */
const IPTABLES = /-j NFQUEUE\b(?:.* --queue-(?:num|balance) (\d+)(?::(\d+))?)?/;
const NFT = /\bqueue(?: flags \S+)?(?: to (\d+)(?:-(\d+))?)?$/;

/** Which queues a rule hands packets to; undefined where it hands none on, or computes the number. */
export const queuesIn = (rule: string): QueueRange | undefined => {
  if (/-j QUEUE\b/.test(rule)) return { first: 0, last: 0 };
  const found = IPTABLES.exec(rule) ?? NFT.exec(rule);
  if (!found || / queue (flags \S+ )?to \D/.test(` ${rule}`)) return undefined;
  const [, first = '0', last = first] = found;
  return { first: Number(first), last: Number(last) };
};

/** A queue that a program has bound, now and at the reading before the probes. */
export interface QueueReadings {
  now: PacketQueue;
  before?: PacketQueue;
}

export const readingsIn = ({ first, last }: QueueRange, after: Netns | undefined, before: Netns | undefined): QueueReadings[] =>
  (after?.netfilter.queues ?? [])
    .filter(({ number }) => number >= first && number <= last)
    .map((now) => {
      const then = before?.netfilter.queues?.find(({ number, portId }) => number === now.number && portId === now.portId);
      return { now, ...(then ? { before: then } : {}) };
    });

/** Packets that found no room between the two readings; without the first, since the program bound the queue. */
export const lostOf = ({ now, before }: QueueReadings): number => now.dropped - (before?.dropped ?? 0) + now.userDropped - (before?.userDropped ?? 0);

/** Packets that its program kept waiting or lost between the two readings. */
export const unservedOf = (reading: QueueReadings): number =>
  reading.before ? Math.max(0, reading.now.waiting - reading.before.waiting) + lostOf(reading) : 0;

/** `0 → 5`, or the one figure that is known. */
const change = (before: number | undefined, now: number): string => (before === undefined || before === now ? `${now}` : `${before} → ${now}`);

const stateWords = ({ now, before }: QueueReadings): string => {
  const { number, portId, copies, waiting, dropped, userDropped } = now;
  const lost = [
    ...(dropped > 0 ? [`${change(before?.dropped, dropped)} lost as it was full`] : []),
    ...(userDropped > 0 ? [`${change(before?.userDropped, userDropped)} lost as its socket was full`] : []),
  ];
  const asked = copies === 'none' ? ', which never said what it wants to see (copy mode 0)' : '';
  return `queue ${number} is bound by netlink port ${portId}${asked}: ${[`${change(before?.waiting, waiting)} packets wait`, ...lost].join(', ')}`;
};

/** `queue 100`, `queues 100-103` */
export const rangeWords = ({ first, last }: QueueRange): string => (first === last ? `queue ${first}` : `queues ${first}-${last}`);

/** What /proc/net/netfilter/nfnetlink_queue says of the queues of a rule; nothing where it was not read. */
export const queueWords = (range: QueueRange, after: Netns | undefined, before: Netns | undefined): string[] => {
  const queues = after?.netfilter.queues;
  if (!queues) return [];
  const readings = readingsIn(range, after, before);
  if (readings.length > 0) return readings.slice(0, 4).map(stateWords);
  const others = queues.map(({ number }) => number);
  return [
    `nobody has bound ${rangeWords(range)} (${others.length === 0 ? 'no queue is bound there' : `bound there: ${others.slice(0, 8).join(', ')}`})`,
  ];
};
