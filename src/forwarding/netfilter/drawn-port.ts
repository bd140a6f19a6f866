import type { Flight } from '../flight.ts';
import type { Known } from './context.ts';

/** Of every 64 ports that a source translation may draw for one of 1024 or more, the first (net/netfilter/nf_nat_core.c nf_nat_l4proto_unique_tuple). */
const samples = Array.from({ length: (65536 - 1024) / 64 }, (_, at) => 1024 + at * 64);

/** Of so many in a hundred it is said that all of them are, or none. */
const NEARLY_ALL = 99;

/** Whether a port that nobody can foresee is one of these: a rule for few ports hardly ever means it, one for nearly all does. */
export const drawnIs = (among: (port: number) => Known): Known => {
  const answers = samples.map(among);
  if (answers.includes(undefined)) return undefined;
  const share = (100 * answers.filter((answer) => answer === true).length) / samples.length;
  if (share > NEARLY_ALL) return true;
  return share < 100 - NEARLY_ALL ? false : undefined;
};

/** It was drawn from above the ports that are kept apart for services. */
export const isDrawnHigh = ({ packet, drawn }: Flight, side: 'sourcePort' | 'destinationPort'): boolean =>
  drawn === side && (packet[side] ?? 0) >= 1024;
