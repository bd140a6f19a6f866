import { parseAddress } from '../../address.ts';
import { named } from '../../named.ts';
import { protocolNumber } from '../../protocol.ts';
import { isObject, nameAndBody } from './json.ts';

/** What is compared: numbers where nft counts, text where it names. */
export type Scalar = number | bigint | string;

/** nft's names of types, as far as values of them are written in words (nft(8), DATA TYPES). */
export type DataType =
  | 'address'
  | 'protocol'
  | 'port'
  | 'ether_addr'
  | 'ether_type'
  | 'ifname'
  | 'tcp_flag'
  | 'ct_state'
  | 'ct_status'
  | 'icmp_type'
  | 'icmpv6_type'
  | 'dscp'
  | 'owner'
  | 'word'
  | 'number';

const words: Partial<Record<DataType, Record<string, number>>> = {
  tcp_flag: { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16, urg: 32, ecn: 64, cwr: 128 },
  // include/uapi/linux/netfilter/nf_conntrack_common.h NF_CT_STATE_BIT
  ct_state: { invalid: 1, established: 2, related: 4, new: 8, untracked: 64 },
  ct_status: { expected: 1, 'seen-reply': 2, assured: 4, confirmed: 8, snat: 16, dnat: 32, dying: 512 },
  icmp_type: {
    'echo-reply': 0,
    'destination-unreachable': 3,
    'source-quench': 4,
    redirect: 5,
    'echo-request': 8,
    'router-advertisement': 9,
    'router-solicitation': 10,
    'time-exceeded': 11,
    'parameter-problem': 12,
    'timestamp-request': 13,
    'timestamp-reply': 14,
    'info-request': 15,
    'info-reply': 16,
    'address-mask-request': 17,
    'address-mask-reply': 18,
  },
  icmpv6_type: {
    'destination-unreachable': 1,
    'packet-too-big': 2,
    'time-exceeded': 3,
    'parameter-problem': 4,
    'echo-request': 128,
    'echo-reply': 129,
    'mld-listener-query': 130,
    'mld-listener-report': 131,
    'mld-listener-done': 132,
    'nd-router-solicit': 133,
    'nd-router-advert': 134,
    'nd-neighbor-solicit': 135,
    'nd-neighbor-advert': 136,
    'nd-redirect': 137,
    'router-renumbering': 138,
    'ind-neighbor-solicit': 141,
    'ind-neighbor-advert': 142,
    'mld2-listener-report': 143,
  },
  ether_type: { ip: 0x0800, arp: 0x0806, ip6: 0x86dd, vlan: 0x8100, '8021q': 0x8100, '8021ad': 0x88a8 },
  dscp: {
    cs0: 0,
    df: 0,
    cs1: 8,
    cs2: 16,
    cs3: 24,
    cs4: 32,
    cs5: 40,
    cs6: 48,
    cs7: 56,
    af11: 10,
    af12: 12,
    af13: 14,
    af21: 18,
    af22: 20,
    af23: 22,
    af31: 26,
    af32: 28,
    af33: 30,
    af41: 34,
    af42: 36,
    af43: 38,
    ef: 46,
    va: 44,
  },
  port: { ssh: 22, domain: 53, http: 80, https: 443 },
  owner: { root: 0 },
};

/** A constant as it is written, as a value of this type; undefined when it is none. */
export const constant = (type: DataType, text: unknown): Scalar | undefined => {
  if (typeof text === 'number') return text;
  if (typeof text === 'boolean') return text ? 1 : 0;
  if (typeof text !== 'string') return undefined;
  if (type === 'address') return parseAddress(text)?.value;
  if (type === 'protocol') return protocolNumber(text);
  if (type === 'ifname' || type === 'word') return text;
  if (type === 'ether_addr') return text.toLowerCase();
  const named = words[type]?.[text];
  if (named !== undefined) return named;
  return /^(0x[0-9a-f]+|\d+)$/i.test(text) ? Number(text) : undefined;
};

/** Types whose values are bits, several of which may be set. */
export const isBits = (type: DataType): boolean => type === 'tcp_flag' || type === 'ct_state' || type === 'ct_status';

const payloadTypes: Record<string, DataType> = {
  'ip saddr': 'address',
  'ip daddr': 'address',
  'ip6 saddr': 'address',
  'ip6 daddr': 'address',
  'arp saddr ip': 'address',
  'arp daddr ip': 'address',
  'ip protocol': 'protocol',
  'ip6 nexthdr': 'protocol',
  'ip dscp': 'dscp',
  'ip6 dscp': 'dscp',
  'tcp flags': 'tcp_flag',
  'icmp type': 'icmp_type',
  'icmpv6 type': 'icmpv6_type',
  'ether saddr': 'ether_addr',
  'ether daddr': 'ether_addr',
  'ether type': 'ether_type',
  'vlan type': 'ether_type',
};

const metaTypes: Record<string, DataType> = {
  l4proto: 'protocol',
  protocol: 'ether_type',
  nfproto: 'word',
  iif: 'ifname',
  oif: 'ifname',
  iifname: 'ifname',
  oifname: 'ifname',
  ibrname: 'ifname',
  obrname: 'ifname',
  ibriport: 'ifname',
  obriport: 'ifname',
  sdifname: 'ifname',
  iifkind: 'word',
  oifkind: 'word',
  pkttype: 'word',
  skuid: 'owner',
  skgid: 'owner',
};

const conntrackTypes: Record<string, DataType> = {
  state: 'ct_state',
  status: 'ct_status',
  direction: 'word',
  l3proto: 'word',
  protocol: 'protocol',
  saddr: 'address',
  daddr: 'address',
  'ip saddr': 'address',
  'ip daddr': 'address',
  'ip6 saddr': 'address',
  'ip6 daddr': 'address',
  'proto-src': 'port',
  'proto-dst': 'port',
  helper: 'word',
};

/** What an expression yields; nft gives types to constants by what they are compared with. */
export const typeOf = (expression: unknown): DataType => {
  const [name, body] = nameAndBody(expression);
  if (name === 'payload' && isObject(body)) {
    return named(payloadTypes, `${body.protocol} ${body.field}`) ?? (/^[sd]port$/.test(String(body.field)) ? 'port' : 'number');
  }
  if (name === 'meta' && isObject(body)) return named(metaTypes, String(body.key)) ?? 'number';
  if (name === 'ct' && isObject(body)) return named(conntrackTypes, String(body.key)) ?? 'number';
  if (name === 'fib' && isObject(body)) return body.result === 'type' || body.result === 'oifname' || body.result === 'oif' ? 'word' : 'number';
  if (name === 'rt' && isObject(body)) return body.key === 'nexthop' ? 'address' : 'number';
  const [first] = Array.isArray(body) ? body : [];
  return ['&', '|', '^', '<<', '>>'].includes(name) ? typeOf(first) : 'number';
};
