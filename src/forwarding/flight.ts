import type { Link } from '../node/snapshot.ts';
import type { Hop, Packet, StopReason, Translation } from './hop.ts';
import type { Pass } from './pass.ts';
import { labelOf, type Place, placeKey, type World } from './world.ts';

/** The packet under way with what the kernel keeps beside it (struct sk_buff). */
export interface Flight {
  packet: Packet;
  mark: number;
  /** What conntrack says where the packet is now is asked per netns; this says which direction of the flow it is. */
  direction: 'request' | 'reply';
  /** Set while the packet is the payload's carrier. */
  carries?: Carried;
}

/** What a tunnel header wraps. */
export interface Carried {
  kind: 'vxlan' | 'ipip';
  vni?: number;
  port?: number;
  inner: Flight;
  /** Link-level destination of the inner frame, where it is known. */
  innerMac?: string;
}

/** What the walk does next; one function in walk.ts's table handles each. */
export type Step =
  /** A local process or a tunnel device hands a packet to the IP stack. */
  | { at: 'output'; place: Place; flight: Flight }
  /** The IP stack hands a packet to a device; `nextHop` is the address to resolve. */
  | { at: 'transmit'; place: Place; device: Link; flight: Flight; nextHop: string; what: string }
  /** A frame arrives at a device from outside its netns. */
  | { at: 'receive'; place: Place; device: Link; flight: Flight; mac?: string }
  /** A packet enters the IP stack through a device; with `pass` it went through PREROUTING on its bridge already (ip_sabotage_in). */
  | { at: 'input'; place: Place; device: Link; flight: Flight; bridgePort?: string; pass?: Pass }
  | { at: 'end'; outcome: 'delivered' | 'stopped' | 'left' | 'unknown'; place?: Place };

export interface WalkOptions {
  /** Where the kernel picks an endpoint at random, take this one. */
  endpoint?: string;
  /** Translations the request left behind: a reply is translated back by them. */
  translations?: Translation[];
  /** `node/inode` whose conntrack saw the request. */
  tracked?: string[];
}

/** What the steps of one walk write to. */
export interface Journey {
  world: World;
  options: WalkOptions;
  hops: Hop[];
  /** The packet as the sending process made it, with the source the route chose. */
  sent?: Packet;
  translations: Translation[];
  tracked: Set<string>;
  choices: Set<string>;
}

/** The innermost packet: what both ends talk about. */
export const innermost = (flight: Flight): Packet => (flight.carries ? innermost(flight.carries.inner) : flight.packet);

export interface HopDetail {
  place: Place;
  device?: Link | undefined;
  direction: 'in' | 'out';
  what: string;
  flight: Flight;
  unsure?: string | undefined;
}

export const addHop = (journey: Journey, { place, device, direction, what, flight, unsure }: HopDetail): void => {
  const { carries, packet } = flight;
  journey.hops.push({
    node: place.snapshot.node,
    netns: place.netns.inode,
    where: labelOf(place, journey.world),
    interface: device?.name ?? '',
    ...(device ? { ifindex: device.ifindex } : {}),
    direction,
    what,
    packet: innermost(flight),
    ...(carries
      ? {
          tunnel: {
            kind: carries.kind,
            ...(carries.vni === undefined ? {} : { vni: carries.vni }),
            ...(carries.port === undefined ? {} : { port: carries.port }),
            local: packet.source,
            remote: packet.destination,
          },
        }
      : {}),
    ...(unsure === undefined ? {} : { unsure }),
  });
};

/** Adds to what is said of the place the packet is at now. */
export const say = (journey: Journey, ...words: string[]): void => {
  const hop = journey.hops.at(-1);
  const said = words.filter((word) => word !== '');
  if (hop && said.length > 0) hop.what = [hop.what, ...said].filter((word) => word !== '').join(', ');
};

export const doubt = (journey: Journey, ...reasons: string[]): void => {
  const hop = journey.hops.at(-1);
  if (hop && reasons.length > 0) hop.unsure = [hop.unsure, ...reasons].filter((reason) => reason !== undefined).join('; ');
};

export interface StopDetail {
  reason: StopReason;
  message: string;
  decidedBy?: string | undefined;
  facts?: Record<string, string | number | undefined> | undefined;
}

/** The packet ends at the last hop said. */
export const stop = (journey: Pick<Journey, 'hops'>, { reason, message, decidedBy, facts = {} }: StopDetail): Step => {
  const known = Object.entries(facts).filter((entry): entry is [string, string | number] => entry[1] !== undefined);
  const hop = journey.hops.at(-1);
  if (hop) {
    hop.stop = {
      reason,
      message,
      ...(decidedBy === undefined ? {} : { decidedBy }),
      facts: Object.fromEntries(known.map(([name, value]) => [name, String(value)])),
    };
  }
  return { at: 'end', outcome: 'stopped' };
};

/** Beyond here nothing can be said. */
export const lose = (journey: Journey, reason: string): Step => {
  doubt(journey, reason);
  return { at: 'end', outcome: 'unknown' };
};

export const remember = (journey: Journey, place: Place): void => {
  journey.tracked.add(placeKey(place));
};
