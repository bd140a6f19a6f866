/** How a node's clock differs from the first node's. */
export interface NodeClock {
  node: string;
  /** Nanoseconds it is ahead of the first node's. */
  ahead: bigint;
  /** How wrong that may be. */
  boundMicros: number;
  how: keyof typeof SOURCE;
}

const SOURCE = {
  ping: 'from request and reply of a ping at both uplinks',
  exec: 'only from how long commands took to start, as no ping between them was answered',
} as const;

/** `node2's clock is 3 µs behind node1's, ± 25 µs (from …); its times are corrected by that` */
export const clockWords = ({ node, ahead, boundMicros, how }: NodeClock, first: string): string => {
  const micros = Number(ahead / 1000n);
  const relation = micros === 0 ? `agrees with ${first}'s` : `is ${Math.abs(micros)} µs ${micros > 0 ? 'ahead of' : 'behind'} ${first}'s`;
  return `${node}'s clock ${relation}, ± ${boundMicros} µs (${SOURCE[how]}); its times are corrected by that`;
};
