import { type Interpretation, interpret, type Source } from '../../capture/interpret.ts';
import { createOrder } from '../../capture/order.ts';
import { type CapturedPacket, placeKey } from '../../capture/packet.ts';
import { hopKey } from '../../capture/ways.ts';
import type { Loss, PacketWriter } from '../../capture/writer.ts';
import type { StreamedPacket } from '../../probe/stream/pcap-reader.ts';
import type { CaptureSink } from './sink.ts';

/** How much is kept at most. */
export interface Limits {
  packets: number;
  bytes: number;
}

/** What was kept of a capture. */
export interface Tally {
  packets: number;
  bytes: number;
  /** hopKey of each hop at which a packet was kept. */
  hops: Set<string>;
  /** Places off the predicted way at which a packet was kept. */
  elsewhere: Set<string>;
  /** Others' packets that the filter on the nodes could not tell from ours. */
  others: number;
  /** Packets that were not written as the reader did not keep up. */
  skipped: number;
  /** Packets that stand out of order, as they came too late. */
  late: number;
}

/** Takes packets from all captures, puts them in order, and writes what belongs to the question. */
export interface Keeper {
  take: (source: Source, packets: StreamedPacket[]) => void;
  /** Writes what has waited long enough; to be called often. */
  tick: () => void;
  /** Writes the rest and the end. */
  finish: (losses: Loss[]) => void;
  /** Which limit was reached. */
  full: Promise<keyof Limits>;
  readonly tally: Tally;
}

/** Packets of one moment come from several nodes within this time, or stand out of order. */
const HOLD_MS = 300;

/** A reader that is this far behind loses packets: memory has an end. */
const MOST_PENDING = 64 * 1024 * 1024;

interface Waiting {
  source: Source;
  packet: StreamedPacket;
  /** On the first node's clock. */
  nanos: bigint;
}

export interface KeeperOptions {
  how: Interpretation;
  /** Node → nanoseconds its clock is ahead of the first node's. */
  ahead: Map<string, bigint>;
  writer: PacketWriter;
  sink: CaptureSink;
  limits: Limits;
  now: () => number;
}

export const createKeeper = ({ how, ahead, writer, sink, limits, now }: KeeperOptions): Keeper => {
  const order = createOrder<Waiting>(HOLD_MS);
  const full = Promise.withResolvers<keyof Limits>();
  const tally = { packets: 0, bytes: 0, hops: new Set<string>(), elsewhere: new Set<string>(), others: 0, skipped: 0 };
  /** Handed to the sink, written or not. */
  const given = { packets: 0, bytes: 0 };
  let last = 0n;
  let reached = false;

  const count = ({ hop, place, dissected }: CapturedPacket, bytes: number): void => {
    tally.packets += 1;
    tally.bytes += bytes;
    if (hop) tally.hops.add(hopKey(hop));
    else if (dissected?.packet && dissected.transport?.kind !== 'neighbour') tally.elsewhere.add(placeKey(place));
  };
  const reach = (limit: keyof Limits): void => {
    reached = true;
    full.resolve(limit);
  };
  const keep = ({ source, packet, nanos }: Waiting): void => {
    if (reached) return;
    const captured = interpret(source, packet, nanos, how);
    if (captured === 'other') tally.others += 1;
    if (typeof captured === 'string') return;
    if (sink.pending > MOST_PENDING) {
      tally.skipped += 1;
      return;
    }
    const bytes = writer.packet(captured);
    given.packets += 1;
    given.bytes += bytes.length;
    if (nanos > last) last = nanos;
    sink.write(bytes, () => count(captured, bytes.length));
    if (given.packets >= limits.packets) reach('packets');
    else if (given.bytes >= limits.bytes) reach('bytes');
  };
  return {
    take: (source, packets) => {
      const offset = ahead.get(source.node) ?? 0n;
      const at = now();
      for (const packet of packets) order.add({ source, packet, nanos: packet.nanos - offset }, at);
    },
    tick: () => {
      for (const waiting of order.take(now())) keep(waiting);
    },
    finish: (losses) => {
      for (const waiting of order.flush()) keep(waiting);
      sink.write(writer.end(last, losses));
    },
    full: full.promise,
    get tally() {
      return { ...tally, late: order.late };
    },
  };
};
