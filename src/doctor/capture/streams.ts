import type { Source } from '../../capture/interpret.ts';
import type { Loss } from '../../capture/writer.ts';
import { labelOf, placeAt, type World } from '../../forwarding/world.ts';
import type { PacketStream, StreamOptions } from '../../probe/stream/open-stream.ts';
import type { StreamedPacket } from '../../probe/stream/pcap-reader.ts';
import type { TapRequest } from '../../probe/tap/tap-output.ts';
import type { LiveDoor } from '../ports.ts';

/** The captures of all nodes. */
export interface Streams {
  open: { source: Source; stream: PacketStream }[];
  /** Places where none could be had, and why. */
  failed: string[];
  /** Ends them all and says what was lost; what came until then has been handed over by then. */
  stop: () => Promise<{ losses: Loss[]; broken: string[] }>;
  /** When every one of them has ended, stopped or not. */
  ended: Promise<unknown>;
}

export type OnPackets = (source: Source, packets: StreamedPacket[]) => void;

/** What a capture says last has to come through the same connection as its packets. */
const LAST_WORDS_MS = 3_000;

const within = <Value>(promise: Promise<Value>, milliseconds: number): Promise<Value | undefined> => {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), milliseconds);
  });
  return Promise.race([promise, limit]).finally(() => clearTimeout(timer));
};

const labelFor = (world: World, { node, netns }: TapRequest): string => {
  const place = placeAt(world, node, netns);
  return place ? labelOf(place, world) : 'host';
};

/** Starts one capture per namespace on all nodes at once and waits until each listens or has failed. */
export const openStreams = async (
  doors: LiveDoor[],
  taps: TapRequest[],
  world: World,
  options: Omit<StreamOptions, 'onPackets'>,
  onPackets: OnPackets,
): Promise<Streams> => {
  const opened = await Promise.all(
    taps.map(async (tap) => {
      const where = labelFor(world, tap);
      const door = doors.find(({ node }) => node === tap.node);
      const interfaces = new Map<number, string>();
      let stream: PacketStream | undefined;
      const source: Source = {
        node: tap.node,
        netns: tap.netns,
        where,
        interfaces,
        get linktype() {
          return stream?.linktype;
        },
      };
      // packets may come before the capture is known to listen
      const early: StreamedPacket[] = [];
      const result = await door?.stream(tap, {
        ...options,
        onPackets: (packets) => {
          if (stream) onPackets(source, packets);
          else early.push(...packets);
        },
      });
      if (result === undefined || typeof result === 'string') return `${tap.node} ${where}: ${result ?? 'the node was not entered'}`;
      stream = result;
      for (const [index, name] of result.interfaces) interfaces.set(index, name);
      if (early.length > 0) onPackets(source, early);
      return { source, stream: result };
    }),
  );
  const open = opened.filter((one) => typeof one !== 'string');
  return {
    open,
    failed: opened.filter((one) => typeof one === 'string'),
    ended: Promise.all(open.map(({ stream }) => stream.ended)),
    stop: async () => {
      await Promise.all(doors.map((door) => door.stopStreams(open.filter(({ stream }) => stream.node === door.node).map(({ stream }) => stream))));
      const ends = await Promise.all(open.map(async ({ source, stream }) => ({ source, end: await within(stream.ended, LAST_WORDS_MS) })));
      return {
        losses: ends.map(({ source: { node, netns, where }, end }) => ({ node, netns, where, packets: end?.lost })),
        broken: ends.flatMap(({ source: { node, where }, end }) => (end?.broken === undefined ? [] : [`${node} ${where}: ${end.broken}`])),
      };
    },
  };
};
