import { gunzipSync } from 'node:zlib';
import type { AgentSession } from '../../cluster/agent-session.ts';
import type { TapRequest } from '../tap/tap-output.ts';
import { TAP_STOP_SCRIPT } from '../tap/tap-script.ts';
import { readBtf } from './btf.ts';
import { headerEvent, readCapability } from './header-event.ts';
import { MOST_PACKETS, type WatchRaw } from './watch-output.ts';
import { CAPABILITY_SCRIPT, WATCH_SCRIPT } from './watch-script.ts';

export interface WatchRequest {
  /** Namespaces whose traffic says whose the dropped packets are, where the kernel cannot. */
  taps: TapRequest[];
  /** A pcap-filter(7) expression for them. */
  filter: string;
}

export interface WatchOptions extends WatchRequest {
  /** Longest life on the node, whatever becomes of us. */
  maxSeconds: number;
}

/** A watch that runs on one node. */
export interface ArmedWatch {
  /** Ends it and brings what it saw; never throws, a failure is in the result. */
  stop: () => Promise<WatchRaw>;
}

/** All CPUs together: some 30,000 drops with their call stacks, some 200,000 packets at devices. */
const DROPS_KIB = 8 * 1024;
const DEVICES_KIB = 16 * 1024;

/** Bytes of a packet: outer and inner headers. */
const SNAPLEN = 160;

const READY = /@ndw ready (\S+)\n/;
const END = '@ndw end 0\n';

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** An event of our own that reads the packets' headers, where this kernel takes one and says where they are; `-` where not. */
const eventFor = async (session: AgentSession): Promise<string> => {
  try {
    const { stdout } = await session.run(CAPABILITY_SCRIPT, { args: ['20'], timeoutMs: 20_000 });
    const [, words = ''] = /^@ndw can (.*)$/m.exec(stdout.toString('latin1', 0, 200)) ?? [];
    const capability = readCapability(words);
    const mark = stdout.indexOf('@ndw btf\n');
    if (!capability || mark < 0) return '-';
    return headerEvent(capability, readBtf(gunzipSync(stdout.subarray(mark + '@ndw btf\n'.length)))) ?? '-';
  } catch {
    // the captures do then; what breaks the session altogether is said by the next command
    return '-';
  }
};

const netnsWord = ({ from }: TapRequest): string => (from.netns === 'pid' ? String(Math.trunc(from.pid)) : '-');

const endsWith = (chunks: Buffer[], text: string): boolean =>
  Buffer.concat(chunks.slice(-text.length).map((chunk) => chunk.subarray(-text.length)))
    .toString('latin1')
    .endsWith(text);

/** Starts the watch and resolves when it runs, or when it is known that it never will. */
export const armWatch = async (session: AgentSession, { taps, filter, maxSeconds }: WatchOptions): Promise<ArmedWatch> => {
  const { node } = session;
  const failed = (reason: string): WatchRaw => ({ node, taps, output: Buffer.alloc(0), failed: reason });
  if (session.reach === 'pod') return { stop: async () => failed('there is no agent on the node itself') };
  const event = await eventFor(session);
  const ready = Promise.withResolvers<string>();
  const told = Promise.withResolvers<WatchRaw>();
  const chunks: Buffer[] = [];
  let heard = '';
  const running = session.run(WATCH_SCRIPT, {
    args: [
      String(Math.ceil(maxSeconds)),
      String(MOST_PACKETS),
      String(SNAPLEN),
      filter,
      event,
      String(DROPS_KIB),
      String(DEVICES_KIB),
      ...taps.map(netnsWord),
    ],
    // the rest is for the way there and for what was seen
    timeoutMs: maxSeconds * 1000 + 60_000,
    onStdout: (chunk) => {
      chunks.push(chunk);
      if (heard.length < 4096) heard += chunk.toString('latin1');
      const directory = READY.exec(heard)?.[1];
      if (directory !== undefined) ready.resolve(directory);
      if (endsWith(chunks, END)) told.resolve({ node, taps, output: Buffer.concat(chunks) });
    },
  });
  const finished: Promise<WatchRaw> = Promise.race([
    told.promise,
    running.then(
      ({ stdout, stderr }): WatchRaw =>
        stdout.includes('@ndw ') ? { node, taps, output: stdout } : failed(stderr.trim().slice(0, 200) || 'the watch did not run'),
      (error: unknown) => failed(reasonOf(error)),
    ),
  ]);
  const directory = await Promise.race([ready.promise, finished.then(() => undefined)]);
  if (directory === undefined) return { stop: () => finished };
  return {
    stop: async () => {
      // when the way to stop it is lost it ends at its time, and `finished` says so
      await session.run(TAP_STOP_SCRIPT, { args: [directory, 'stop'], timeoutMs: 5_000 }).catch(reasonOf);
      return finished;
    },
  };
};
