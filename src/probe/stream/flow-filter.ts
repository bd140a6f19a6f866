import { cookieOf } from '../live/session-mark.ts';
import { allOf, anyOf, type Carrier, carriersIn, claimsOf, lastWord } from '../tap/capture-filter.ts';
import { PROTOCOL } from '../tap/ip-packet.ts';
import { type TunnelPorts, USUAL_TUNNEL_PORTS } from '../tap/tunnel.ts';

/** Traffic between two addresses, both ways; numbers and addresses only, nothing here comes into the filter as text. */
export interface FlowTerm {
  source: string;
  destination: string;
  /** Of the destination. */
  port?: number;
}

export interface FlowFilter {
  flows: FlowTerm[];
  /** IANA numbers, by family; absent: all. */
  protocol?: { 4: number; 6: number };
  tunnels?: TunnelPorts;
}

/** Offsets of addresses in an IP header; of IPv6 the last four bytes of each, which tell enough for a filter. */
const ADDRESS = { 4: { source: 12, destination: 16 }, 6: { source: 20, destination: 36 } } as const;

/** Offsets of the protocol number. */
const NUMBER = { 4: 9, 6: 6 } as const;

const ICMP_ERRORS = { 4: [3, 4, 11, 12], 6: [1, 2, 3, 4] } as const;

const flowsIn = ({ base, guard, at, family }: Carrier, { flows, protocol, tunnels = USUAL_TUNNEL_PORTS }: FlowFilter): string[] => {
  const header = family === 4 ? 20 : 40;
  const word = (offset: number): string => `${base}[${at}+${offset}:4]`;
  const l4 = (offset: number): string => `${base}[${at}+${header + offset}:2]`;
  const number = (value: number): string => `${base}[${at}+${NUMBER[family]}]=${value}`;
  const mine = flows.filter(({ source }) => lastWord(source).family === family);
  if (mine.length === 0) return [];
  const { source: from, destination: to } = ADDRESS[family];
  const one = ({ source, destination, port }: FlowTerm): string => {
    const [a, b] = [lastWord(source).word, lastWord(destination).word];
    const ports = (offset: number): string[] => (port === undefined ? [] : [`${l4(offset)}=${port}`]);
    return anyOf([allOf([`${word(from)}=${a}`, `${word(to)}=${b}`, ...ports(2)]), allOf([`${word(from)}=${b}`, `${word(to)}=${a}`, ...ports(0)])]);
  };
  const ported = mine.some(({ port }) => port !== undefined);
  const protocols = protocol ? [number(protocol[family])] : ported ? [anyOf([PROTOCOL.tcp, PROTOCOL.udp, PROTOCOL.sctp].map(number))] : [];
  // what two nodes carry for others between them is not their own traffic
  const carried = [...tunnels.vxlan, ...tunnels.geneve].map((port) => `${l4(2)}=${port}`);
  const own = at === '0' && carried.length > 0 ? [`not ${allOf([number(PROTOCOL.udp), anyOf(carried)])}`] : [];
  const errors = allOf([
    number(family === 4 ? PROTOCOL.icmp : PROTOCOL.icmpv6),
    anyOf(ICMP_ERRORS[family].map((type) => `${base}[${at}+${header}]=${type}`)),
    anyOf([...new Set(mine.flatMap(({ source, destination }) => [source, destination]))].map((address) => `${word(to)}=${lastWord(address).word}`)),
  ]);
  return [allOf([...guard, anyOf([allOf([...protocols, ...own, anyOf(mine.map(one))]), errors])])];
};

/** A pcap-filter(7) expression for the traffic of these flows at any hop: plain, after NAT, in a tunnel; with ARP and neighbour discovery for its addresses. */
export const flowFilter = (filter: FlowFilter): string => {
  const tunnels = filter.tunnels ?? USUAL_TUNNEL_PORTS;
  const carriers = [...carriersIn('ip', tunnels), ...carriersIn('ip6', tunnels)];
  const addresses = [...new Set(filter.flows.flatMap(({ source, destination }) => [source, destination]))];
  return [...carriers.flatMap((carrier) => flowsIn(carrier, filter)), ...addresses.map(claimsOf)].join(' or ');
};

/** The session's own pings between nodes, by their cookie behind ping's time stamp (probe-plan.ts). */
export const pingFilter = (mark: number): string =>
  [
    allOf(['ip', `ip[9]=${PROTOCOL.icmp}`, 'ip[20]&0xf7=0', `ip[44:4]=${cookieOf(mark)}`]),
    allOf(['ip6', `ip6[6]=${PROTOCOL.icmpv6}`, 'ip6[40]&0xfe=128', `ip6[64:4]=${cookieOf(mark)}`]),
  ].join(' or ');

/** Everything from or to one of these addresses, at any hop; with ARP and neighbour discovery for them. */
export const addressFilter = (addresses: string[], tunnels = USUAL_TUNNEL_PORTS): string => {
  const carriers = [...carriersIn('ip', tunnels), ...carriersIn('ip6', tunnels)];
  const terms = carriers.flatMap(({ base, guard, at, family }) => {
    const words = addresses.map(lastWord).filter((one) => one.family === family);
    const ends = words.flatMap(({ word }) =>
      [ADDRESS[family].source, ADDRESS[family].destination].map((offset) => `${base}[${at}+${offset}:4]=${word}`),
    );
    return ends.length === 0 ? [] : [allOf([...guard, anyOf(ends)])];
  });
  return [...terms, ...addresses.map(claimsOf)].join(' or ');
};
