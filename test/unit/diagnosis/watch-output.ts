import { gzipSync } from 'node:zlib';
import type { WatchRaw } from '../../../src/probe/watch/watch-output.ts';
import { pcapAt } from '../probe/packets.ts';

/** What a node's watch brought, made up line by line. */
export interface MadeWatch {
  node: string;
  /** Inode of the namespace that was captured. */
  netns: string;
  ownKernel?: boolean;
  headers?: boolean;
  /** Lines of the trace, without what leads them, by seconds since the watch began. */
  drops: [seconds: number, line: string, stack?: string[]][];
  devices?: [seconds: number, line: string][];
  /** Captured packets (cooked v2), by the same seconds. */
  packets?: [seconds: number, bytes: Buffer][];
  /** ifindex → name */
  links?: Record<number, string>;
  lost?: { drops?: number; devices?: number; capture?: number };
  untraced?: string;
  /** How long it went on. */
  seconds?: number;
}

const MONO = 1000;
const REAL = 1_700_000_000;

const stamp = (seconds: number): string => (MONO + seconds).toFixed(6);

const line = (seconds: number, text: string): string => `          <idle>-0       [001] ..s1. ${stamp(seconds)}: ${text}`;

const anchor = (seconds: number): string =>
  `              sh-77      [000] ..... ${stamp(seconds)}: tracing_mark_write: netdoctor-anchor:${(REAL + seconds).toFixed(9)}`;

const part = (name: string, content: Buffer | string): Buffer => {
  const bytes = Buffer.from(content);
  return Buffer.concat([Buffer.from(`@ndw ${name} ${bytes.length}\n`), bytes]);
};

/** The kernel's own names, as 6.12 has them. */
const FORMAT = 'print fmt: "…", __print_symbolic(REC->reason, { 2, "NOT_SPECIFIED" }, { 3, "NO_SOCKET" }, { 11, "NETFILTER_DROP" })\n';

export const makeWatch = (made: MadeWatch): WatchRaw => {
  const { node, netns, ownKernel = true, headers = false, seconds = 10, lost = {} } = made;
  const taps = [{ node, netns, from: { netns: 'host' as const } }];
  const drops = [
    anchor(0),
    ...made.drops.flatMap(([at, text, stack = []]) => [
      line(at, text),
      ...(stack.length > 0 ? [line(at + 1e-6, '<stack trace>'), ...stack.map((name) => ` => ${name}`)] : []),
    ]),
    anchor(seconds),
    `@lost ${lost.drops ?? 0}`,
  ];
  const devices = [...(made.devices ?? []).map(([at, text]) => line(at, text)), `@lost ${lost.devices ?? 0}`];
  const about = [
    'kernel 6.12.0',
    `pidns pid:[${ownKernel ? '4026531836' : '4026539999'}]`,
    ...(made.untraced === undefined ? [] : [`untraced ${made.untraced}`]),
    `headers ${headers ? 'yes' : 'no'}`,
  ];
  const links = Object.entries(made.links ?? {}).map(([index, name]) => `${index}: ${name}: <UP> mtu 1450`);
  const capture = pcapAt(
    276,
    (made.packets ?? []).map(([at, bytes]) => ({ seconds: REAL + at, bytes })),
  );
  const output = Buffer.concat([
    Buffer.from('@ndw ready /tmp/netdoctor-tap.x\n'),
    part('about', `${about.join('\n')}\n`),
    ...(made.untraced === undefined ? [part('drops', gzipSync(`${drops.join('\n')}\n`)), part('format', FORMAT)] : []),
    ...(headers || made.untraced !== undefined ? [] : [part('devices', gzipSync(`${devices.join('\n')}\n`))]),
    ...(headers || made.untraced !== undefined
      ? []
      : [
          part('pcap0', gzipSync(capture)),
          part('messages0', `tcpdump: listening on any\n${lost.capture ?? 0} packets dropped by kernel\n`),
          part('links0', `${links.join('\n')}\n`),
        ]),
    part('end', ''),
  ]);
  return { node, taps, output };
};
