import type { LinkStats, XdpProgram } from '../snapshot.ts';
import { familyOf } from './address.ts';
import { optional, type Parsed } from './json.ts';
import { linkDetails } from './link-details.ts';
import type { UnresolvedLink } from './links.ts';

/**
 * `ip -s -s -d addr show` without JSON (iproute2 before 4.14, busybox):
 *
 *     7: cali44c@if2: <BROADCAST,UP,LOWER_UP> mtu 1450 qdisc noqueue master br0 state UP group default
 *         link/ether ee:ee:ee:ee:ee:ee brd ff:ff:ff:ff:ff:ff link-netnsid 1 promiscuity 0
 *         veth
 *         bridge_slave state forwarding … hairpin on
 *         inet 10.0.0.1/24 brd 10.0.0.255 scope global eth0
 *         RX: bytes  packets  errors  dropped overrun mcast
 *         1234       12       0       0       0       0
 */
const HEAD = /^(\d+): ([^@:\s]+)(?:@([^:\s]+))?: <([^>]*)> (.*)$/;

/** Value of the word after `word`. */
const after = (line: string, word: string): string | undefined => line.match(new RegExp(`(?:^|\\s)${word} (\\S+)`))?.[1];

const KINDS = [
  'veth',
  'bridge',
  'vxlan',
  'tun',
  'macvlan',
  'macvtap',
  'ipvlan',
  'ipip',
  'ip6tnl',
  'gretap',
  'team',
  'sit',
  'gre',
  'geneve',
  'vlan',
  'dummy',
  'bond',
  'vrf',
  'wireguard',
  'openvswitch',
  'ifb',
  'netkit',
];

const XDP_MODES = new Map<string | undefined, XdpProgram['mode']>([
  ['xdp', 'native'],
  ['xdpgeneric', 'generic'],
  ['xdpoffload', 'hardware'],
  ['xdpmulti', 'several'],
]);

/** `mtu 1500 xdpgeneric qdisc`; of iproute2 4.12 `xdp/id:7`. */
const readXdp = (rest: string): XdpProgram | undefined => {
  const [, word, id] = /(?:^|\s)(xdp(?:generic|offload|multi)?)(?:\/id:(\d+))?(?=\s|$)/.exec(rest) ?? [];
  return word === undefined ? undefined : { ...optional('mode', XDP_MODES.get(word)), ...(id === undefined ? {} : { id: Number(id) }) };
};

const readHead = (match: RegExpMatchArray): UnresolvedLink => {
  const [, ifindex, name = '', behind, flagText = '', rest = ''] = match;
  const flags = flagText.split(',');
  const peer = behind?.match(/^if(\d+)$/)?.[1];
  return {
    ifindex: Number(ifindex),
    name,
    kind: '',
    mtu: Number(after(rest, 'mtu') ?? 0),
    up: flags.includes('UP'),
    carrier: flags.includes('LOWER_UP'),
    operstate: after(rest, 'state') ?? 'UNKNOWN',
    promiscuous: flags.includes('PROMISC'),
    ...(flags.includes('NOARP') ? { noArp: true } : {}),
    ...optional('masterName', after(rest, 'master')),
    ...(peer === undefined ? optional('parentName', behind === 'NONE' ? undefined : behind) : { peerIfindex: Number(peer) }),
    addresses: [],
    ...optional('xdp', readXdp(rest)),
  };
};

const readVxlan = (line: string): NonNullable<UnresolvedLink['vxlan']> => ({
  vni: Number(after(line, 'id') ?? 0),
  port: Number(after(line, 'dstport') ?? 0),
  ...optional('local', after(line, 'local')),
  ...optional('remote', after(line, 'remote')),
  ...optional('group', after(line, 'group')),
  ...optional('underlay', after(line, 'dev')),
  learning: !/\bnolearning\b/.test(line),
  external: /\bexternal\b/.test(line),
});

const readAddress = (line: string): UnresolvedLink['addresses'][number] | undefined => {
  const match = line.match(/^inet6? ([0-9a-f.:]+)(?: peer ([0-9a-f.:]+))?(?:\/(\d+))?/);
  if (!match?.[1]) return undefined;
  const flags = ['dadfailed', 'tentative', 'deprecated', 'secondary', 'dynamic', 'noprefixroute', 'temporary', 'nodad'].filter((flag) =>
    line.split(' ').includes(flag),
  );
  return {
    family: familyOf(match[1]),
    address: match[1],
    prefix: Number(match[3] ?? (familyOf(match[1]) === 4 ? 32 : 128)),
    scope: after(line, 'scope') ?? 'global',
    flags,
    ...optional('peer', match[2]),
  };
};

const NO_STATS: LinkStats = {
  rxPackets: 0,
  rxBytes: 0,
  rxErrors: 0,
  rxDropped: 0,
  rxOtherhost: 0,
  txPackets: 0,
  txBytes: 0,
  txErrors: 0,
  txDropped: 0,
};

