import type { OvsCount, OvsPort, OvsPortCounters, OvsState } from '../dataplane-state.ts';
import { linesOf, optional, type Parsed } from './json.ts';

/** What one switch said of one port. */
export interface PortReading {
  bridge: string;
  /** OpenFlow port number, `LOCAL` for the port of the bridge's own name, or the port's name. */
  port: string;
  counters: OvsPortCounters;
}

const BRIDGE = /^@ (.+)$/;
const RX = /^ +port +("(?:[^"\\]|\\.)*"|[^\s:]+): rx (.*)$/;
const TX = /^ +tx (pkts=.*)$/;
/** The head of a reply, and what follows a port's two lines, deeper than its first: `duration=`, size classes (RFC 2819), `CUSTOM Statistics` with lists of `name=value`. */
const OTHER = /^(OFPST_PORT reply| {10,}\S)/;

const readCount = (text: string): OvsCount => {
  const figures = new Map([...text.matchAll(/(\w+)=(\d+)/g)].map(([, name = '', figure]) => [name, Number(figure)]));
  return {
    ...optional('packets', figures.get('pkts')),
    ...optional('bytes', figures.get('bytes')),
    ...optional('dropped', figures.get('drop')),
    ...optional('errors', figures.get('errs')),
  };
};

/** Names that are not plain words are written as JSON strings. */
const unquote = (port: string): string | undefined => {
  if (!port.startsWith('"')) return port;
  try {
    return String(JSON.parse(port));
  } catch {
    return undefined;
  }
};

/**
 * `ovs-ofctl dump-ports` of one bridge after another, each behind a line `@ BRIDGE`: two lines for each port, `?` for what it does not count
 * (ovs-ofctl(8); print_port_stat in OVS's lib/ofp-print.c). Ports are numbers, or names where it was asked with --names; from OpenFlow 1.3 on
 * more lines follow.
 */
export const parseOvsPorts = (text: string): Parsed<PortReading[]> => {
  const value: PortReading[] = [];
  const unparsed: string[] = [];
  let bridge = '';
  for (const line of linesOf(text)) {
    const [, name] = BRIDGE.exec(line) ?? [];
    const [, quoted, rx] = RX.exec(line) ?? [];
    const [, tx] = TX.exec(line) ?? [];
    const port = quoted === undefined ? undefined : unquote(quoted);
    const last = value.at(-1);
    if (name !== undefined) bridge = name;
    else if (port !== undefined && rx !== undefined) value.push({ bridge, port, counters: { rx: readCount(rx), tx: {} } });
    else if (tx !== undefined && last) last.counters.tx = readCount(tx);
    else if (!OTHER.test(line)) unparsed.push(line.slice(0, 120));
  }
  return { value, unparsed };
};

const isOf = ({ port: word }: PortReading, bridge: string, { name, ofport }: OvsPort): boolean =>
  word === 'LOCAL' ? name === bridge : /^\d+$/.test(word) ? Number(word) === ofport : word === name;

/** The ports that OVSDB lists, with what the switches counted. */
export const withCounters = ({ bridges }: OvsState, readings: readonly PortReading[]): OvsState => {
  const byBridge = Map.groupBy(readings, ({ bridge }) => bridge);
  return {
    bridges: bridges.map((bridge) => ({
      ...bridge,
      ports: bridge.ports.map((port) => ({
        ...port,
        ...optional('counters', byBridge.get(bridge.name)?.find((reading) => isOf(reading, bridge.name, port))?.counters),
      })),
    })),
  };
};
