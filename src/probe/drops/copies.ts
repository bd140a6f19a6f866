import type { FreeEvent } from './parse-trace.ts';

/**
 * Who listens with a raw or a packet socket is given a copy, and what becomes of the copy says nothing about the packet: a ping takes replies to
 * itself only (its filter frees all others), a capture loses what it is too slow for (net/ipv4/raw.c, net/ipv6/raw.c, net/packet/af_packet.c).
 */
export const COPY_FOR_SOCKETS = /^(packet_rcv|tpacket_rcv|packet_rcv_spkt|raw_rcv|raw_local_deliver|rawv6_rcv|raw_v4_input|raw6_local_deliver)/;

/** A socket's filter and its queue stand between what freed it and who made the copy. */
export const isCopy = ({ location, stack }: Pick<FreeEvent, 'location' | 'stack'>): boolean =>
  [location, ...stack.slice(0, 4)].some((name) => COPY_FOR_SOCKETS.test(name));
