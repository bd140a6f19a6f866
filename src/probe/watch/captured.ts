import { type Dissected, dissect } from '../tap/dissect.ts';
import { readPcap } from '../tap/pcap.ts';
import type { TunnelPorts } from '../tap/tunnel.ts';
import type { WatchCapture } from './watch-output.ts';

/** A packet at a device, as a capture saw it. */
export interface Captured {
  /** Seconds on the node's wall clock. */
  time: number;
  netns: string;
  packet: Dissected;
}

/** Captured packets by what a device event tells of them. */
export interface CapturedIndex {
  /** Those of this device, way and length at L3, in the order of their time. */
  like: (device: string, way: 'in' | 'out', length: number) => Captured[];
  /** When the last packet was seen, where a capture ended before its time. */
  fullAt?: number;
}

/** Cooked headers of `-i any`, by link type. */
const COOKED: Record<number, number> = { 113: 16, 276: 20 };

const key = (device: string, way: 'in' | 'out', length: number): string => `${device} ${way} ${length}`;

/** @param limit packets at which a capture ends by itself */
export const indexCaptured = (captures: WatchCapture[], ports: TunnelPorts, limit: number): CapturedIndex => {
  const byKey = new Map<string, Captured[]>();
  let fullAt: number | undefined;
  for (const { tap, pcap, interfaces } of captures) {
    const file = readPcap(pcap);
    if (!file) continue;
    const header = COOKED[file.linktype] ?? 14;
    for (const { time, length, bytes } of file.records) {
      const packet = dissect(file.linktype, bytes, ports);
      const device = interfaces.get(packet?.link.ifindex ?? 0);
      if (!packet || device === undefined) continue;
      const place = key(device, packet.link.direction === 'out' ? 'out' : 'in', length - header);
      const known = byKey.get(place);
      if (known) known.push({ time, netns: tap.netns, packet });
      else byKey.set(place, [{ time, netns: tap.netns, packet }]);
    }
    const last = file.records.at(-1)?.time;
    if (file.records.length >= limit && last !== undefined) fullAt = Math.min(last, fullAt ?? last);
  }
  for (const list of byKey.values()) list.sort((a, b) => a.time - b.time);
  return { like: (device, way, length) => byKey.get(key(device, way, length)) ?? [], ...(fullAt === undefined ? {} : { fullAt }) };
};
