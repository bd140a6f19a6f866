/**
 * Packets that a capture had no room for, as tcpdump counts them in its last words; undefined where it did not come to say them. It counts
 * from before its filter is set, when it takes everything there is, so that a busy node loses some then that nobody wanted: what it had counted
 * when it began to listen (asked for by SIGUSR1) is none of them.
 */
export const lostPackets = (messages: string): number | undefined => {
  const counts = [...messages.matchAll(/(tcpdump: .*)?\b(\d+) packets? dropped by kernel/g)];
  const last = counts.at(-1)?.[2];
  const before = counts.find(([, interim]) => interim !== undefined)?.[2] ?? '0';
  return last === undefined ? undefined : Math.max(0, Number(last) - Number(before));
};
