import { contains, inAddressRange, parseAddress, parsePrefix } from '../../address.ts';
import { hasAddresses } from '../../device/link.ts';
import { portOf } from '../../flight.ts';
import { headerBytes } from '../../header-bytes.ts';
import { and } from '../../mark.ts';
import { icmpOf, isV6, tcpFlagsOf } from '../../pass.ts';
import { hasPorts, protocolNumber, protocolOf } from '../../protocol.ts';
import { linkNamed } from '../../world.ts';
import type { Known, Matcher } from '../context.ts';
import { drawnIs, isDrawnHigh } from '../drawn-port.ts';
import { conjunction, type Module, type OptionTable } from './module.ts';
import { u32 } from './u32.ts';

type Side = 'source' | 'destination';
type Port = 'sourcePort' | 'destinationPort';

const address = (side: Side) => {
  return (list = ''): Matcher => {
    const prefixes = list.split(',').map((text) => parsePrefix(text));
    if (prefixes.includes(undefined)) return () => undefined;
    return ({ flight }) => {
      const value = parseAddress(flight.packet[side]);
      return value !== undefined && prefixes.some((prefix) => prefix !== undefined && contains(prefix, value));
    };
  };
};

/** `cali+` matches by prefix; a packet without such an interface has the empty name (ip_tables.c ipt_do_table nulldevname). */
export const interfaceMatches = (pattern: string, name: string | undefined): boolean =>
  pattern.endsWith('+') ? (name ?? '').startsWith(pattern.slice(0, -1)) : pattern === (name ?? '');

const device = (which: 'iif' | 'oif') => {
  return (pattern = ''): Matcher => {
    return (pass) => interfaceMatches(pattern, pass[which]);
  };
};

const protocol = (name = ''): Matcher => {
  const wanted = protocolNumber(name === 'all' ? 0 : name);
  if (wanted === 0) return () => true;
  return ({ flight }) => {
    const own = protocolOf(flight.packet);
    return wanted === undefined || own === undefined ? undefined : own === wanted;
  };
};

/** Options of every rule. Fragments are put together before any rule is asked where conntrack is there, and probes are none. */
export const commonMatches: OptionTable = {
  '-s': address('source'),
  '-d': address('destination'),
  '-i': device('iif'),
  '-o': device('oif'),
  '-p': protocol,
  '-f': () => () => false,
};

/** `80`, `80:90`, `:1024`, `1024:` */
export const portInRange = (text: string, port: number): boolean => {
  const [low = '', high] = text.split(':');
  const first = low === '' ? 0 : Number(low);
  const last = high === undefined ? first : high === '' ? 65535 : Number(high);
  return port >= first && port <= last;
};

/** A port nobody named can be any; a packet without ports has none. */
const inPorts = (list: string, ...sides: Port[]): Matcher => {
  const ranges = list.split(',');
  return (pass) => {
    const { packet } = pass.flight;
    if (packet.protocol !== 'any' && !hasPorts(packet)) return false;
    let answer: Known = false;
    for (const side of sides) {
      const port = portOf(pass.flight, side);
      const among = (one: number): boolean => ranges.some((range) => portInRange(range, one));
      const is = port !== undefined ? among(port) : isDrawnHigh(pass.flight, side) ? drawnIs(among) : undefined;
      if (is === true) return true;
      if (is === undefined) answer = undefined;
    }
    return answer;
  };
};

const ports = (...sides: Port[]) => {
  return (list = ''): Matcher => inPorts(list, ...sides);
};

const FLAGS = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG'];

const tcpFlags = (mask = '', wanted = ''): Matcher => {
  const looked = mask === 'ALL' ? FLAGS : mask.split(',');
  const set = wanted === 'ALL' ? FLAGS : wanted.split(',');
  return (pass) => {
    if (pass.flight.packet.protocol === 'any') return undefined;
    if (pass.flight.packet.protocol !== 'tcp') return false;
    const flags: string[] = tcpFlagsOf(pass);
    return looked.every((flag) => flags.includes(flag) === set.includes(flag));
  };
};

const tcp: OptionTable = {
  '--sport': ports('sourcePort'),
  '--dport': ports('destinationPort'),
  '--tcp-flags': tcpFlags,
  '--syn': () => tcpFlags('FIN,SYN,RST,ACK', 'SYN'),
  '--tcp-option': () => () => undefined,
};

const plainPorts: OptionTable = { '--sport': ports('sourcePort'), '--dport': ports('destinationPort') };

/** Names of libxt_icmp.h's table that stand for a type; a code of its own follows for some. */
const icmpTypes: Record<string, [type: number, code?: number]> = {
  'echo-reply': [0],
  pong: [0],
  'destination-unreachable': [3],
  'network-unreachable': [3, 0],
  'host-unreachable': [3, 1],
  'protocol-unreachable': [3, 2],
  'port-unreachable': [3, 3],
  'fragmentation-needed': [3, 4],
  'network-prohibited': [3, 9],
  'host-prohibited': [3, 10],
  'communication-prohibited': [3, 13],
  'source-quench': [4],
  redirect: [5],
  'echo-request': [8],
  ping: [8],
  'router-advertisement': [9],
  'router-solicitation': [10],
  'time-exceeded': [11],
  'ttl-exceeded': [11],
  'ttl-zero-during-transit': [11, 0],
  'parameter-problem': [12],
  'timestamp-request': [13],
  'timestamp-reply': [14],
};

