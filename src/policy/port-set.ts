import type { Protocol } from '../cluster/facts.ts';

/** Inclusive ranges of destination ports, flat: `[80, 80, 8000, 8999]`; sorted, disjoint, never touching. */
export type Ranges = readonly number[];

/**
 * Which traffic to one destination is meant, as far as rules can tell it apart: ports of the three protocols that have them, and ICMP, by
 * which an echo request (ping) is meant. Values are never changed, so that they can be shared.
 */
export interface PortSet {
  readonly tcp: Ranges;
  readonly udp: Ranges;
  readonly sctp: Ranges;
  readonly icmp: boolean;
}

/** Protocols with ports, as rules name them. */
export type PortProtocol = Exclude<Protocol, 'icmp'>;

const PROTOCOLS: readonly PortProtocol[] = ['tcp', 'udp', 'sctp'];

const FIRST = 1;
const LAST = 65_535;
const EVERY: Ranges = [FIRST, LAST];
const EMPTY: Ranges = [];

export const NOTHING: PortSet = { tcp: EMPTY, udp: EMPTY, sctp: EMPTY, icmp: false };
export const ANYTHING: PortSet = { tcp: EVERY, udp: EVERY, sctp: EVERY, icmp: true };
export const PING: PortSet = { ...NOTHING, icmp: true };

/** One protocol's ports from `from` to `to`, inclusive; without them, every port. */
export const portsOf = (protocol: PortProtocol, from?: number, to = from): PortSet => {
  if (from === undefined || to === undefined) return { ...NOTHING, [protocol]: EVERY };
  const [low, high] = [Math.max(from, FIRST), Math.min(to, LAST)];
  if (low > high) return NOTHING;
  return { ...NOTHING, [protocol]: low === FIRST && high === LAST ? EVERY : [low, high] };
};

const uniteRanges = (a: Ranges, b: Ranges): Ranges => {
  if (a.length === 0 || b === EVERY || a === b) return b;
  if (b.length === 0 || a === EVERY) return a;
  const result: number[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    const takeA = j >= b.length || (i < a.length && (a[i] as number) <= (b[j] as number));
    const low = (takeA ? a[i] : b[j]) as number;
    const high = (takeA ? a[i + 1] : b[j + 1]) as number;
    if (takeA) i += 2;
    else j += 2;
    const end = result.at(-1);
    if (end !== undefined && low <= end + 1) result[result.length - 1] = Math.max(end, high);
    else result.push(low, high);
  }
  return result;
};

const intersectRanges = (a: Ranges, b: Ranges): Ranges => {
  if (a === EVERY || a === b) return b;
  if (b === EVERY) return a;
  if (a.length === 0 || b.length === 0) return EMPTY;
  const result: number[] = [];
  let [i, j] = [0, 0];
  while (i < a.length && j < b.length) {
    const low = Math.max(a[i] as number, b[j] as number);
    const high = Math.min(a[i + 1] as number, b[j + 1] as number);
    if (low <= high) result.push(low, high);
    if ((a[i + 1] as number) < (b[j + 1] as number)) i += 2;
    else j += 2;
  }
  return result;
};

const complement = (a: Ranges): Ranges => {
  if (a.length === 0) return EVERY;
  if (a === EVERY) return EMPTY;
  const result: number[] = [];
  let next = FIRST;
  for (let i = 0; i < a.length; i += 2) {
    if ((a[i] as number) > next) result.push(next, (a[i] as number) - 1);
    next = (a[i + 1] as number) + 1;
  }
  if (next <= LAST) result.push(next, LAST);
  return result;
};

const combine = (a: PortSet, b: PortSet, ranges: (a: Ranges, b: Ranges) => Ranges, icmp: boolean): PortSet => ({
  tcp: ranges(a.tcp, b.tcp),
  udp: ranges(a.udp, b.udp),
  sctp: ranges(a.sctp, b.sctp),
  icmp,
});

export const unite = (a: PortSet, b: PortSet): PortSet => {
  if (a === b || b === NOTHING || a === ANYTHING) return a;
  if (a === NOTHING || b === ANYTHING) return b;
  return combine(a, b, uniteRanges, a.icmp || b.icmp);
};

export const intersect = (a: PortSet, b: PortSet): PortSet => {
  if (a === b || b === ANYTHING || a === NOTHING) return a;
  if (a === ANYTHING || b === NOTHING) return b;
  return combine(a, b, intersectRanges, a.icmp && b.icmp);
};

export const subtract = (a: PortSet, b: PortSet): PortSet => {
  if (a === NOTHING || b === NOTHING) return a;
  if (b === ANYTHING) return NOTHING;
  return combine(a, b, (one, other) => intersectRanges(one, complement(other)), a.icmp && !b.icmp);
};

export const isNothing = (set: PortSet): boolean =>
  set === NOTHING || (!set.icmp && set.tcp.length === 0 && set.udp.length === 0 && set.sctp.length === 0);

const isEvery = (ranges: Ranges): boolean => ranges[0] === FIRST && ranges[1] === LAST;

export const isAnything = (set: PortSet): boolean => set === ANYTHING || (set.icmp && PROTOCOLS.every((protocol) => isEvery(set[protocol])));

const inRanges = (ranges: Ranges, port: number): boolean => {
  for (let i = 0; i < ranges.length; i += 2) if (port >= (ranges[i] as number)) if (port <= (ranges[i + 1] as number)) return true;
  return false;
};

/** @param port without meaning for ICMP; left out for another protocol it asks for every port */
export const holds = (set: PortSet, protocol: Protocol, port?: number): boolean => {
  if (protocol === 'icmp') return set.icmp;
  return port === undefined ? isEvery(set[protocol]) : inRanges(set[protocol], port);
};

const rangesText = (ranges: Ranges): string => {
  const parts: string[] = [];
  for (let i = 0; i < ranges.length; i += 2) parts.push(ranges[i] === ranges[i + 1] ? `${ranges[i]}` : `${ranges[i]}-${ranges[i + 1]}`);
  return parts.join(',');
};

/** `any`, `none`, `TCP 80,8000-8999 UDP 53 ICMP`; one text for one set, so that it is its name, too. */
export const portSetText = (set: PortSet): string => {
  if (isAnything(set)) return 'any';
  if (isNothing(set)) return 'none';
  const parts = PROTOCOLS.flatMap((protocol) => {
    if (set[protocol].length === 0) return [];
    return [isEvery(set[protocol]) ? protocol.toUpperCase() : `${protocol.toUpperCase()} ${rangesText(set[protocol])}`];
  });
  return [...parts, ...(set.icmp ? ['ICMP'] : [])].join(' ');
};
