import { inPrefix, parseAddress } from '../address.ts';
import type { Packet } from '../hop.ts';
import { matchesMark } from '../mark.ts';
import { isOwnAddress } from '../route.ts';
import type { Known, RuleContext } from './context.ts';
import { inIpset } from './ipset.ts';

export type Matcher = (context: RuleContext) => Known;

/** An option of iptables-save: how many words follow it and what they ask. */
interface Option {
  words: number;
  matcher?: (values: string[]) => Matcher;
}

const certain: Matcher = () => true;
export const unknown: Matcher = () => undefined;

const address = (side: 'source' | 'destination') => ({
  words: 1,
  matcher:
    ([list = '']: string[]): Matcher =>
    ({ packet }) =>
      list.split(',').some((prefix) => inPrefix(prefix, packet[side])),
});

/** `cali+` matches by prefix; an interface the packet does not have matches nothing. */
const interfaceMatches = (pattern: string, name: string | undefined): boolean =>
  name !== undefined && (pattern.endsWith('+') ? name.startsWith(pattern.slice(0, -1)) : pattern === name);

const device = (which: 'iif' | 'oif' | 'bridgeIn' | 'bridgeOut') => ({
  words: 1,
  matcher:
    ([pattern = '']: string[]): Matcher =>
    (context) =>
      pattern === '+' || interfaceMatches(pattern, context[which]),
});

/** Names iptables prints and the numbers it prints when /etc/protocols lacks them. */
const protocolNames: Record<string, string> = {
  '1': 'icmp',
  '4': 'ipencap',
  '6': 'tcp',
  '17': 'udp',
  '58': 'icmp',
  '132': 'sctp',
  'ipv6-icmp': 'icmp',
  icmpv6: 'icmp',
};

const protocol: Option = {
  words: 1,
  matcher:
    ([name = '']) =>
    (context) =>
      name === 'all' || name === '0' || (protocolNames[name] ?? name) === context.protocol,
};

const inPortList = (list: string, port: number | undefined): boolean =>
  port !== undefined &&
  list.split(',').some((range) => {
    const [low, high] = range.split(':');
    const first = low === '' || low === undefined ? 0 : Number(low);
    const last = high === undefined ? first : high === '' ? 65535 : Number(high);
    return port >= first && port <= last;
  });

const ports = (...sides: ('sourcePort' | 'destinationPort')[]) => ({
  words: 1,
  matcher:
    ([list = '']: string[]): Matcher =>
    ({ packet }) =>
      sides.some((side) => inPortList(list, packet[side])),
});

const state: Option = {
  words: 1,
  matcher:
    ([list = '']) =>
    (context) => {
      const wanted = list.split(',');
      if (wanted.includes('DNAT') && context.translated.destination) return true;
      if (wanted.includes('SNAT') && context.translated.source) return true;
      if (wanted.every((word) => word === 'DNAT' || word === 'SNAT')) return false;
      return context.state === 'unknown' ? undefined : wanted.includes(context.state);
    },
};

const original = (ask: (packet: Packet, value: string) => boolean): Option => ({
  words: 1,
  matcher:
    ([value = '']) =>
    ({ original: packet, state: known, packet: now }) =>
      known === 'unknown' ? undefined : ask(packet ?? now, value),
});

const mark: Option = {
  words: 1,
  matcher:
    ([text = '']) =>
    (context) =>
      matchesMark(text, context.mark),
};

const set: Option = {
  words: 2,
  matcher:
    ([name = '', sides = '']) =>
    (context) =>
      inIpset(context, name, sides.split(',')),
};

const addressType = (side: 'source' | 'destination'): Option => ({
  words: 1,
  matcher:
    ([list = '']) =>
    ({ netns, packet }) => {
      const type = typeOf(packet[side], (text) => isOwnAddress(netns, text) || inPrefix('127.0.0.0/8', text));
      return list.split(',').includes(type);
    },
});

const typeOf = (text: string, own: (text: string) => boolean): string => {
  if (own(text)) return 'LOCAL';
  if (inPrefix('224.0.0.0/4', text) || inPrefix('ff00::/8', text)) return 'MULTICAST';
  return text === '255.255.255.255' ? 'BROADCAST' : 'UNICAST';
};

