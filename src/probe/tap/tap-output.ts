import { constants, gunzipSync } from 'node:zlib';
import type { TapResult } from '../observation.ts';
import { type Frame, readFrames } from './frame.ts';
import { lostPackets } from './lost-packets.ts';
import { type TunnelPorts, USUAL_TUNNEL_PORTS } from './tunnel.ts';

/** One netns to watch. */
export interface TapRequest {
  node: string;
  /** Netns inode, as in NodeSnapshot: names the place in results. */
  netns: string;
  from: { netns: 'host' } | { netns: 'pid'; pid: number };
}

/** Everything one node's captures gave, as it came: enough to parse it again offline. */
export interface TapRaw {
  node: string;
  taps: TapRequest[];
  output: Buffer;
  /** Set when the cluster's tunnels do not use the usual ports. */
  tunnels?: TunnelPorts;
  /** Why there is no usable output. */
  failed?: string;
}

/** A capture, understood; `sightings` of its TapResult come from {@link joinSightings}. */
export interface TapCapture extends Omit<TapResult, 'sightings'> {
  frames: Frame[];
}

interface Section {
  gzip: Buffer;
  messages: string;
  links: string;
}

interface Sections {
  sections: Map<number, Section>;
  /** Gzipped. */
  trace?: Buffer;
  failed?: string;
}

/** `@ndt tap NUMBER A B C` and then A + B + C bytes, `@ndt trace A` and A bytes, in order; anything cut is left out. */
const readSections = (output: Buffer): Sections => {
  const sections = new Map<number, Section>();
  let trace: Buffer | undefined;
  const found = (): Sections => ({ sections, ...(trace ? { trace } : {}) });
  let at = 0;
  for (;;) {
    const end = output.indexOf('\n', at);
    if (end < 0) return found();
    const [tag, what, ...words] = output.toString('latin1', at, end).split(' ');
    at = end + 1;
    if (tag !== '@ndt') continue;
    if (what === 'failed') return { ...found(), failed: words.join(' ') };
    if (what === 'trace') {
      const size = Number(words[0]);
      if (!Number.isSafeInteger(size) || size < 0 || at + size > output.length) return found();
      trace = output.subarray(at, at + size);
      at += size;
    }
    if (what !== 'tap') continue;
    const [number = -1, a = 0, b = 0, c = 0] = words.map(Number);
    if (![a, b, c].every((size) => Number.isSafeInteger(size) && size >= 0) || at + a + b + c > output.length) return found();
    sections.set(number, {
      gzip: output.subarray(at, at + a),
      messages: output.toString('utf8', at + a, at + a + b),
      links: output.toString('utf8', at + a + b, at + a + b + c),
    });
    at += a + b + c;
  }
};

/** `12: veth1@if2: <BROADCAST…` → 12 → veth1. The later line wins: an interface may have been renamed. */
const interfaceNames = (links: string): Map<number, string> =>
  new Map([...links.matchAll(/^(\d+): ([^\s@:]+)/gm)].map(([, index, name]) => [Number(index), name ?? '']));

const inflate = (gzip: Buffer): Buffer | undefined => {
  try {
    // SYNC_FLUSH: what a killed gzip left behind is still good as far as it goes.
    return gunzipSync(gzip, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: 256 * 1024 * 1024 });
  } catch {
    return undefined;
  }
};

/** tcpdump's complaint without its chatter. */
const complaint = (messages: string): string =>
  messages
    .split('\n')
    .filter(
      (line) =>
        line !== '' &&
        !/^tcpdump: (listening on|data link type|WARNING|verbose output)|dropped privs|packets? (captured|received|dropped)/.test(line),
    )
    .join('; ')
    .slice(0, 200) || 'the capture gave nothing';

const readSection = ({ node, netns }: TapRequest, section: Section | undefined, limit: number, ports: TunnelPorts): TapCapture => {
  const place = { node, netns };
  if (!section) return { ...place, frames: [], dropped: 0, notSeen: 'the capture did not come back' };
  const pcap = inflate(section.gzip);
  const read = pcap && readFrames(pcap, interfaceNames(section.links), ports);
  if (!read) return { ...place, frames: [], dropped: 0, notSeen: complaint(section.messages) };
  const { frames, claims, records } = read;
  const dropped = lostPackets(section.messages) ?? 0;
  return { ...place, frames, dropped, ...(records >= limit ? { full: true } : {}), ...(claims.length > 0 ? { claims } : {}) };
};

/** Text of the trace that came with the captures of a node; undefined when none was asked for or came. */
export const traceText = ({ output }: TapRaw): string | undefined => {
  const { trace } = readSections(output);
  return trace && inflate(trace)?.toString('latin1');
};

/** Packets per capture at most: a healthy diagnosis sees a few hundred. */
export const TAP_LIMIT = 5000;

/** One capture per tap, in order; what could not be captured says so. Live runs and replayed bundles both come through here. */
export const parseTaps = ({ taps, output, failed, tunnels = USUAL_TUNNEL_PORTS }: TapRaw): TapCapture[] => {
  const read = readSections(output);
  const reason = failed ?? read.failed;
  return taps.map((tap, number) =>
    reason !== undefined && !read.sections.has(number)
      ? { node: tap.node, netns: tap.netns, frames: [], dropped: 0, notSeen: reason }
      : readSection(tap, read.sections.get(number), TAP_LIMIT, tunnels),
  );
};
