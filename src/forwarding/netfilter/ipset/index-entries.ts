import type { Ipset } from '../../../node/netfilter-state.ts';
import { type ParsedAddress, type Prefix, parsePrefix } from '../../address.ts';
import { and } from '../../mark.ts';
import { protocolNumber } from '../../protocol.ts';

export type Dimension = 'ip' | 'net' | 'port' | 'mac' | 'mark' | 'iface' | 'set';

/** Entries whose networks have the same lengths, by what they stand for. */
export interface Layer {
  /** Length of each dimension that is a network; undefined for the others. */
  lengths: (number | undefined)[];
  /** Key → whether it is an exception (`nomatch`). */
  keys: Map<string, boolean>;
  /** Of hash:net,iface the networks alone: the longest that holds the packet decides, whatever interface it was written with. */
  nets?: Set<string>;
}

export interface IndexedSet {
  set: Ipset;
  dimensions: Dimension[];
  /** Longest networks first, as the kernel looks (net/netfilter/ipset/ip_set_hash_gen.h mtype_test_cidrs). */
  layers: Layer[];
  /** Interface names that stand for all that begin so. */
  wildcards: string[];
  /** An entry or the type was not understood: a miss proves nothing. */
  partly: boolean;
}

const known = new Set<string>(['ip', 'net', 'port', 'mac', 'mark', 'iface', 'set']);

const mask = (family: 4 | 6, length: number): Prefix | undefined => parsePrefix(`${family === 4 ? '0.0.0.0' : '::'}/${length}`);

/** The network part of an address, as text. */
export const networkKey = (address: ParsedAddress, length: number): string => {
  const prefix = mask(address.family, length);
  if (prefix?.family === 4 && address.family === 4) return `${(address.value & prefix.mask) >>> 0}`;
  return prefix?.family === 6 && address.family === 6 ? `${address.value & prefix.mask}` : '';
};

const icmpNames: Record<string, string> = { 'echo-request': '8/0', 'echo-reply': '0/0', ping: '8/0', pong: '0/0' };
const icmp6Names: Record<string, string> = { 'echo-request': '128/0', 'echo-reply': '129/0', ping: '128/0', pong: '129/0' };

/** Type and code stand where ports do (ip_set_getport.c). */
export const icmpPort = (type: number, code: number): number => type * 256 + code;

/** `80-90`, as a person types it; the kernel stores every port of it. */
const spread = (text: string): string[] => {
  const [, before = '', low, high] = /^(.*?)(\d+)-(\d+)$/.exec(text) ?? [];
  if (low === undefined) return [text];
  return Array.from({ length: Math.max(0, Math.min(Number(high), 65535) - Number(low) + 1) }, (_, step) => `${before}${Number(low) + step}`);
};

/** `tcp:80`, `80` (tcp where no protocol is said), `icmp:echo-request`, `icmp:8/0`, `vrrp:0`; of bitmap:port the number alone. */
const portKey = (text: string, bare: boolean): string | undefined => {
  const [first = '', second] = text.split(':');
  if (bare) return first;
  const protocol = protocolNumber(second === undefined ? 'tcp' : first);
  const named = second ?? first;
  const value = (first.startsWith('icmpv6') || first === 'ipv6-icmp' ? icmp6Names : icmpNames)[named] ?? named;
  const [type, code] = value.split('/').map(Number);
  const port = code === undefined ? type : icmpPort(type ?? 0, code);
  return protocol === undefined || port === undefined || Number.isNaN(port) ? undefined : `${protocol}:${port}`;
};

interface Part {
  key: string;
  length?: number;
}

const partOf = (dimension: Dimension, word: string, bare: boolean, markmask: number): Part | undefined => {
  switch (dimension) {
    case 'ip':
    case 'net': {
      const prefix = parsePrefix(word);
      return prefix && prefix.length >= 0 ? { key: `${prefix.network}`, length: prefix.length } : undefined;
    }
    case 'port': {
      const key = portKey(word, bare);
      return key === undefined ? undefined : { key };
    }
    case 'mark':
      return { key: `${and(Number(word), markmask)}` };
    case 'mac':
      return { key: word.toLowerCase() };
    default:
      return { key: word };
  }
};

/** An entry with a range of ports as one entry for each. */
const whole = (entry: string, portAt: number): string[] => {
  const [words = '', ...options] = entry.split(' ');
  const parts = words.split(',');
  const port = parts[portAt];
  if (port?.includes('-') !== true || /[a-z]-[a-z]/.test(port)) return [entry];
  return spread(port).map((one) => [parts.with(portAt, one).join(','), ...options].join(' '));
};

const indexSet = (set: Ipset): IndexedSet => {
  const [storage = '', list = ''] = set.type.split(':');
  const kinds = list.split(',');
  const dimensions = kinds.filter((kind): kind is Dimension => known.has(kind));
  const layers = new Map<string, Layer>();
  const wildcards: string[] = [];
  let partly = dimensions.length < kinds.length;
  const portAt = dimensions.indexOf('port');
  for (const entry of set.entries.flatMap((text) => whole(text, portAt))) {
    const [words = '', ...options] = entry.split(' ');
    const parts = words.split(',').map((word, at) => partOf(dimensions[at] ?? 'set', word, storage === 'bitmap', Number(set.markmask ?? 0xffffffff)));
    if (parts.length < dimensions.length && storage !== 'list' && !(set.type === 'bitmap:ip,mac')) partly = true;
    if (parts.includes(undefined)) {
      partly = true;
      continue;
    }
    const lengths = parts.map((part) => part?.length);
    const name = lengths.join();
    const layer = layers.get(name) ?? {
      lengths,
      keys: new Map<string, boolean>(),
      ...(set.type === 'hash:net,iface' ? { nets: new Set<string>() } : {}),
    };
    layers.set(name, layer);
    layer.nets?.add(parts[0]?.key ?? '');
    layer.keys.set(parts.map((part) => part?.key).join('|'), options.includes('nomatch'));
    if (options.includes('wildcard')) wildcards.push(words.split(',').at(-1) ?? '');
  }
  const ordered = [...layers.values()].sort((a, b) => compareLengths(a.lengths, b.lengths));
  return { set, dimensions, layers: ordered, wildcards, partly };
};

const compareLengths = (a: (number | undefined)[], b: (number | undefined)[]): number => {
  for (const [at, length = 0] of a.entries()) {
    const difference = (b[at] ?? 0) - length;
    if (difference !== 0) return difference;
  }
  return 0;
};

const cache = new WeakMap<Ipset, IndexedSet>();

export const indexed = (set: Ipset): IndexedSet => {
  const found = cache.get(set) ?? indexSet(set);
  cache.set(set, found);
  return found;
};
