import ipaddr from 'ipaddr.js';
import { cookieOf, dnsIdBlock, portBlock } from '../live/session-mark.ts';
import { PROTOCOL } from './ip-packet.ts';
import { ETHERTYPE } from './link-layer.ts';
import { type TunnelPorts, USUAL_TUNNEL_PORTS } from './tunnel.ts';

/** What the captures of one session look for. Numbers and addresses only: nothing here comes into the filter as text. */
export interface TapFilter {
  /** SessionMark.number */
  mark: number;
  /** Both ends, backends, node addresses: whose ARP and neighbour discovery is of interest. */
  addresses: string[];
  /** Probed ports and, behind a Service, target ports: masquerading may pick another source port, then these find the SYN. */
  ports: number[];
  tunnels?: TunnelPorts;
}

/** A way to carry an IP packet of `family` whose header starts `at` bytes into what libpcap calls `base`. */
export interface Carrier {
  base: 'ip' | 'ip6';
  guard: string[];
  at: string;
  family: 4 | 6;
}

export const anyOf = (terms: string[]): string => (terms.length === 1 ? (terms[0] ?? '') : `(${terms.join(' or ')})`);
/** Always in brackets: for libpcap `and` binds no closer than `or`. */
export const allOf = (terms: string[]): string => `(${terms.join(' and ')})`;

/** Outer headers are taken to have no options or extensions: 20 and 40 bytes. */
const OUTER = { ip: { length: 20, protocol: 9 }, ip6: { length: 40, protocol: 6 } } as const;
const FAMILIES = [4, 6] as const;

/** UDP 8, VXLAN or Geneve 8, Ethernet 14. */
const UDP_TUNNEL = 30;

/** `udp[n]` of libpcap means IPv4 only, and no keyword reaches into VXLAN, so everything is counted from the start of the IP header. */
export const carriersIn = (base: 'ip' | 'ip6', tunnels: TunnelPorts): Carrier[] => {
  const { length, protocol } = OUTER[base];
  const plain: Carrier = { base, guard: [base], at: '0', family: base === 'ip' ? 4 : 6 };
  const direct = FAMILIES.map(
    (family): Carrier => ({ base, guard: [`${base}[${protocol}]=${family === 4 ? PROTOCOL.ipip : PROTOCOL.ipv6}`], at: `${length}`, family }),
  );
  const overUdp = (ports: number[], shift: string): Carrier[] =>
    ports.length === 0
      ? []
      : FAMILIES.map((family) => ({
          base,
          guard: [
            `${base}[${protocol}]=${PROTOCOL.udp}`,
            anyOf(ports.map((port) => `${base}[${length + 2}:2]=${port}`)),
            `${base}[${length + UDP_TUNNEL - 2}${shift}:2]=${family === 4 ? ETHERTYPE.ipv4 : ETHERTYPE.ipv6}`,
          ],
          at: `${length + UDP_TUNNEL}${shift}`,
          family,
        }));
  // Geneve's options: their length is the low six bits of its first byte, in fours.
  const options = `+((${base}[${length + 8}]&0x3f)<<2)`;
  return [plain, ...direct, ...overUdp(tunnels.vxlan, ''), ...overUdp(tunnels.geneve, options)];
};

/** An IPv4 address, or the end of an IPv6 address, which tells enough. */
export const lastWord = (address: string): { family: 4 | 6; word: number } => {
  const bytes = Buffer.from(ipaddr.parse(address).toByteArray());
  return { family: bytes.length === 4 ? 4 : 6, word: bytes.readUInt32BE(bytes.length - 4) };
};

const probesIn = ({ base, guard, at, family }: Carrier, { mark, addresses, ports }: TapFilter): string => {
  const header = family === 4 ? 20 : 40;
  const l4 = (offset: number, size?: 2 | 4): string => `${base}[${at}+${header + offset}${size ? `:${size}` : ''}]`;
  const protocol = (number: number): string => `${base}[${at}+${family === 4 ? 9 : 6}]=${number}`;
  const block = portBlock(mark) >> 8;
  const ours = [`${l4(0)}=${block}`, `${l4(2)}=${block}`];
  const known = ports.flatMap((port) => [`${l4(0, 2)}=${port}`, `${l4(2, 2)}=${port}`]);
  const cookie = cookieOf(mark);
  // A reply to a masqueraded datagram shows neither our port nor, unless the server repeats it, the cookie: only whom it comes from.
  const from = addresses
    .map(lastWord)
    .flatMap(({ family: kind, word }) => (kind === family ? `${base}[${at}+${family === 4 ? 12 : 20}:4]=${word}` : []));
  const replies = from.length > 0 && ports.length > 0 ? [allOf([anyOf(from), anyOf(ports.map((port) => `${l4(0, 2)}=${port}`))])] : [];
  const echo = family === 4 ? `${l4(0)}&0xf7=0` : `${l4(0)}&0xfe=128`;
  const errors = family === 4 ? [3, 4, 11, 12] : [1, 2, 3, 4];
  return allOf([
    ...guard,
    anyOf([
      // SYN or RST
      allOf([protocol(PROTOCOL.tcp), `${l4(13)}&6!=0`, anyOf([...ours, ...known])]),
      allOf([
        protocol(PROTOCOL.udp),
        anyOf([...ours, ...replies, `${l4(8, 4)}=${cookie}`, ...(known.length > 0 ? [allOf([anyOf(known), `${l4(8)}=${dnsIdBlock(mark)}`])] : [])]),
      ]),
      // ping's pattern starts behind the 8 bytes of the header and the 16 of the time stamp.
      allOf([
        protocol(family === 4 ? PROTOCOL.icmp : PROTOCOL.icmpv6),
        anyOf([allOf([echo, `${l4(24, 4)}=${cookie}`]), ...errors.map((type) => `${l4(0)}=${type}`)]),
      ]),
      allOf([protocol(PROTOCOL.sctp), anyOf(ours)]),
    ]),
  ]);
};

/** ARP: sender address at 14, target at 24 (RFC 826). Neighbour discovery: target at 8 behind the IPv6 header (RFC 4861). */
export const claimsOf = (address: string): string => {
  const { family, word } = lastWord(address);
  return family === 4
    ? `(arp and (arp[14:4]=${word} or arp[24:4]=${word}))`
    : `(ip6[6]=${PROTOCOL.icmpv6} and (ip6[40]=135 or ip6[40]=136) and ip6[60:4]=${word})`;
};

/** A pcap-filter(7) expression that passes the session's probes, their replies and errors, at any hop: plain, after NAT, in a tunnel. */
export const captureFilter = (filter: TapFilter): string => {
  const tunnels = filter.tunnels ?? USUAL_TUNNEL_PORTS;
  const carriers = [...carriersIn('ip', tunnels), ...carriersIn('ip6', tunnels)];
  const addresses = [...new Set(filter.addresses)].filter((address) => ipaddr.isValid(address));
  const probes = carriers.map((carrier) => probesIn(carrier, { ...filter, addresses, ports: [...new Set(filter.ports)] }));
  return [...probes, ...addresses.map(claimsOf)].join(' or ');
};