const icmp6Types: Record<string, [type: number, code?: number]> = {
  'destination-unreachable': [1],
  'no-route': [1, 0],
  'communication-prohibited': [1, 1],
  'beyond-scope': [1, 2],
  'address-unreachable': [1, 3],
  'port-unreachable': [1, 4],
  'packet-too-big': [2],
  'time-exceeded': [3],
  'ttl-exceeded': [3],
  'parameter-problem': [4],
  'echo-request': [128],
  ping: [128],
  'echo-reply': [129],
  pong: [129],
  'router-solicitation': [133],
  'router-advertisement': [134],
  'neighbour-solicitation': [135],
  'neighbor-solicitation': [135],
  'neighbour-advertisement': [136],
  'neighbor-advertisement': [136],
  redirect: [137],
};

const icmpType =
  (names: typeof icmpTypes, v6: boolean) =>
  (text = ''): Matcher => {
    const [type, code] = names[text] ?? text.split('/').map(Number);
    return (pass) => {
      const { packet } = pass.flight;
      if (packet.protocol === 'any') return undefined;
      if (packet.protocol !== 'icmp' || isV6(packet) !== v6) return false;
      // 255 is "any" on the wire of the old command
      if (text === 'any' || type === 255) return true;
      if (type === undefined || Number.isNaN(type)) return undefined;
      const own = icmpOf(pass);
      return own.type === type && (code === undefined || own.code === code);
    };
  };

const range =
  (side: Side) =>
  (text = ''): Matcher => {
    const [low = '', high = low] = text.split('-');
    return ({ flight }) => inAddressRange(flight.packet[side], low, high);
  };

const numberRange = (text: string, value: number | undefined): Known => (value === undefined ? undefined : portInRange(text, value));

const hops = (compare: (ttl: number, wanted: number) => boolean) => {
  return (text = ''): Matcher => {
    return ({ flight }) => (flight.ttl === undefined ? undefined : compare(flight.ttl, Number(text)));
  };
};

const ttl: OptionTable = {
  '--ttl-eq': hops((own, wanted) => own === wanted),
  '--ttl-gt': hops((own, wanted) => own > wanted),
  '--ttl-lt': hops((own, wanted) => own < wanted),
  '--hl-eq': hops((own, wanted) => own === wanted),
  '--hl-gt': hops((own, wanted) => own > wanted),
  '--hl-lt': hops((own, wanted) => own < wanted),
};

/** `0x10/0x3f`, or a bare number that counts whole. */
const tos = (text = ''): Matcher => {
  const [value, mask = 0xff] = text.split('/').map(Number);
  if (value === undefined || Number.isNaN(value)) return () => undefined;
  return ({ flight }) => and(flight.packet.tos ?? 0, Number(mask)) === value;
};

const dscp = (text = ''): Matcher => {
  const value = Number(text);
  if (Number.isNaN(value)) return () => undefined;
  return ({ flight }) => (flight.packet.tos ?? 0) >> 2 === value;
};

const ownProtocol = (name: 'tcp' | 'udp' | 'sctp' | 'icmp'): Module => {
  const tables: Record<string, OptionTable> = {
    tcp,
    udp: plainPorts,
    sctp: { ...plainPorts, '--chunk-types': () => () => undefined },
    icmp: {
      '--icmp-type': icmpType(icmpTypes, false),
      '--icmpv6-type': icmpType(icmp6Types, true),
    },
  };
  return conjunction(tables[name] ?? {});
};

/** Modules that ask for what is written in the packet. */
export const headerModules: Record<string, Module> = {
  tcp: ownProtocol('tcp'),
  udp: ownProtocol('udp'),
  udplite: ownProtocol('udp'),
  sctp: ownProtocol('sctp'),
  icmp: ownProtocol('icmp'),
  icmp6: ownProtocol('icmp'),
  multiport: conjunction({
    '--sports': ports('sourcePort'),
    '--dports': ports('destinationPort'),
    '--ports': ports('sourcePort', 'destinationPort'),
  }),
  iprange: conjunction({ '--src-range': range('source'), '--dst-range': range('destination') }),
  length: conjunction({
    '--length':
      (text = '') =>
      ({ flight }) =>
        numberRange(text, flight.packet.length),
  }),
  ttl: conjunction(ttl),
  hl: conjunction(ttl),
  tos: conjunction({ '--tos': tos }),
  dscp: conjunction({ '--dscp': dscp, '--dscp-class': () => () => undefined }),
  mac: conjunction({
    '--mac-source':
      (mac = '') =>
      ({ frame, iif, place }) => {
        // only Ethernet has them, and lo is none (net/netfilter/xt_mac.c)
        const device = linkNamed(place.netns, iif);
        if (device && !hasAddresses(device)) return false;
        return frame.from === undefined ? undefined : frame.from === mac.toLowerCase();
      },
  }),
  // what is sent to us alone, as probes are, or a question to everybody; loopback's packets are so too (PACKET_LOOPBACK is turned into a host's before any rule)
  pkttype: conjunction({
    '--pkt-type':
      (type = '') =>
      ({ frame }) =>
        frame.toAll === undefined ? type === 'unicast' || type === 'host' : type === frame.toAll,
  }),
  u32: conjunction({
    '--u32':
      (text = '') =>
      (pass) =>
        u32(text, headerBytes(pass)),
  }),
  // counts and lets pass (net/netfilter/xt_nfacct.c); kube-proxy puts it in KUBE-FORWARD since 1.33
  nfacct: conjunction({ '--nfacct-name': 'silent' }),
  comment: conjunction({ '--comment': 'silent' }),
};
