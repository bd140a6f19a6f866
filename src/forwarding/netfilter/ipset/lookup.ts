import type { Ipset } from '../../../node/netfilter-state.ts';
import type { Netns } from '../../../node/snapshot.ts';
import { parseAddress } from '../../address.ts';
import { portOf } from '../../flight.ts';
import { and } from '../../mark.ts';
import { icmpOf, isV6, type Pass } from '../../pass.ts';
import { hasPorts, protocolOf } from '../../protocol.ts';
import { unread } from '../../world.ts';
import type { Known } from '../context.ts';
import { type Dimension, type IndexedSet, icmpPort, indexed, type Layer, networkKey } from './index-entries.ts';

const byName = new WeakMap<Netns, Map<string, Ipset>>();

const ipsetNamed = (netns: Netns, name: string): Ipset | undefined => {
  const known = byName.get(netns) ?? new Map(netns.netfilter.ipsets.map((set) => [set.name, set]));
  byName.set(netns, known);
  return known.get(name);
};

export interface SetQuestion {
  name: string;
  /** `src` or `dst` for each dimension. */
  sides: string[];
  /** An exception counts as a match. */
  returnNomatch: boolean;
}

/** What the packet has for one dimension; `none` when it has nothing of the kind, undefined when it is not known. */
type Own = (length: number | undefined) => string | 'none' | undefined;

const addressOwn = (pass: Pass, side: string, { set }: IndexedSet): Own => {
  const { packet } = pass.flight;
  const address = parseAddress(side === 'src' ? packet.source : packet.destination);
  return (length) => {
    if (!address || length === undefined) return 'none';
    if (address.family !== (set.family ?? address.family)) return 'none';
    const width = address.family === 4 ? 32 : 128;
    return networkKey(address, Math.min(length, set.netmask ?? width));
  };
};

/** Protocol and port; ICMP has type and code there, all others nothing but their number (ip_set_getport.c). */
const portOwn = (pass: Pass, side: string, { set }: IndexedSet): Own => {
  const { packet } = pass.flight;
  const protocol = protocolOf(packet);
  const port = portOf(pass.flight, side === 'src' ? 'sourcePort' : 'destinationPort');
  return () => {
    if (protocol === undefined) return undefined;
    if (packet.protocol === 'icmp') {
      const { type, code } = icmpOf(pass);
      return `${protocol}:${icmpPort(type, code)}`;
    }
    if (!hasPorts(packet)) return set.type === 'bitmap:port' ? 'none' : `${protocol}:0`;
    if (port === undefined) return undefined;
    return set.type === 'bitmap:port' ? `${port}` : `${protocol}:${port}`;
  };
};

const owns: Record<Dimension, (pass: Pass, side: string, set: IndexedSet) => Own> = {
  ip: addressOwn,
  net: addressOwn,
  port: portOwn,
  mac:
    ({ frame }, side) =>
    () =>
      side === 'src' ? frame.from : frame.to,
  mark:
    ({ flight }, _side, { set }) =>
    () =>
      `${and(flight.mark, Number(set.markmask ?? 0xffffffff))}`,
  iface:
    (pass, side, { wildcards }) =>
    () => {
      const name = (side === 'src' ? pass.iif : pass.oif) ?? 'none';
      return wildcards.find((prefix) => name.startsWith(prefix)) ?? name;
    },
  set: () => () => 'none',
};

/**
 * `nomatch` entries are exceptions to wider ones: the longest network that holds the packet decides. With interfaces, that network's interfaces
 * do, and no wider network is asked (net/netfilter/ipset/ip_set_hash_gen.h mtype_test_cidrs, `multi` of ip_set_hash_netiface.c).
 */
const inLayers = ({ layers }: IndexedSet, own: Own[], returnNomatch: boolean): Known => {
  let unknown = false;
  for (const layer of layers) {
    const key = keyIn(layer, own);
    if (key === undefined) unknown = true;
    const exception = key === undefined ? undefined : layer.keys.get(key);
    if (exception !== undefined) return unknown ? undefined : !exception || returnNomatch;
    if (layer.nets?.has(own[0]?.(layer.lengths[0]) ?? '') === true) break;
  }
  return unknown ? undefined : false;
};

/** The packet as an entry of this layer would be written. */
const keyIn = ({ lengths }: Layer, own: Own[]): string | undefined => {
  const parts = lengths.map((length, at) => own[at]?.(length));
  return parts.includes(undefined) ? undefined : parts.join('|');
};

/** `-m set --match-set NAME src,dst` (ip_set_core.c ip_set_test). */
export const inIpset = (pass: Pass, question: SetQuestion): Known => lookUp(pass, question, new Set());

const lookUp = (pass: Pass, { name, sides, returnNomatch }: SetQuestion, seen: Set<string>): Known => {
  const set = ipsetNamed(pass.place.netns, name);
  if (!set || seen.has(name)) return undefined;
  if (set.type === 'list:set') return inList(pass, set, { name, sides, returnNomatch }, new Set([...seen, name]));
  const index = indexed(set);
  const family = isV6(pass.flight.packet) ? 6 : 4;
  if (sides.length < index.dimensions.length || (set.family ?? family) !== family) return false;
  const own = index.dimensions.map((dimension, at) => owns[dimension](pass, sides[at] ?? '', index));
  const answer = inLayers(index, own, returnNomatch);
  if (unread(pass.place, 'ipset') && !(answer === true && isExact(index))) return undefined;
  return answer === false && index.partly ? undefined : answer;
};

/** An entry that is there says it all: no longer network, which might be an exception, comes before it. */
const isExact = ({ dimensions }: IndexedSet): boolean => !dimensions.includes('net');

const inList = (pass: Pass, { entries }: Ipset, question: SetQuestion, seen: Set<string>): Known => {
  let answer: Known = unread(pass.place, 'ipset') ? undefined : false;
  for (const entry of entries) {
    const one = lookUp(pass, { ...question, name: entry.split(' ')[0] ?? '' }, seen);
    if (one === true) return true;
    if (one === undefined) answer = undefined;
  }
  return answer;
};
