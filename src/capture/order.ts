/** Puts the packets of several captures, which come with delays of their own, into the order of their time. */
export interface Order<Packet extends { nanos: bigint }> {
  /** @param nowMs when it came, on any clock that only goes on */
  add: (packet: Packet, nowMs: number) => void;
  /** What has waited long enough for earlier packets of others to come in. */
  take: (nowMs: number) => Packet[];
  /** All that is left. */
  flush: () => Packet[];
  /** Packets that came when later ones had been given out already. */
  readonly late: number;
}

export const createOrder = <Packet extends { nanos: bigint }>(holdMs: number): Order<Packet> => {
  let waiting: { packet: Packet; cameMs: number }[] = [];
  let last = 0n;
  let late = 0;
  const give = (packets: Packet[]): Packet[] => {
    const sorted = packets.sort((a, b) => (a.nanos < b.nanos ? -1 : a.nanos > b.nanos ? 1 : 0));
    for (const { nanos } of sorted) {
      if (nanos < last) late += 1;
      else last = nanos;
    }
    return sorted;
  };
  return {
    get late() {
      return late;
    },
    add: (packet, nowMs) => {
      waiting.push({ packet, cameMs: nowMs });
    },
    take: (nowMs) => {
      let until = -1n;
      for (const { packet, cameMs } of waiting) if (nowMs - cameMs >= holdMs && packet.nanos > until) until = packet.nanos;
      if (until < 0n) return [];
      const due = waiting.filter(({ packet }) => packet.nanos <= until);
      waiting = waiting.filter(({ packet }) => packet.nanos > until);
      return give(due.map(({ packet }) => packet));
    },
    flush: () => {
      const rest = waiting.map(({ packet }) => packet);
      waiting = [];
      return give(rest);
    },
  };
};
