import { parseAddress } from './address.ts';
import type { Found } from './conntrack.ts';
import type { Flight, Frame, Journey } from './flight.ts';
import type { Packet, TcpFlag } from './hop.ts';
import type { Place } from './world.ts';

export type HookName = 'ingress' | 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting' | 'egress';

/** What conntrack says of a packet; `INVALID` also before it was asked (nft_ct.c, xt_conntrack.c). */
export type TrackingState = 'NEW' | 'ESTABLISHED' | 'RELATED' | 'INVALID' | 'UNTRACKED';

export interface Tracking {
  state: TrackingState;
  found?: Found;
  zone: number;
}

/** One crossing of one netns' IP stack: all that a rule can ask about the packet. Rules that change it write here. */
export interface Pass {
  journey: Journey;
  place: Place;
  flight: Flight;
  hook: HookName;
  frame: Frame;
  /** Made by a process here, so that it has an owner. */
  local: boolean;
  iif?: string | undefined;
  oif?: string | undefined;
  /** Address of the next hop, once the route is known. */
  nextHop?: string | undefined;
  bridgeIn?: string | undefined;
  bridgeOut?: string | undefined;
  /** Set while the bridge's own hooks are asked: its name; rules then see ports as interfaces. */
  bridge?: string | undefined;
  tracking: Tracking;
  /** A rule changed what the route was chosen by: the packet as it was then, since what later rules change does not count (ip_route_me_harder). */
  reroute?: Flight;
  /** IPVS picked a real server: the packet is sent there from here. */
  server?: { address: string; forward: string };
}

interface PassInput {
  journey: Journey;
  place: Place;
  flight: Flight;
  frame?: Frame | undefined;
  iif?: string | undefined;
  bridgeIn?: string | undefined;
}

export const startPass = ({ journey, place, flight, frame = {}, iif, bridgeIn }: PassInput): Pass => ({
  journey,
  place,
  flight,
  hook: iif === undefined ? 'output' : 'prerouting',
  frame,
  local: iif === undefined && !flight.carries,
  iif,
  bridgeIn,
  tracking: { state: 'INVALID', zone: 0 },
});

/** A reply or a packet of an established connection is no SYN. */
const isFirst = ({ journey, flight }: Pick<Pass, 'journey' | 'flight'>): boolean =>
  flight.direction === 'request' && journey.options.connection !== 'established';

export const tcpFlagsOf = (pass: Pick<Pass, 'journey' | 'flight'>): TcpFlag[] => {
  if (pass.flight.packet.tcpFlags) return pass.flight.packet.tcpFlags;
  if (isFirst(pass)) return ['SYN'];
  return pass.journey.options.connection === 'established' ? ['ACK'] : ['SYN', 'ACK'];
};

/** ICMP and ICMPv6 number echo differently (RFC 792, RFC 4443). */
export const icmpOf = ({ flight: { packet, direction } }: Pick<Pass, 'flight'>): { type: number; code: number } => {
  if (packet.icmp) return packet.icmp;
  const request = direction === 'request';
  return isV6(packet) ? { type: request ? 128 : 129, code: 0 } : { type: request ? 8 : 0, code: 0 };
};

export const isV6 = ({ destination, source }: Packet): boolean => (parseAddress(destination) ?? parseAddress(source))?.family === 6;
