import type { Link, Route } from '../../node/snapshot.ts';
import type { Flight, Journey, StopDetail } from '../flight.ts';
import { overheadOf } from '../flight.ts';
import type { Packet } from '../hop.ts';
import { isV6 } from '../pass.ts';
import type { Place } from '../world.ts';

/** What a route lets through: its own limit, else the device's (include/net/ip.h ip_dst_mtu_maybe_forward). */
export const mtuOf = (route: Route | undefined, device: Link): number => route?.mtu ?? device.mtu;

/** Keeps the narrowest place of the way, counted in bytes of the innermost packet. */
export const narrow = (journey: Journey, place: Place, device: Link, mtu: number, flight: Flight): void => {
  const bytes = mtu - overheadOf(flight);
  if (mtu <= 0 || (journey.mtu && journey.mtu.bytes <= bytes)) return;
  journey.mtu = { bytes, node: place.snapshot.node, interface: device.name };
};

/** IPv6 is never fragmented on the way; IPv4 not where the sender asked for it, as PMTU discovery does. */
const mayFragment = (packet: Packet): boolean => !isV6(packet) && packet.dontFragment === false;

/** A packet to be forwarded that does not fit: the sender is told (net/ipv4/ip_forward.c, net/ipv6/ip6_output.c), unless it may be cut. */
export const tooBig = ({ packet, whole }: Flight, device: Link, mtu: number): StopDetail | undefined => {
  if (packet.length === undefined || mtu <= 0 || packet.length <= mtu || mayFragment(packet) || whole === true) return undefined;
  return {
    reason: 'too-big',
    message: `${packet.length} bytes do not fit through ${device.name} (MTU ${mtu}); the sender is told by ICMP`,
    facts: { interface: device.name, mtu, length: packet.length, told: 'icmp' },
  };
};

/**
 * What the sender itself puts on a device is cut to fit: into segments, or into fragments, which then may be cut again on their way
 * (net/ipv4/ip_output.c __ip_make_skb sets DF on what fits only).
 */
export const cutToFit = (flight: Flight, mtu: number): void => {
  const { packet } = flight;
  if (packet.length === undefined || mtu <= 0 || packet.length <= mtu) return;
  const fragmented = packet.protocol !== 'tcp' && !flight.carries;
  if (fragmented) flight.pieces = largestPiece(packet, mtu);
  flight.packet = { ...packet, length: mtu, ...(fragmented ? { dontFragment: false } : {}) };
};

/** Data is cut in units of eight bytes; IPv6 has a header for it (RFC 791, RFC 8200 4.5). */
const largestPiece = (packet: Packet, mtu: number): number => {
  const header = isV6(packet) ? 48 : 20;
  return header + Math.floor((mtu - header) / 8) * 8;
};

/**
 * Where connections are tracked fragments are put together, and br_netfilter cuts them anew, by the MTU of the bridge and no larger than they
 * came: those that came larger are dropped, of IPv6 with a word to the sender (br_nf_dev_queue_xmit, br_nf_ip_fragment, ip6_fragment).
 */
export const piecesTooBig = ({ packet, pieces = 0 }: Flight, bridge: Link, port: Link): StopDetail | undefined => {
  if (pieces <= bridge.mtu) return silentlyTooBig({ packet: { ...packet, length: pieces } }, port);
  return {
    reason: 'too-big',
    message: `fragments of ${pieces} bytes are put together for the rules of ${bridge.name} and do not fit its MTU of ${bridge.mtu} again`,
    facts: { interface: bridge.name, mtu: bridge.mtu, length: pieces, told: isV6(packet) ? 'icmp' : 'nobody' },
  };
};

/**
 * What br_netfilter showed to the rules of IP and does not fit the port is cut by the MTU of the bridge. IPv4 that may not be cut is dropped
 * without a word (br_nf_ip_fragment), of IPv6 the sender is told what fits the bridge, and of the port alone nobody (ip6_fragment).
 */
export const cutOnBridge = (flight: Flight, bridge: Link, port: Link): StopDetail | undefined => {
  const { packet } = flight;
  if (packet.length === undefined || port.mtu <= 0 || packet.length <= port.mtu) return undefined;
  if (isV6(packet)) return tooBig(flight, port, bridge.mtu) ?? unheard(packet.length, port);
  if (!mayFragment(packet)) return unheard(packet.length, port);
  cutToFit(flight, bridge.mtu);
  return silentlyTooBig(flight, port);
};

/** A frame too long for the device that should take it is dropped without a word (net/core/dev.c is_skb_forwardable: 4 bytes more for a VLAN tag). */
export const silentlyTooBig = ({ packet }: Pick<Flight, 'packet'>, device: Link): StopDetail | undefined =>
  packet.length === undefined || device.mtu <= 0 || packet.length <= device.mtu + 4 ? undefined : unheard(packet.length, device);

const unheard = (length: number, { name, mtu }: Link): StopDetail => ({
  reason: 'too-big',
  message: `${length} bytes are more than ${name} takes (MTU ${mtu}); nobody is told`,
  facts: { interface: name, mtu, length, told: 'nobody' },
});
