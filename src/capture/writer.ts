import type { CapturedPacket } from './packet.ts';

/** Packets of one network namespace that the kernel had no room for. */
export interface Loss {
  node: string;
  netns: string;
  where: string;
  /** Undefined where nobody could say. */
  packets: number | undefined;
}

/** A form that packets are written in, one after the other; pure, so that what is written can be tested. */
export interface PacketWriter {
  start: () => Buffer;
  packet: (packet: CapturedPacket) => Buffer;
  /** @param nanos when the capture ended, on the first node's clock */
  end: (nanos: bigint, losses: Loss[]) => Buffer;
}
