import { cookieOf, portBlock } from '../live/session-mark.ts';

/**
 * nft match expressions that pass this session's probes and their answers and nothing else: TCP by the source port block, UDP and ICMP by the
 * cookie (at payload byte 0, and behind ping's time stamp). Numbers only. A TCP probe whose port a masquerade changed is not recognised.
 */
export const traceMatches = (mark: number): string[] => {
  const first = portBlock(mark);
  const block = `${first}-${first + 255}`;
  const cookie = `0x${cookieOf(mark).toString(16)}`;
  return [
    `meta l4proto tcp tcp sport ${block}`,
    `meta l4proto tcp tcp dport ${block}`,
    `meta l4proto sctp sctp sport ${block}`,
    `meta l4proto udp @th,64,32 ${cookie}`,
    `meta l4proto { icmp, ipv6-icmp } @th,192,32 ${cookie}`,
  ];
};
