/**
 * What makes the packets of one netdoctor session its own, so that a capture can tell them from everything else and from another user's
 * session. Payloads start with the cookie, TCP and UDP source ports come from the session's block of 256, DNS ids from its block of 256.
 */
export interface SessionMark {
  /** 16 bits; random per session. */
  readonly number: number;
  /** Number of the next request, 8 bits, then over again. */
  nextRequest: () => number;
  /** First of `count` source ports in a row, modulo the block. */
  nextPort: (count: number) => number;
}

/** 61440…65535 lies above Linux's default ip_local_port_range (32768–60999), so no other program is given these ports by connect(). */
const PORT_FLOOR = 0xf000;

/** Blocks are 256 wide, so one byte of the port number names the block and a capture filter needs one comparison. */
export const portBlock = (number: number): number => PORT_FLOOR | ((number & 0x0f) << 8);

/** `nd` and the session number: 4 bytes at the start of each payload. */
export const cookieOf = (number: number): number => (0x6e640000 | number) >>> 0;

/** High byte of the ids of this session's DNS queries; the low byte is the source port's. */
export const dnsIdBlock = (number: number): number => ((number >> 8) ^ number) & 0xff;

export const cookieHex = (number: number): string => cookieOf(number).toString(16).padStart(8, '0');

export const hexByte = (value: number): string => (value & 0xff).toString(16).padStart(2, '0');

export const createSessionMark = (number = Math.floor(Math.random() * 0x10000)): SessionMark => {
  let requests = 0;
  // another session with the same block, minutes ago, must not have left its connections under the very same ports: behind a Service's
  // translation conntrack would drop the first packet of ours for a clash with theirs
  let ports = (number >> 4) & 0xff;
  return {
    number: number & 0xffff,
    nextRequest: () => requests++ & 0xff,
    nextPort: (count) => {
      const first = ports;
      ports = (ports + count) & 0xff;
      return portBlock(number) + first;
    },
  };
};