const tcpFlags: Option = {
  words: 2,
  matcher:
    ([mask = '', wanted = '']) =>
    ({ tcp, protocol: name }) => {
      if (name !== 'tcp') return false;
      if (tcp === undefined) return undefined;
      const flags = tcp === 'syn' ? ['SYN'] : ['SYN', 'ACK'];
      const looked = mask === 'ALL' ? ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG'] : mask.split(',');
      const expected = wanted === 'NONE' ? [] : wanted.split(',');
      return looked.every((flag) => flags.includes(flag) === expected.includes(flag));
    },
};

const icmpNames: Record<string, string> = {
  '8': 'echo-request',
  '8/0': 'echo-request',
  '0': 'echo-reply',
  '0/0': 'echo-reply',
  '128': 'echo-request',
  '129': 'echo-reply',
  'echo-request': 'echo-request',
  'echo-reply': 'echo-reply',
};

const icmpType: Option = {
  words: 1,
  matcher:
    ([type = '']) =>
    ({ icmp, packet }) => {
      if (packet.protocol !== 'icmp') return false;
      return type === 'any' || (icmp !== undefined && icmpNames[type] === icmp);
    },
};

const range = (side: 'source' | 'destination'): Option => ({
  words: 1,
  matcher:
    ([text = '']) =>
    ({ packet }) => {
      const [low, high] = text.split('-').map((end) => parseAddress(end));
      const value = parseAddress(packet[side]);
      return low && high && value ? value.family === low.family && value.value >= low.value && value.value <= high.value : undefined;
    },
});

export const reversePath: Option = { words: 0, matcher: () => (context) => context.reversePath(false) };

/** Options of iptables-extensions(8) by the spelling iptables-save uses. What is absent here is not understood, and its rule is then not judged. */
export const options: Record<string, Option> = {
  '-s': address('source'),
  '-d': address('destination'),
  '-i': device('iif'),
  '-o': device('oif'),
  '-p': protocol,
  '-m': { words: 1 },
  '-f': { words: 0, matcher: () => () => false },
  '--comment': { words: 1 },
  '--sport': ports('sourcePort'),
  '--dport': ports('destinationPort'),
  '--sports': ports('sourcePort'),
  '--dports': ports('destinationPort'),
  '--ports': ports('sourcePort', 'destinationPort'),
  '--ctstate': state,
  '--state': state,
  '--ctproto': { words: 1, matcher: protocol.matcher ?? (() => unknown) },
  '--ctorigsrc': original((packet, value) => inPrefix(value, packet.source)),
  '--ctorigdst': original((packet, value) => inPrefix(value, packet.destination)),
  '--ctorigdstport': original((packet, value) => inPortList(value, packet.destinationPort)),
  '--ctorigsrcport': original((packet, value) => inPortList(value, packet.sourcePort)),
  '--mark': mark,
  '--match-set': set,
  '--return-nomatch': { words: 0 },
  '--dst-type': addressType('destination'),
  '--src-type': addressType('source'),
  '--physdev-in': device('bridgeIn'),
  '--physdev-out': device('bridgeOut'),
  '--physdev-is-bridged': { words: 0, matcher: () => (context) => context.bridgeIn !== undefined && context.bridgeOut !== undefined },
  '--tcp-flags': tcpFlags,
  '--icmp-type': icmpType,
  '--icmpv6-type': icmpType,
  '--src-range': range('source'),
  '--dst-range': range('destination'),
  '--pkt-type': {
    words: 1,
    matcher:
      ([type = '']) =>
      () =>
        type === 'unicast',
  },
  '--validmark': { words: 0 },
  '--loose': { words: 0 },
  '--accept-local': { words: 0 },
  // A counter only (net/netfilter/xt_nfacct.c always matches); kube-proxy puts it in KUBE-FORWARD since 1.33.
  '--nfacct-name': { words: 1, matcher: () => certain },
  '--tunnel-match': { words: 0 },
  '--probability': { words: 1, matcher: () => unknown },
  '--every': { words: 1, matcher: () => unknown },
  '--packet': { words: 1, matcher: () => unknown },
  '--mode': { words: 1 },
};
