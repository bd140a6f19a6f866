import { constants, gunzipSync } from 'node:zlib';
import { parseTrace, type Trace } from '../drops/parse-trace.ts';
import { lostPackets } from '../tap/lost-packets.ts';
import type { TapRequest } from '../tap/tap-output.ts';

/** Packets at which a capture ends by itself. */
export const MOST_PACKETS = 20_000;

/** Everything one node said of what its kernel dropped, as it came: enough to judge it again offline. */
export interface WatchRaw {
  node: string;
  taps: TapRequest[];
  output: Buffer;
  /** Why there is no usable output. */
  failed?: string;
}

/** The capture of one namespace beside the trace. */
export interface WatchCapture {
  tap: TapRequest;
  /** Savefile; empty where there was no capture. */
  pcap: Buffer;
  /** ifindex → name. */
  interfaces: Map<number, string>;
  /** Packets the kernel had no room for. */
  lost: number;
  /** Set when nothing could be captured here, with the reason. */
  failed?: string;
}

/** What came back, taken apart. */
export interface WatchOutput {
  node: string;
  /** Events of packets that were dropped, and of our own that read their headers. */
  drops?: Trace;
  /** Text of the same, in which our own events are. */
  text: string;
  /** Packets handed to devices and taken from them; absent where our own event makes them needless. */
  devices?: Trace;
  captures: WatchCapture[];
  /** An event of our own read the packets' headers. */
  headers: boolean;
  /** The node has a kernel to itself; a node that is a container (kind) shares it with others. */
  ownKernel: boolean;
  kernel: string;
  /** Why the kernel was not asked. */
  notTraced?: string;
}

/** `@ndw NAME BYTES` and then so many bytes, again and again; anything cut is left out. */
const readParts = (output: Buffer): { parts: Map<string, Buffer>; failed?: string } => {
  const parts = new Map<string, Buffer>();
  let at = 0;
  for (;;) {
    const end = output.indexOf('\n', at);
    if (end < 0) return { parts };
    const [tag, name = '', ...words] = output.toString('latin1', at, end).split(' ');
    at = end + 1;
    if (tag !== '@ndw' || name === 'ready') continue;
    if (name === 'failed') return { parts, failed: words.join(' ') };
    const size = Number(words[0]);
    if (!Number.isSafeInteger(size) || size < 0 || at + size > output.length) return { parts };
    parts.set(name, output.subarray(at, at + size));
    at += size;
  }
};

const inflate = (gzip: Buffer | undefined): Buffer => {
  if (!gzip) return Buffer.alloc(0);
  try {
    // SYNC_FLUSH: what a killed gzip left behind is still good as far as it goes.
    return gunzipSync(gzip, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: 256 * 1024 * 1024 });
  } catch {
    return Buffer.alloc(0);
  }
};

const LINK = /^(\d+): ([^\s@:]+)/gm;

const captureOf = (tap: TapRequest, number: number, parts: Map<string, Buffer>): WatchCapture => {
  const messages = parts.get(`messages${number}`)?.toString('utf8') ?? '';
  const pcap = inflate(parts.get(`pcap${number}`));
  const links = parts.get(`links${number}`)?.toString('utf8') ?? '';
  const lost = lostPackets(messages) ?? 0;
  const failed = pcap.length >= 24 ? {} : { failed: messages.trim().split('\n').at(-1)?.slice(0, 200) || 'the capture did not come back' };
  return { tap, pcap, interfaces: new Map([...links.matchAll(LINK)].map(([, index, name = '']) => [Number(index), name])), lost, ...failed };
};

/** PROC_PID_INIT_INO of include/linux/proc_ns.h. */
const INITIAL_PID_NAMESPACE = 'pid:[4026531836]';

/** Live runs and replayed bundles both come through here. */
export const readWatch = ({ node, taps, output, failed }: WatchRaw): WatchOutput => {
  const { parts, failed: said } = readParts(output);
  const about = new Map(
    (parts.get('about')?.toString('utf8') ?? '').split('\n').flatMap((line): [string, string][] => {
      const [, key, value] = /^(\S+) ?(.*)$/.exec(line) ?? [];
      return key === undefined ? [] : [[key, (value ?? '').trim()]];
    }),
  );
  const headers = about.get('headers') === 'yes';
  const text = inflate(parts.get('drops')).toString('latin1');
  const names = parts.get('format')?.toString('latin1') ?? '';
  const drops = parts.has('drops') ? parseTrace(`${text}\n${names}`) : undefined;
  const devices = parts.has('devices') ? parseTrace(inflate(parts.get('devices')).toString('latin1')) : undefined;
  const reason = failed ?? said ?? about.get('untraced') ?? (typeof drops === 'string' ? drops : drops ? undefined : 'the trace did not come back');
  return {
    node,
    ...(drops && typeof drops !== 'string' ? { drops } : {}),
    text,
    ...(devices && typeof devices !== 'string' ? { devices } : {}),
    captures: headers ? [] : taps.map((tap, number) => captureOf(tap, number, parts)),
    headers,
    ownKernel: about.get('pidns') === INITIAL_PID_NAMESPACE,
    kernel: about.get('kernel') ?? '',
    ...(reason === undefined ? {} : { notTraced: reason }),
  };
};
