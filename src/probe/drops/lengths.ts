import { ECHO_BYTES } from '../live/probe-plan.ts';
import type { ProbeRequest } from '../probe.ts';

/**
 * Bytes at L3 that a packet of a probe can have. The kernel's network events know a packet by its length only, so this is what keeps other
 * traffic out of the trace; what a traced packet really is, the captures say.
 */

const IP_HEADER = { 4: 20, 6: 40 } as const;

/**
 * A SYN (tcp_options_write in net/ipv4/tcp_output.c) and its answer have all their options with time stamps (40), and fewer without; a reset
 * has none. 32 is also what every plain segment with time stamps has: looked for only where there are none.
 */
const TCP = { stamped: [20, 24, 40, 44], plain: [20, 24, 28, 32, 36, 40, 44] };

export interface LengthOptions {
  /** net.ipv4.tcp_timestamps of those who speak: false where one has it off or it is not known. */
  timestamps: boolean;
}

/** UDP header; cookie, request and attempt, and the text behind them (probe-plan.ts). */
const UDP = 8 + 6 + 10;

/** Echo header. */
const ECHO = 8;

/** DNS header, name, type and class. */
const DNS = (query: string): number => 8 + 12 + query.length + 2 + 4;

/** Of one request. */
export const probeLengths = ({ destination, protocol, query, size, echoBytes }: ProbeRequest, { timestamps }: LengthOptions): number[] => {
  const header = IP_HEADER[destination.includes(':') ? 6 : 4];
  const bodies: Record<ProbeRequest['protocol'], number[]> = {
    tcp: timestamps ? TCP.stamped : TCP.plain,
    udp: [query === undefined ? UDP : DNS(query.replace(/\.$/, ''))],
    icmp: [ECHO + (echoBytes ?? ECHO_BYTES)],
    // INIT with the usual parameters of Linux; sctp_make_init in net/sctp/sm_make_chunk.c
    sctp: [12 + 20 + 24, 12 + 20 + 32, 12 + 20 + 40],
  };
  if (size !== undefined) return [size];
  return bodies[protocol].map((body) => header + body);
};

/** Which headers packets may get in front on these nodes: those of tunnels that are not there would only let others' packets in. */
export interface Carriers {
  ipip: boolean;
  vxlan: boolean;
  geneve: boolean;
  /** Tunnels over IPv6. */
  over6: boolean;
}

export const EVERY_CARRIER: Carriers = { ipip: true, vxlan: true, geneve: true, over6: true };

/** As the events count it: nothing, Ethernet, 802.1Q; a tunnel's headers as they arrive and as they leave; OVN puts 8 bytes of options into Geneve. */
const added = ({ ipip, vxlan, geneve, over6 }: Carriers): number[] => [
  ...[0, 14, 18],
  ...(ipip ? [20, 34] : []),
  ...(vxlan || geneve ? [50, 64] : []),
  ...(geneve ? [58, 72] : []),
  ...((vxlan || geneve) && over6 ? [70, 84] : []),
  ...(geneve && over6 ? [78, 92] : []),
];

/** All lengths that packets of these lengths may have at some device. */
export const carriedLengths = (lengths: number[], carriers: Carriers): number[] =>
  lengths.flatMap((length) => added(carriers).map((more) => Math.trunc(length) + more));

/** Consecutive numbers as one range. */
const ranges = (numbers: number[]): [first: number, last: number][] => {
  const found: [number, number][] = [];
  for (const number of [...new Set(numbers)].sort((a, b) => a - b)) {
    const open = found.at(-1);
    if (open && number === open[1] + 1) open[1] = number;
    else found.push([number, number]);
  }
  return found;
};

/** Condition of an event filter (Documentation/trace/events.rst, 5.2; a page at most): one of these lengths. Numbers only. */
export const lengthFilter = (lengths: number[]): string =>
  ranges(lengths.map(Math.trunc))
    .map(([first, last]) => (first === last ? `len==${first}` : `(len>=${first}&&len<=${last})`))
    .join('||');