/** A counter line stands under its heading; which columns there are differs by version, so they are found by name. */
const readCounters = (link: UnresolvedLink, heading: string, line: string): void => {
  const [direction = '', ...columns] = heading.split(/\s+/);
  const values = line.split(/\s+/).map(Number);
  const at = (column: string): number => values[columns.indexOf(column)] ?? 0;
  const stats = link.stats ?? NO_STATS;
  if (direction === 'RX:' && columns.includes('packets')) {
    link.stats = { ...stats, rxBytes: at('bytes'), rxPackets: at('packets'), rxErrors: at('errors'), rxDropped: at('dropped') };
  } else if (direction === 'TX:' && columns.includes('packets')) {
    link.stats = { ...stats, txBytes: at('bytes'), txPackets: at('packets'), txErrors: at('errors'), txDropped: at('dropped') };
  } else if (columns.includes('otherhost')) {
    // "RX errors: length crc frame fifo missed otherhost": one word more before the columns
    link.stats = { ...stats, rxOtherhost: values[columns.indexOf('otherhost') - 1] ?? 0 };
  }
};

const readDetail = (link: UnresolvedLink, line: string): boolean => {
  const [word = ''] = line.split(' ');
  if (word.startsWith('link/')) {
    const mac = line.split(' ')[1];
    if (mac?.includes(':')) link.mac = mac;
    const nsid = after(line, 'link-netnsid');
    if (nsid !== undefined) link.linkNsid = Number(nsid);
    if (Number(after(line, 'promiscuity') ?? 0) > 0) link.promiscuous = true;
    return true;
  }
  if (word === 'inet' || word === 'inet6') {
    const address = readAddress(line);
    if (address) link.addresses.push(address);
    return address !== undefined;
  }
  if (word === 'bridge_slave') {
    link.bridgePort = {
      state: after(line, 'state') ?? 'unknown',
      hairpin: after(line, 'hairpin') === 'on',
      learning: after(line, 'learning') !== 'off',
      flood: after(line, 'flood') !== 'off',
      ...(after(line, 'mcast_flood') === 'off' ? { multicastFlood: false } : {}),
      ...(after(line, 'bcast_flood') === 'off' ? { broadcastFlood: false } : {}),
      isolated: after(line, 'isolated') === 'on',
      guard: after(line, 'guard') === 'on',
    };
    return true;
  }
  if (!KINDS.includes(word)) return false;
  link.kind = word;
  Object.assign(link, word === 'vxlan' ? { vxlan: readVxlan(line) } : linkDetails(word, wordsAsData(word, line)));
  return true;
};

/** The line of a kind as the data JSON would have had: `vlan protocol 802.1Q id 10 <REORDER_HDR>` */
const wordsAsData = (kind: string, line: string): Record<string, unknown> => {
  const words = line.split(/\s+/);
  const keys = [
    'id',
    'protocol',
    'remote',
    'local',
    'dstport',
    'mode',
    'table',
    'active_slave',
    'type',
    'stp_state',
    'vlan_filtering',
    'group_fwd_mask',
  ];
  const data = Object.fromEntries(
    [...keys, 'nf_call_iptables', 'nf_call_ip6tables', 'key', 'ikey'].flatMap((key) => {
      const value = after(line, key);
      return value === undefined ? [] : [[key === 'dstport' ? 'port' : key, value]];
    }),
  );
  // an ipvlan's mode stands alone
  const own = kind === 'ipvlan' && data.mode === undefined ? words.find((word) => /^l3s?$|^l2$/.test(word)) : undefined;
  return { ...data, ...(own === undefined ? {} : { mode: own }), external: words.includes('external'), pmtudisc: !words.includes('nopmtudisc') };
};

/** Lines that say nothing we keep. */
const IGNORED = /^(valid_lft|altname|alias|prog\/|numtxqueues|openvswitch_slave|bond_slave|vrf_slave|RX|TX|\(|group )/;

export const readLinkText = (text: string): Parsed<UnresolvedLink[]> => {
  const value: UnresolvedLink[] = [];
  const unparsed: string[] = [];
  let heading: string | undefined;
  for (const raw of text.split('\n')) {
    const line = raw.trim();
    if (line === '') continue;
    const head = raw.match(HEAD);
    const link = value.at(-1);
    if (head) {
      value.push(readHead(head));
      heading = undefined;
    } else if (link === undefined) {
      unparsed.push(line.slice(0, 120));
    } else if (/^[RT]X( errors)?:/.test(line)) {
      heading = line;
    } else if (heading !== undefined && /^[\d\s]+$/.test(line)) {
      readCounters(link, heading, line);
      heading = undefined;
    } else if (line.startsWith('alias ')) {
      link.alias = line.slice(6);
    } else if (!readDetail(link, line) && !IGNORED.test(line)) {
      unparsed.push(line.slice(0, 120));
    }
  }
  return { value, unparsed };
};
