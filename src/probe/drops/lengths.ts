import type { ProbeRequest } from '../probe.ts';

/**
 * Bytes at L3 that a packet of a probe can have. The kernel's network events know a packet by its length only, so this is what keeps other
 * traffic out of the trace; what a traced packet really is, the captures say.
 */

const IP_HEADER = { 4: 20, 6: 40 } as const;

/**
 * A SYN with and without window scaling (tcp_options_write in net/ipv4/tcp_output.c), and a reset without any option. 32 is a SYN without time
 * stamps, but also every acknowledgement with them, of which a node is full.
 */
const TCP = [20, 24, 28, 36, 40, 44];
const WITHOUT_TIMESTAMPS = 32;

/** UDP header; cookie, request and attempt, and the text behind them (probe-plan.ts). */
const UDP = 8 + 6 + 10;

/** Echo header. */
const ECHO = 8;

/** DNS header, name, type and class. */
const DNS = (query: string): number => 8 + 12 + query.length + 2 + 4;

/**
 * Of one request; ping is told to send `echoSizes` bytes, which differ from request to request.
 * @param timestamps false where a sender does not put time stamps into TCP (net.ipv4.tcp_timestamps)
 */
export const probeLengths = ({ destination, protocol, query, size }: ProbeRequest, echoSizes: number[], timestamps = true): number[] => {
  const header = IP_HEADER[destination.includes(':') ? 6 : 4];
  const bodies: Record<ProbeRequest['protocol'], number[]> = {
    tcp: timestamps ? TCP : [...TCP, WITHOUT_TIMESTAMPS],
    udp: [query === undefined ? UDP : DNS(query.replace(/\.$/, ''))],
    icmp: echoSizes.map((size) => ECHO + size),
    // INIT with the usual parameters of Linux; sctp_make_init in net/sctp/sm_make_chunk.c
    sctp: [12 + 20 + 24, 12 + 20 + 32, 12 + 20 + 40],
  };
  if (size !== undefined) return [size];
  return bodies[protocol].map((body) => header + body);
};

/**
 * What a device adds in front, as the events count it: nothing, Ethernet, 802.1Q; IPIP; VXLAN and Geneve without options over IPv4 as they
 * arrive and as they leave; Geneve with OVN's 8 bytes of options; the same over IPv6.
 */
const ADDED = [0, 14, 18, 20, 34, 50, 64, 58, 72, 70, 84, 78, 92];

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

/** Condition of an event filter (Documentation/trace/events.rst, 5.2; a page at most): a length of ours, bare or carried. Numbers only. */
export const lengthFilter = (lengths: number[]): string =>
  ranges(lengths.flatMap((length) => ADDED.map((added) => Math.trunc(length) + added)))
    .map(([first, last]) => (first === last ? `len==${first}` : `(len>=${first}&&len<=${last})`))
    .join('||');
