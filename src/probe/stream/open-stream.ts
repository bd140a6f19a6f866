import { AgentError, type AgentSession, type RunResult } from '../../cluster/agent-session.ts';
import { lostPackets } from '../tap/lost-packets.ts';
import type { TapRequest } from '../tap/tap-output.ts';
import { createPcapReader, type StreamedPacket } from './pcap-reader.ts';
import { STREAM_SCRIPT, STREAM_STOP_SCRIPT } from './stream-script.ts';

export interface StreamOptions {
  /** A pcap-filter(7) expression. */
  filter: string;
  /** Longest life of the capture on the node, whatever becomes of us. */
  maxSeconds: number;
  /** Packets after which the node ends it by itself. */
  maxPackets: number;
  /** Bytes of a packet that are kept. */
  snaplen: number;
  onPackets: (packets: StreamedPacket[]) => void;
}

/** How a capture ended. */
export interface StreamEnd {
  /** Packets the kernel had no room for; undefined when the capture could not say it any more. */
  lost?: number;
  /** Set when it ended before its time: the connection broke, tcpdump failed. */
  broken?: string;
}

/** A capture that listens. */
export interface PacketStream {
  node: string;
  /** LINKTYPE_* of its packets; known with the first of them. */
  readonly linktype: number | undefined;
  /** ifindex → name, as they were when it started. */
  interfaces: Map<number, string>;
  /** The node's clock minus ours, milliseconds, and how wrong that may be: the message was underway for an unknown part of that time. */
  clock?: { offsetMs: number; boundMs: number };
  /** For {@link stopStreams}. */
  pid: number;
  /** When it has ended by itself or was stopped; never rejects. */
  ended: Promise<StreamEnd>;
}

const PREFACE_END = '@nds pcap\n';

interface Preface {
  interfaces: Map<number, string>;
  clockSeconds?: number;
  pid?: number;
  failed?: string;
}

/** `12: veth1@if2: <BROADCAST…` */
const LINK = /^@nds link (\d+): ([^\s@:]+)/;

const readPreface = (text: string): Preface => {
  const preface: Preface = { interfaces: new Map() };
  for (const line of text.split('\n')) {
    const [, index, name] = LINK.exec(line) ?? [];
    if (index !== undefined && name !== undefined) preface.interfaces.set(Number(index), name);
    const [, what, value = ''] = /^@nds (clock|pid|failed) (.*)$/.exec(line) ?? [];
    if (what === 'clock') preface.clockSeconds = Number(value);
    if (what === 'pid') preface.pid = Number(value);
    if (what === 'failed') preface.failed = value;
  }
  return preface;
};

const complaint = (stderr: string): string =>
  stderr
    .split('\n')
    .filter(
      (line) =>
        line !== '' &&
        !/^tcpdump: (listening on|data link type|WARNING|verbose output)|dropped privs|packets? (captured|received|dropped)/.test(line),
    )
    .join('; ')
    .slice(0, 200);

const endOf = ({ stderr, exitCode }: RunResult): StreamEnd => {
  const lost = lostPackets(stderr);
  if (lost !== undefined) return { lost };
  return { broken: complaint(stderr) || `the capture ended with exit code ${exitCode}` };
};

const netnsWord = ({ from }: TapRequest, reach: AgentSession['reach']): string =>
  from.netns === 'pid' && reach === 'node' ? String(Math.trunc(from.pid)) : '-';

/**
 * Starts one capture and resolves when it listens; a string says why it never will.
 * Its packets come in the order of their time, but for what several CPUs deliver at once.
 */
export const openStream = async (session: AgentSession, tap: TapRequest, options: StreamOptions): Promise<PacketStream | string> => {
  if (session.reach === 'pod' && tap.from.netns === 'host') return 'there is no agent on the node itself';
  const listening = Promise.withResolvers<void>();
  const prefaced = Promise.withResolvers<Preface & { at: number }>();
  const reader = createPcapReader();
  const startedAt = Date.now();
  let head: Buffer | undefined = Buffer.alloc(0);
  let heard = '';
  let unreadable: string | undefined;

  const packetsIn = (chunk: Buffer): void => {
    if (unreadable !== undefined || chunk.length === 0) return;
    try {
      const packets = reader.read(chunk);
      if (packets.length > 0) options.onPackets(packets);
    } catch (error) {
      unreadable = error instanceof Error ? error.message : String(error);
    }
  };
  const running = session.run(STREAM_SCRIPT, {
    args: [netnsWord(tap, session.reach), String(Math.ceil(options.maxSeconds)), String(options.maxPackets), String(options.snaplen), options.filter],
    // the rest is for the way there and for tcpdump's last words
    timeoutMs: options.maxSeconds * 1000 + 15_000,
    streamed: true,
    onStdout: (chunk) => {
      if (!head) return packetsIn(chunk);
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf(PREFACE_END);
      if (end < 0) return;
      const first = head.subarray(end + PREFACE_END.length);
      prefaced.resolve({ ...readPreface(head.toString('utf8', 0, end)), at: Date.now() });
      head = undefined;
      packetsIn(first);
    },
    onStderr: (chunk) => {
      if (heard.length < 8192) heard += chunk.toString('utf8');
      if (heard.includes('listening on')) listening.resolve();
    },
  });
  const ended: Promise<StreamEnd> = running.then(
    (result) => (unreadable === undefined ? endOf(result) : { broken: unreadable }),
    (error: unknown) => ({ broken: error instanceof AgentError ? error.message : String(error) }),
  );
  const failure = ended.then(({ broken }) => readPreface(head?.toString('utf8') ?? '').failed ?? broken ?? 'the capture ended at once');
  const ready = Promise.all([prefaced.promise, listening.promise]).then(([preface]) => preface);
  const preface = await Promise.race([ready, failure]);
  if (typeof preface === 'string') return preface;
  const { interfaces, pid, clockSeconds, at } = preface;
  if (pid === undefined || !Number.isInteger(pid)) return 'the capture script did not say its pid';
  const halfway = (at - startedAt) / 2;
  return {
    node: session.node,
    get linktype() {
      return reader.linktype;
    },
    interfaces,
    pid,
    ...(clockSeconds === undefined || Number.isNaN(clockSeconds)
      ? {}
      : { clock: { offsetMs: clockSeconds * 1000 - (startedAt + halfway), boundMs: halfway } }),
    ended,
  };
};

/** Ends captures of one node when they have given what they saw. When the way to the node is lost they end at their time. */
export const stopStreams = async (session: AgentSession, streams: PacketStream[]): Promise<void> => {
  if (streams.length === 0) return;
  await session.run(STREAM_STOP_SCRIPT, { args: streams.map(({ pid }) => String(pid)), timeoutMs: 8_000 }).catch(() => undefined);
};
