import type { Address, Link, LinkStats, XdpProgram } from '../snapshot.ts';
import { familyOf } from './address.ts';
import {
  flagAt,
  isRecord,
  type Json,
  listAt,
  looksLikeJson,
  numberAt,
  optional,
  type Parsed,
  readEach,
  readRecords,
  recordAt,
  stringAt,
  stringsAt,
} from './json.ts';
import { linkDetails } from './link-details.ts';
import { readLinkText } from './links-text.ts';

/** A link before the names of its master and parent were looked up among the others. */
export interface UnresolvedLink extends Link {
  masterName?: string;
  parentName?: string;
}

const ADDRESS_FLAGS = [
  'dadfailed',
  'tentative',
  'deprecated',
  'optimistic',
  'temporary',
  'dynamic',
  'noprefixroute',
  'secondary',
  'nodad',
  'home',
  'mngtmpaddr',
];

const readAddress = (item: Json): Address | undefined => {
  const address = stringAt(item, 'local');
  const prefix = numberAt(item, 'prefixlen');
  if (address === undefined || prefix === undefined) return undefined;
  // on a point-to-point link `address` is the far end, on a peerless one it is absent
  const peer = stringAt(item, 'address');
  return {
    family: familyOf(address),
    address,
    prefix,
    scope: stringAt(item, 'scope') ?? 'global',
    flags: ADDRESS_FLAGS.filter((flag) => flagAt(item, flag)),
    ...optional('peer', peer === address ? undefined : peer),
  };
};

const readStats = (item: Json): LinkStats | undefined => {
  const stats = recordAt(item, 'stats64' in item ? 'stats64' : 'stats');
  const rx = recordAt(stats, 'rx');
  const tx = recordAt(stats, 'tx');
  if (!('packets' in rx) || !('packets' in tx)) return undefined;
  return {
    rxPackets: numberAt(rx, 'packets') ?? 0,
    rxBytes: numberAt(rx, 'bytes') ?? 0,
    rxErrors: numberAt(rx, 'errors') ?? 0,
    rxDropped: numberAt(rx, 'dropped') ?? 0,
    rxOtherhost: numberAt(rx, 'otherhost') ?? 0,
    txPackets: numberAt(tx, 'packets') ?? 0,
    txBytes: numberAt(tx, 'bytes') ?? 0,
    txErrors: numberAt(tx, 'errors') ?? 0,
    txDropped: numberAt(tx, 'dropped') ?? 0,
  };
};

const readBridgePort = (data: Json): NonNullable<Link['bridgePort']> => ({
  state: stringAt(data, 'state') ?? 'unknown',
  hairpin: data.hairpin === true,
  learning: data.learning !== false,
  flood: data.flood !== false,
  ...(data.mcast_flood === false ? { multicastFlood: false } : {}),
  ...(data.bcast_flood === false ? { broadcastFlood: false } : {}),
  isolated: data.isolated === true,
  guard: data.guard === true,
});

/** XDP_ATTACHED_* of linux/if_link.h. */
const XDP_MODES = new Map<number | undefined, XdpProgram['mode']>([
  [1, 'native'],
  [2, 'generic'],
  [3, 'hardware'],
  [4, 'several'],
]);

const readXdp = (xdp: unknown): XdpProgram | undefined => {
  if (!isRecord(xdp)) return undefined;
  const program = recordAt(xdp, 'prog');
  return {
    ...optional('mode', XDP_MODES.get(numberAt(xdp, 'mode'))),
    ...optional('id', numberAt(program, 'id')),
    ...optional('name', stringAt(program, 'name')),
  };
};

const groupOf = (name: string | undefined): string | undefined => (name === 'default' || name === '0' ? undefined : name);

const readLink = (item: Json): UnresolvedLink | undefined => {
  const ifindex = numberAt(item, 'ifindex');
  const name = stringAt(item, 'ifname');
  if (ifindex === undefined || name === undefined) return undefined;
  const flags = stringsAt(item, 'flags');
  const info = recordAt(item, 'linkinfo');
  const kind = stringAt(info, 'info_kind') ?? '';
  const data = recordAt(info, 'info_data');
  const mac = stringAt(item, 'address');
  return {
    ifindex,
    name,
    kind,
    ...optional('mac', mac?.includes(':') ? mac : undefined),
    mtu: numberAt(item, 'mtu') ?? 0,
    up: flags.includes('UP'),
    carrier: flags.includes('LOWER_UP'),
    operstate: stringAt(item, 'operstate') ?? 'UNKNOWN',
    promiscuous: flags.includes('PROMISC') || (numberAt(item, 'promiscuity') ?? 0) > 0,
    ...optional('masterName', stringAt(item, 'master')),
    ...optional('parentName', stringAt(item, 'link')),
    ...optional('peerIfindex', numberAt(item, 'link_index')),
    ...optional('linkNsid', numberAt(item, 'link_netnsid')),
    ...optional('alias', stringAt(item, 'ifalias')),
    ...optional('group', groupOf(stringAt(item, 'group'))),
    ...(flags.includes('NOARP') ? { noArp: true } : {}),
    addresses: readEach(listAt(item, 'addr_info').filter(isRecord), readAddress).value,
    ...(stringAt(info, 'info_slave_kind') === 'bridge' ? { bridgePort: readBridgePort(recordAt(info, 'info_slave_data')) } : {}),
    ...linkDetails(kind, data),
    ...optional('stats', readStats(item)),
    ...optional('xdp', readXdp(item.xdp)),
  };
};

/** ifindexes in place of names; a name that is not in this namespace stays unresolved, its index came as `link_index`. */
const resolve = (links: readonly UnresolvedLink[]): Link[] => {
  const indexes = new Map(links.map((link) => [link.name, link.ifindex]));
  return links.map(({ masterName, parentName, ...link }) => {
    const parent = parentName === undefined ? undefined : indexes.get(parentName);
    return {
      ...link,
      ...(masterName === undefined ? {} : { master: { ifindex: indexes.get(masterName) ?? 0, name: masterName } }),
      ...optional('peerIfindex', link.peerIfindex ?? parent),
    };
  });
};

/** `ip -s -s -d -j addr show` (or `link show`), and the same without -j from an iproute2 that knows no JSON. */
export const parseLinks = (text: string): Parsed<Link[]> => {
  if (!looksLikeJson(text)) {
    const { value, unparsed } = readLinkText(text);
    return { value: resolve(value), unparsed };
  }
  const records = readRecords(text);
  const links = readEach(records.value, readLink);
  return { value: resolve(links.value), unparsed: [...records.unparsed, ...links.unparsed] };
};
