import type { TcFilter } from '../../node/snapshot.ts';
import { inPrefix } from '../address.ts';
import { type Flight, type Frame, type Journey, portOf } from '../flight.ts';
import { headerBytes } from '../header-bytes.ts';
import { every, type Known } from '../netfilter/context.ts';
import { isV6, tcpFlagsOf } from '../pass.ts';
import { protocolNumber, protocolOf } from '../protocol.ts';

/** What a filter looks at. */
export interface Seen {
  journey: Journey;
  flight: Flight;
  frame: Frame;
}

/** Does the filter take the packet? (net/sched/cls_u32.c, cls_flower.c, cls_matchall.c) */
export const filterMatches = (filter: TcFilter, seen: Seen): Known => {
  const protocol = seen.flight.solicits === 'arp' ? arpTakes(filter.protocol) : protocolTakes(filter.protocol, seen);
  if (protocol === false) return false;
  const keys = classifiers[filter.kind];
  if (!keys || filter.keys === undefined) return undefined;
  return every([protocol, ...filter.keys.map((key) => keys(key, seen))]);
};

const arpTakes = (name: string): Known => name === 'all' || name === 'arp';

const protocolTakes = (name: string, { flight, frame }: Seen): Known => {
  if (name === 'all') return true;
  if (name === '802.1Q' || name === '802.1q') return frame.vlan !== undefined;
  if (name === 'ip' || name === 'ipv4') return !isV6(flight.packet);
  return name === 'ipv6' ? isV6(flight.packet) : false;
};

/** `match 0a000001/ffffffff at 16`: a word counted from the network header. */
const u32Key = (key: string, { flight, journey }: Seen): Known => {
  const [, value = '', mask = '', at = ''] = /^match ([0-9a-f]+)\/([0-9a-f]+) at (-?\d+)/.exec(key) ?? [];
  if (mask === '') return undefined;
  if (Number.parseInt(mask, 16) === 0) return true;
  const bytes = headerBytes({ flight, journey });
  let word = 0;
  for (let byte = 0; byte < 4; byte += 1) {
    const masked = (Number.parseInt(mask, 16) >>> (8 * (3 - byte))) & 0xff;
    const own = bytes[Number(at) + byte];
    if (own === undefined && masked !== 0) return undefined;
    word = word * 256 + ((own ?? 0) & masked);
  }
  return word === Number.parseInt(value, 16);
};

const inPorts = (text: string, port: number | undefined): Known => {
  const [low, high = low] = text.split('-').map(Number);
  return port === undefined || low === undefined || high === undefined ? undefined : port >= low && port <= high;
};

const tcpBits = { FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16, URG: 32 };

/** Keys of flower by the names tc prints. */
const flowerKeys: Record<string, (value: string, seen: Seen) => Known> = {
  eth_type: (value, { flight }) => (value === 'ipv4' || value === 'ip' ? !isV6(flight.packet) : value === 'ipv6' ? isV6(flight.packet) : false),
  ip_proto: (value, { flight }) => {
    const own = protocolOf(flight.packet);
    return own === undefined ? undefined : own === protocolNumber(value);
  },
  dst_ip: (value, { flight }) => inPrefix(value, flight.packet.destination),
  src_ip: (value, { flight }) => inPrefix(value, flight.packet.source),
  dst_port: (value, { flight }) => inPorts(value, portOf(flight, 'destinationPort')),
  src_port: (value, { flight }) => inPorts(value, portOf(flight, 'sourcePort')),
  dst_mac: (value, { frame }) => macMatches(value, frame.to),
  src_mac: (value, { frame }) => macMatches(value, frame.from),
  vlan_id: (value, { frame }) => frame.vlan === Number(value),
  tcp_flags: (value, seen) => {
    const [wanted = '', mask = 'fff'] = value.split('/');
    const bits = tcpFlagsOf(seen).reduce((sum, flag) => sum | tcpBits[flag], 0);
    return (bits & Number.parseInt(mask, 16)) === Number.parseInt(wanted, 16);
  },
};

const macMatches = (value: string, own: string | undefined): Known =>
  own === undefined || value.includes('/') ? undefined : own === value.toLowerCase();

const flowerKey = (key: string, seen: Seen): Known => {
  const [name = '', ...value] = key.split(' ');
  return flowerKeys[name]?.(value.join(' '), seen);
};

const classifiers: Record<string, (key: string, seen: Seen) => Known> = {
  u32: u32Key,
  flower: flowerKey,
  matchall: () => true,
};
