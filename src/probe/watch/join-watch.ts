import { belongs, functionOf } from '../drops/join-drops.ts';
import type { DeviceEvent, FreeEvent, Trace } from '../drops/parse-trace.ts';
import { readContents } from '../tap/dissect.ts';
import type { TunnelPorts } from '../tap/tunnel.ts';
import { type Captured, indexCaptured } from './captured.ts';
import type { KernelDrop, WatchResult } from './kernel-drop.ts';
import { clockBetween, matchDevices, wayOf } from './match-devices.ts';
import { pairHeaders } from './pair-headers.ts';
import type { WatchOutput } from './watch-output.ts';

/**
 * Whose the packets are that a kernel dropped. Where our own event read their headers, that is known of each by itself. Elsewhere a trace
 * knows a packet by its buffer, device, length and time, and a capture knows what it is: the two meet where a device event and a captured
 * packet are the same moment of the same packet, and the buffer's life leads from there to the drop.
 */

/**
 * From device to device a packet goes at once, and keeps its length but for a link header, or that of VXLAN or Geneve over IPv4 or IPv6; else
 * its buffer was given to another one in between.
 */
const NEXT_DEVICE = 500e-6;
const LENGTH_CHANGES = [0, 4, 14, 18, 50, 70];

/** Places of one packet that are looked at. */
const MOST_PLACES = 4;

/** Both in the order of time. */
const merge = (drops: Trace['events'], devices: Trace['events']): Trace['events'] => {
  const merged: Trace['events'] = [];
  let at = 0;
  for (const event of drops) {
    for (let next = devices[at]; next && next.time <= event.time; next = devices[at]) {
      merged.push(next);
      at += 1;
    }
    merged.push(event);
  }
  return merged;
};

const goesOn = (last: DeviceEvent, next: DeviceEvent): boolean =>
  next.time - last.time < NEXT_DEVICE && LENGTH_CHANGES.includes(Math.abs(next.length - last.length));

/** A bridge gives each port but one a copy, whose buffer no device has seen: it is of the packet that came in last on this processor. */
const COPIES = /^(br_flood|deliver_clone|maybe_deliver|br_multicast_flood)/;
const COPIED_AT_ONCE = 200e-6;

/** Each drop with the device events of the same packet before it, latest first. */
const lives = (events: Trace['events']): { free: FreeEvent; before: DeviceEvent[] }[] => {
  const chains = new Map<string, DeviceEvent[]>();
  const latest = new Map<string, DeviceEvent>();
  return events.flatMap((event) => {
    if (event.kind !== 'free') {
      const chain = chains.get(event.skb) ?? [];
      const [last] = chain;
      chains.set(event.skb, last && goesOn(last, event) ? [event, ...chain].slice(0, MOST_PLACES) : [event]);
      latest.set(event.cpu, event);
      return [];
    }
    const chain = chains.get(event.skb) ?? [];
    chains.delete(event.skb);
    if (event.stack.some((name) => COPIES.test(name))) {
      const source = latest.get(event.cpu);
      return [{ free: event, before: source && event.time - source.time < COPIED_AT_ONCE ? [source] : [] }];
    }
    const [last] = chain;
    return [{ free: event, before: last && belongs(event, last) ? chain : [] }];
  });
};

const common = (free: FreeEvent, start: number): Pick<KernelDrop, 'time' | 'reason' | 'function' | 'stack' | 'ethertype'> => ({
  time: free.time - start,
  ...(free.reason === undefined ? {} : { reason: free.reason }),
  function: functionOf(free),
  stack: free.stack,
  ethertype: free.protocol,
});

const fromCaptures = (
  output: WatchOutput,
  drops: Trace,
  start: number,
  ports: TunnelPorts,
  limit: number,
): Pick<WatchResult, 'drops' | 'packetSeconds'> => {
  const captured = indexCaptured(output.captures, ports, limit);
  const devices = (output.devices?.events ?? []).filter((event) => event.kind !== 'free');
  const offset = clockBetween(drops, devices, captured);
  const matched: Map<DeviceEvent, Captured> = offset === undefined ? new Map() : matchDevices(devices, captured, offset);
  const look = (event: DeviceEvent, ethertype: number): Captured | undefined => {
    const found = matched.get(event);
    return found?.packet.link.ethertype === ethertype ? found : undefined;
  };
  const results = lives(merge(drops.events, devices)).map(({ free, before }): KernelDrop => {
    const seen = before.map((event) => ({ event, capture: look(event, free.protocol) }));
    const packet = seen.find(({ capture }) => capture)?.capture?.packet;
    return {
      ...common(free, start),
      places: seen.map(({ event, capture }) => ({ device: event.device, way: wayOf(event), ...(capture ? { netns: capture.netns } : {}) })),
      ...(packet ? { packet } : {}),
      own: output.ownKernel || packet !== undefined,
    };
  });
  const lastDevice = output.devices && output.devices.lostEvents > 0 ? devices.at(-1)?.time : undefined;
  const ends = [lastDevice, captured.fullAt === undefined || offset === undefined ? undefined : captured.fullAt - offset];
  const earliest = Math.min(...ends.map((end) => end ?? Number.POSITIVE_INFINITY));
  return { drops: results, ...(Number.isFinite(earliest) ? { packetSeconds: Math.max(0, earliest - start) } : {}) };
};

const fromHeaders = (output: WatchOutput, drops: Trace, start: number, ports: TunnelPorts): KernelDrop[] => {
  const frees = drops.events.filter((event) => event.kind === 'free');
  const headers = pairHeaders(output.text, frees);
  return frees.map((free): KernelDrop => {
    const read = headers.get(free);
    if (!read) return { ...common(free, start), places: [], own: output.ownKernel };
    const { device, netns, bytes, cameIn } = read;
    const packet = readContents(free.protocol, bytes, ports);
    const inNetns = netns === undefined ? {} : { netns };
    return {
      ...common(free, start),
      places: device === undefined ? [] : [{ device, way: cameIn ? 'in' : 'out', ...inNetns }],
      ...inNetns,
      ...(packet.packet || packet.arp ? { packet } : {}),
      own: output.ownKernel || netns !== undefined,
    };
  });
};

/** @param limit packets at which a capture ends by itself */
export const joinWatch = (output: WatchOutput, ports: TunnelPorts, limit: number): WatchResult => {
  const { drops } = output;
  const { ownKernel } = output;
  const nothing: WatchResult = { drops: [], seconds: 0, lost: 0, ownKernel };
  if (!drops) return nothing;
  const stamps = drops.anchors.map(({ mono }) => mono);
  const [start, end] = [Math.min(...stamps), Math.max(...stamps)];
  if (!Number.isFinite(start)) return nothing;
  // the buffer keeps what comes first
  const last = drops.lostEvents > 0 ? (drops.events.at(-1)?.time ?? end) : end;
  const lasting = { seconds: Math.max(0, last - start), lost: drops.lostEvents, ownKernel };
  if (output.headers) return { ...lasting, drops: fromHeaders(output, drops, start, ports) };
  return { ...lasting, ...fromCaptures(output, drops, start, ports, limit) };
};
