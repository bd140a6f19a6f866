import type { PacketQueue } from '../../node/netfilter-state.ts';
import { choose, type Fork } from '../fork.ts';
import type { RuleRef } from '../hop.ts';
import type { Pass } from '../pass.ts';
import type { Verdict } from './context.ts';
import { throughProgram } from './effects.ts';

/** What a rule hands packets to: a queue, or one of a range, which the kernel picks. */
export interface Queueing {
  /** Absent where the rule computes it in a way that nobody can follow. */
  range?: { first: number; last: number };
  /** Where no program has bound the queue, the packet goes on. */
  bypass: boolean;
  /** For what one of the range is picked anew: by a hash of the addresses (nfqueue_hash), by the processor, or as the rule says. */
  per: NonNullable<Fork['per']>;
}

/** `lost`: the kernel drops it itself. */
type Fate = 'program' | 'goes on' | 'lost';

/** More queues than these are not listed. */
const MOST_LISTED = 8;

const rangeWords = ({ first, last }: { first: number; last: number }): string => (first === last ? `${first}` : `${first}-${last}`);

/** Whatever the kernel drops itself ends in nf_queue(), for want of a program (ESRCH) or of what to tell it (EINVAL, NFQNL_COPY_NONE). */
const fatesOf = (bound: PacketQueue[], size: number, bypass: boolean): Map<Fate, number> => {
  const reading = bound.filter(({ copies }) => copies !== 'none').length;
  const free = size - bound.length;
  const fates: [Fate, number][] = [
    ['program', reading],
    ['goes on', bypass ? free : 0],
    ['lost', bound.length - reading + (bypass ? 0 : free)],
  ];
  return new Map(fates.filter(([, count]) => count > 0));
};

const sizeOf = (range: Queueing['range']): number => (range ? range.last - range.first + 1 : 1);

const waitWords = (bound: PacketQueue[]): string => {
  const waiting = bound.reduce((sum, queue) => sum + queue.waiting, 0);
  const lost = bound.reduce((sum, queue) => sum + queue.dropped + queue.userDropped, 0);
  return [...(waiting > 0 ? [`${waiting} packets wait for it`] : []), ...(lost > 0 ? [`it was too slow for ${lost} so far`] : [])].join(', ');
};

const programWords = (range: Queueing['range'], bound: PacketQueue[]): string => {
  const said = waitWords(bound);
  return `the program behind queue ${range ? rangeWords(range) : 'that the rule computes'} decides${said === '' ? '' : `: ${said}`}`;
};

/** `100`, `100-103`, or those of a range in which packets are lost while others are read or passed by. */
const lostIn = ({ first, last }: { first: number; last: number }, bound: PacketQueue[], bypass: boolean): string => {
  const copies = new Map(bound.map((queue) => [queue.number, queue.copies]));
  const isLost = (number: number): boolean => (copies.has(number) ? copies.get(number) === 'none' : !bypass);
  const lost: number[] = [];
  for (let number = first; number <= last && lost.length <= MOST_LISTED; number += 1) if (isLost(number)) lost.push(number);
  return lost.length > MOST_LISTED ? `${lost.slice(0, MOST_LISTED).join(', ')}…` : lost.join(', ');
};

const queueWords = ({ range, bypass }: Queueing, bound: PacketQueue[]): string => {
  if (!range) return '';
  return fatesOf(bound, sizeOf(range), bypass).size === 1 ? rangeWords(range) : lostIn(range, bound, bypass);
};

const pick = (pass: Pass, by: RuleRef, { range, per }: Queueing, fates: Map<Fate, number>): Fate | undefined => {
  const all = [...fates.keys()];
  if (all.length <= 1 || !range) return all[0];
  const labels: Record<Fate, string> = { program: 'one that is read', 'goes on': 'one that nobody reads', lost: 'one that nobody reads' };
  const ways = all.map((fate) => ({ label: `queue ${rangeWords(range)}: ${labels[fate]}`, share: (fates.get(fate) ?? 0) / sizeOf(range) }));
  return all[choose(pass.journey, { kind: 'chance', per, what: `${by.chain} picks one of queues ${rangeWords(range)}`, by, ways })];
};

/**
 * A packet that a rule hands to a program (net/netfilter/nf_queue.c nf_queue, nfnetlink_queue.c nfqnl_enqueue_packet). Where it comes back, or
 * where the rule says bypass and there is none, the next base chain has it: of NAT, which is one hook for all its chains, nothing is left.
 */
export const handToQueue = (pass: Pass, by: RuleRef, queueing: Queueing): Verdict => {
  const { range, bypass } = queueing;
  const { queues } = pass.place.netns.netfilter;
  const bound = (queues ?? []).filter(({ number }) => !range || (number >= range.first && number <= range.last));
  const nobodyKnows = queues === undefined || (!range && bound.length > 0);
  const fate = nobodyKnows ? 'program' : pick(pass, by, queueing, fatesOf(bound, sizeOf(range), bypass));
  if (fate === 'lost') return { kind: 'unqueued', queue: queueWords(queueing, bound), mute: bound.some(({ copies }) => copies === 'none'), by };
  if (fate === 'goes on') return { kind: 'requeued', by };
  return throughProgram(pass, by, programWords(range, bound)).kind === 'drop' ? { kind: 'drop', by } : { kind: 'requeued', by };
};
