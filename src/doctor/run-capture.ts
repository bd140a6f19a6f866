import type { NodeClock } from '../capture/clock.ts';
import type { CaptureEnd } from '../capture/end.ts';
import type { Source } from '../capture/interpret.ts';
import type { HopMatch } from '../capture/packet.ts';
import { createRecogniser } from '../capture/recognise.ts';
import { allHops, createHopFinder, hopKey, hopsOf } from '../capture/ways.ts';
import type { Loss, PacketWriter } from '../capture/writer.ts';
import { CliError, EXIT } from '../cluster/errors.ts';
import { familyOf } from '../forwarding/address.ts';
import type { ProbeRequest, ProbeResult } from '../probe/probe.ts';
import type { StreamedPacket } from '../probe/stream/pcap-reader.ts';
import { compareClocks, type EarlyPacket } from './capture/compare-clocks.ts';
import { createKeeper, type Keeper, type Limits, type Tally } from './capture/keeper.ts';
import { type CaptureQuestion, type Prepared, type PreparePorts, prepareCapture } from './capture/prepare.ts';
import type { CaptureSink } from './capture/sink.ts';
import { openStreams, type Streams } from './capture/streams.ts';
import { senderOf } from './plan.ts';
import type { ResolvePair } from './run-path.ts';

/** What `capture A B` was asked, flags read. */
export interface CaptureRequest extends CaptureQuestion {
  /** How long users' traffic is followed. */
  durationMs: number;
  limits: Limits;
  /** Bytes of a packet that are kept. */
  snaplen: number;
}

/** What is known when the first packet can be written. */
export interface CaptureHead {
  prepared: Prepared;
  clocks: NodeClock[];
  notes: string[];
}

export interface CapturePorts extends PreparePorts {
  sink: CaptureSink;
  writerFor: (head: CaptureHead) => PacketWriter;
  /** Told when the first packet may come. */
  begun: () => void;
  /** When the user has enough. */
  interrupted: Promise<void>;
}

export interface CaptureResult extends CaptureHead {
  end: CaptureEnd;
  tally: Tally;
  losses: Loss[];
  /** What became of the probes, when they were sent and there was time to hear of them. */
  probe?: ProbeResult;
}

/** Over and above what is asked for, a capture that nobody stops ends by itself. */
const SPARE_SECONDS = 30;

/** Packets are written this often. */
const TICK_MS = 100;

const probeRequest = ({ question, snapshots }: Prepared): ProbeRequest | string => {
  const sender = senderOf(question.from, snapshots);
  if (typeof sender === 'string') return sender;
  const { to, destination, protocol, port, count, timeoutMs } = question;
  return {
    id: 'main',
    purpose: 'main',
    node: sender.node,
    from: sender.from,
    fromLabel: sender.label,
    toLabel: to.label,
    destination,
    protocol,
    ...(port === undefined ? {} : { port }),
    count,
    timeoutMs,
  };
};

/** How long it may take at most, on the nodes' side. */
const lifeOf = ({ live, durationMs, count, timeoutMs }: CaptureRequest): number =>
  Math.ceil((live ? durationMs : timeoutMs + count * 25 + 10_000) / 1000) + SPARE_SECONDS;

const elapsed = (milliseconds: number): { over: Promise<void>; cancel: () => void } => {
  const over = Promise.withResolvers<void>();
  const timer = setTimeout(over.resolve, milliseconds);
  return { over: over.promise, cancel: () => clearTimeout(timer) };
};

/** Resolves with whichever comes first to end it. */
const untilEnd = async (
  request: CaptureRequest,
  ports: CapturePorts,
  keeper: Keeper,
  streams: Streams,
  sent: Promise<unknown> | undefined,
): Promise<CaptureEnd> => {
  const duration = elapsed(request.durationMs);
  const ticking = setInterval(keeper.tick, TICK_MS);
  try {
    return await Promise.race<CaptureEnd>([
      sent ? sent.then(() => 'probes' as const) : duration.over.then(() => 'duration' as const),
      keeper.full,
      ports.sink.broken,
      ports.interrupted.then(() => 'interrupted' as const),
      streams.ended.then(() => 'captures' as const),
    ]);
  } finally {
    clearInterval(ticking);
    duration.cancel();
  }
};

/** One `capture` run: the same captures as `path` arms, their packets written as they come, in the order of one clock. */
export const runCapture = async (request: CaptureRequest, resolve: ResolvePair, ports: CapturePorts): Promise<CaptureResult> => {
  const { say, sink } = ports;
  const prepared = await prepareCapture(request, resolve, ports);
  const { question, first, facts, snapshots, doors, taps, ways, tunnels, filter, traffic } = prepared;
  const main = request.live ? undefined : probeRequest(prepared);
  if (typeof main === 'string') throw new CliError(`error: no probe can be sent: ${main}`, EXIT.agent);

  say('starting the captures');
  const early: EarlyPacket[] = [];
  let take = (source: Source, packets: StreamedPacket[]): void => {
    for (const packet of packets) early.push({ source, packet });
  };
  const options = { filter, maxSeconds: lifeOf(request), maxPackets: request.limits.packets + 1000, snaplen: request.snaplen };
  const streams = await openStreams(doors, taps, { snapshots, facts }, options, (source, packets) => take(source, packets));
  try {
    if (streams.open.length === 0) throw new CliError(`error: nothing can be captured: ${streams.failed.join('; ')}`, EXIT.agent);
    const recogniser = createRecogniser();
    const family = familyOf(question.destination);
    const clocks = await compareClocks({ first, doors, facts, snapshots, streams, family, early, expect: recogniser.expect });
    const head: CaptureHead = { prepared, clocks, notes: [...prepared.notes, ...streams.failed.map((reason) => `not captured: ${reason}`)] };

    const writer = ports.writerFor(head);
    const probes = new Map(main ? [[main.id, main.count]] : []);
    const keeper = createKeeper({
      how: { finder: createHopFinder(allHops(ways)), recogniser, tunnels, probes, ...(traffic ? { traffic } : {}) },
      ahead: new Map(clocks.map(({ node, ahead }) => [node, ahead])),
      writer,
      sink,
      limits: request.limits,
      now: () => performance.now(),
    });
    sink.write(writer.start());
    take = keeper.take;
    for (const { source, packet } of early.splice(0)) keeper.take(source, [packet]);
    ports.begun();
    let probe: ProbeResult | undefined;
    const sent =
      main &&
      doors
        .find(({ node }) => node === main.node)
        ?.probe([main], recogniser.expect)
        .then(([result]) => {
          probe = result;
        });
    // whoever loses the race must not become an unhandled rejection
    sent?.catch(() => undefined);
    const end = await untilEnd(request, ports, keeper, streams, sent);
    say('ending the captures');
    const { losses, broken } = await streams.stop();
    keeper.finish(losses);
    await sink.close();
    return { ...head, notes: [...head.notes, ...broken], end, tally: keeper.tally, losses, ...(probe ? { probe } : {}) };
  } catch (error) {
    await streams.stop();
    throw error;
  }
};

/** Hops at which nothing was seen, of the way that was seen best: a Service has several. */
export const silentHops = ({ prepared, tally }: Pick<CaptureResult, 'prepared' | 'tally'>): HopMatch[] => {
  const silent = prepared.ways.map((way, route) =>
    hopsOf(way, route).filter((match) => match.hop.netns !== undefined && match.hop.interface !== '' && !tally.hops.has(hopKey(match))),
  );
  return silent.sort((a, b) => a.length - b.length)[0] ?? [];
};
