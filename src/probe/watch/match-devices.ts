import { densest } from '../drops/clock.ts';
import type { DeviceEvent, Trace } from '../drops/parse-trace.ts';
import type { Captured, CapturedIndex } from './captured.ts';

/**
 * A device event and a captured packet this close are the same packet. What comes in is captured at once; what goes out may have to wait in
 * a queue before it is.
 */
const SAME_MOMENT = { receive: 50e-6, queue: 250e-6 } as const;

/** Ethernet header with or without a VLAN tag. */
const LINK_HEADERS = [0, 14, 18];

/** How wrong the anchors may be, and how many device events are compared with captures to do better. */
const ANCHOR_ERROR = 0.05;
const SAMPLE = 2_000;
const MOST_NEIGHBOURS = 20;

export const wayOf = ({ kind }: DeviceEvent): 'in' | 'out' => (kind === 'queue' ? 'out' : 'in');

/** Everything it can be, as far as device and length tell. */
const candidates = (event: DeviceEvent, captured: CapturedIndex): Captured[][] =>
  LINK_HEADERS.map((header) => captured.like(event.device, wayOf(event), event.length - header)).filter((list) => list.length > 0);

/** First position whose time is not before. */
const lowerBound = (sorted: Captured[], time: number): number => {
  let [from, to] = [0, sorted.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((sorted[middle]?.time ?? 0) < time) from = middle + 1;
    else to = middle;
  }
  return from;
};

const around = (sorted: Captured[], time: number, within: number): Captured[] => {
  const from = lowerBound(sorted, time - within);
  return sorted.slice(from, from + MOST_NEIGHBOURS).filter((one) => one.time <= time + within);
};

/** Seconds to add to the trace's clock to get that of the captures; undefined without anchors. */
export const clockBetween = ({ anchors }: Trace, devices: DeviceEvent[], captured: CapturedIndex): number | undefined => {
  if (anchors.length === 0) return undefined;
  // the wall clock is read before it is noted on the other: the latest pair is the truest
  const rough = Math.max(...anchors.map(({ mono, real }) => real - mono));
  const every = Math.max(1, Math.floor(devices.length / SAMPLE));
  const differences = devices
    .filter((_, index) => index % every === 0)
    .flatMap((event) =>
      candidates(event, captured).flatMap((list) => around(list, event.time + rough, ANCHOR_ERROR).map(({ time }) => time - event.time - rough)),
    );
  return rough + (densest(differences) ?? 0);
};

/** Which captured packet each device event is: a packet is at a device once, so the nearest event has it and no other. */
export const matchDevices = (devices: DeviceEvent[], captured: CapturedIndex, offset: number): Map<DeviceEvent, Captured> => {
  const best = new Map<Captured, { event: DeviceEvent; apart: number }>();
  for (const event of devices) {
    const within = SAME_MOMENT[event.kind];
    const time = event.time + offset;
    for (const one of candidates(event, captured).flatMap((list) => around(list, time, within))) {
      const apart = Math.abs(one.time - time);
      if (apart < (best.get(one)?.apart ?? Number.POSITIVE_INFINITY)) best.set(one, { event, apart });
    }
  }
  const matched = new Map<DeviceEvent, { one: Captured; apart: number }>();
  for (const [one, { event, apart }] of best) {
    if (apart < (matched.get(event)?.apart ?? Number.POSITIVE_INFINITY)) matched.set(event, { one, apart });
  }
  return new Map([...matched].map(([event, { one }]) => [event, one]));
};
