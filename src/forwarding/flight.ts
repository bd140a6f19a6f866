import type { Link } from '../node/snapshot.ts';
import { type Connection, type Tuple, translationOf } from './conntrack.ts';
import type { Decider, Fork } from './fork.ts';
import { choose } from './fork.ts';
import type { Decision, Hop, Outcome, Packet, PathMtu, Stop, StopReason, Translation, TunnelKind } from './hop.ts';
import type { Pass } from './pass.ts';
import type { RouteDecision } from './route/lookup.ts';
import { labelOf, type Place, type World } from './world.ts';

/** The packet under way with what the kernel keeps beside it (struct sk_buff). */
export interface Flight {
  packet: Packet;
  mark: number;
  /** The port that a source translation drew at random: the packet has another than its text says, and which one nobody can foresee. */
  drawn?: 'sourcePort' | 'destinationPort' | undefined;
  /** Bytes of the largest fragment, where its sender cut it. */
  pieces?: number | undefined;
  /** Its fragments were put together on a bridge, and this node cuts it anew wherever it has to be. */
  whole?: boolean | undefined;
  /** Hops left; absent until the packet was sent. */
  ttl?: number;
  direction: 'request' | 'reply';
  /** Inode of the netns whose process sent it, until an IP stack takes it in: its socket goes along (skb->sk). */
  made?: string | undefined;
  /** The route this host forwards it by; a packet that comes round through a tunnel to the host itself keeps it (skb_valid_dst). */
  routed?: Extract<RouteDecision, { kind: 'unicast' }> | undefined;
  /** Set while the packet is the payload's carrier. */
  carries?: Carried;
  /** IPVS sends it on (skb->ipvs_property). */
  viaIpvs?: boolean;
  /** A question on the link for whoever has an address: by ARP, which no rule for IP sees, or by neighbour discovery, which is IP. */
  solicits?: 'arp' | 'nd';
  /** Device that its sender asks the route for, without being bound to it (flowi6_oif). */
  preferred?: string | undefined;
  /** An ICMP error: the packet it is about, as it was where the error was made. */
  about?: Tuple;
}

/** What a tunnel header wraps. */
export interface Carried {
  kind: TunnelKind;
  vni?: number;
  port?: number;
  /** GRE key, or the WireGuard public keys of both ends. */
  key?: string;
  sender?: string;
  inner: Flight;
  /** Of the inner frame, where the tunnel carries Ethernet. */
  frame?: Frame;
  /** Bytes the tunnel adds to the inner L3 packet. */
  overhead: number;
}

/** A packet's Ethernet header as far as it is known. */
export interface Frame {
  to?: string | undefined;
  from?: string | undefined;
  vlan?: number | undefined;
  /** The destination was written down by somebody, and no answer will correct it. */
  fixed?: boolean | undefined;
  /** A question to everybody on the link; `to` is the one whose copy is followed. */
  toAll?: 'multicast' | 'broadcast' | undefined;
  /** It is for somebody out there whose address nobody here knows, and for nobody here. */
  stranger?: boolean | undefined;
  /** Handed to this very host, whatever its destination says (skb->pkt_type PACKET_HOST). */
  own?: boolean | undefined;
  /** Why there is no destination: nobody answers, or it is not known who would. */
  state?: string | undefined;
}

/** What the walk does next; one function in walk.ts's table handles each. */
export type Step =
  /** A local process or a tunnel device hands a packet to the IP stack; `oif` where its socket is bound to a device. */
  | { at: 'output'; place: Place; flight: Flight; oif?: string | undefined }
  /** The IP stack hands a packet to a device; `nextHop` is the address to resolve. */
  | { at: 'transmit'; place: Place; device: Link; flight: Flight; nextHop: string; what: string }
  /** A frame is put on a device. */
  | { at: 'emit'; place: Place; device: Link; flight: Flight; frame: Frame; what: string; nextHop?: string | undefined }
  /** A frame arrives at a device from outside its netns. */
  | { at: 'receive'; place: Place; device: Link; flight: Flight; frame: Frame }
  /** A packet enters the IP stack through a device; with `pass` it went through PREROUTING on its bridge already (ip_sabotage_in). */
  | { at: 'input'; place: Place; device: Link; flight: Flight; frame: Frame; pass?: Pass | undefined }
  /** `device`: where it left for a network that nobody here reads. */
  | { at: 'end'; outcome: Outcome; place?: Place; packet?: Packet; device?: Link };

/** A neighbour entry that a question on the link left behind. */
export interface Learned {
  /** Whose entry it is; absent where it is a stranger's on the link who was asked, such as a router between the nodes. */
  node?: string;
  netns?: string;
  device?: string;
  address: string;
  mac: string;
}

/** Behind which port a bridge saw an address last, or from which remote a VXLAN device did, which is where it sends what is for it. */
export interface Located {
  node: string;
  netns: string;
  bridge: string;
  mac: string;
  port: string;
}

export interface WalkOptions {
  /** Where the kernel picks an endpoint at random, take this one. */
  endpoint?: string;
  /** `established`: a packet of a connection that is under way, for which conntrack has entries wherever it passes. */
  connection?: 'new' | 'established';
  /** What conntrack remembers of the request: a reply is put through these. */
  connections?: Connection[];
  /** Neighbours that the request made known. */
  learned?: Learned[];
  /** Ports that it came in by. */
  located?: Located[];
  /** Ways in each netns' iptables and routing tables followed per walk, before the rest is left unknown. Default 64. */
  budget?: number;
}

/** What the steps of one run write to. */
export interface Journey extends Decider {
  world: World;
  options: WalkOptions;
  hops: Hop[];
  /** Decisions made before the hop they belong to. */
  pending: Decision[];
  /** The packet as the sending process made it, with the source the route chose. */
  sent?: Packet;
  connections: Connection[];
  /** Neighbours that asking or being asked made known on the way. */
  learned: Learned[];
  located: Located[];
  /** What bridges will learn once the question under way is answered. */
  echoes: Located[];
  /** What comes after a step. */
  advance: (step: Exclude<Step, { at: 'end' }>, journey: Journey) => Step;
  choices: Set<string>;
  /** Answers assumed for matches that cannot be judged, so that one packet gets one answer. */
  assumed: Map<string, number>;
  /** Neighbours being asked for: a question that needs its own answer gets none. */
  asking: Set<string>;
  /** Rules looked at so far. */
  work: number;
  /** Nothing beyond here is more than an assumption. */
  opaque: boolean;
  mtu?: PathMtu;
}

/** Made by the kernel itself, for no process: it has no owner, and its route is looked up as root's (sock_net_uid). */
export const isKernels = ({ packet, direction, about, solicits, carries }: Flight): boolean =>
  about !== undefined ||
  solicits !== undefined ||
  carries !== undefined ||
  (direction === 'reply' && (packet.protocol === 'icmp' || packet.tcpFlags?.includes('RST') === true));

/** The flight whose process owns the packet, as it is seen in this netns: a tunnel's packet belongs to who sent what it carries. */
export const ownedFlight = (flight: Flight, netns: string): Flight | undefined => {
  if (flight.carries) return ownedFlight(flight.carries.inner, netns);
  return flight.made === netns && !isKernels(flight) ? flight : undefined;
};

/** A port as rules see it; undefined where it is not known. */
export const portOf = ({ packet, drawn }: Flight, side: 'sourcePort' | 'destinationPort'): number | undefined =>
  drawn === side ? undefined : packet[side];

/** The innermost packet: what both ends talk about. */
export const innermost = (flight: Flight): Packet => (flight.carries ? innermost(flight.carries.inner) : flight.packet);

/** Bytes of all tunnel headers around the innermost packet. */
export const overheadOf = ({ carries }: Flight): number => (carries ? carries.overhead + overheadOf(carries.inner) : 0);

export const translationsOf = ({ connections }: Pick<Journey, 'connections'>): Translation[] =>
  connections.flatMap((connection) => translationOf(connection) ?? []);

export interface HopDetail {
  place: Place;
  device?: Link | undefined;
  direction: 'in' | 'out';
  what: string;
  flight: Flight;
}

export const addHop = (journey: Journey, { place, device, direction, what, flight }: HopDetail): void => {
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
    ...(journey.pending.length > 0 ? { decisions: journey.pending.splice(0) } : {}),
    ...(journey.opaque ? { assumed: true } : {}),
  });
};

/** Adds to what is said of the place the packet is at now. */
export const say = (journey: Journey, ...words: string[]): void => {
  const hop = journey.hops.at(-1);
  const said = words.filter((word) => word !== '');
  if (hop && said.length > 0) hop.what = [hop.what, ...said].filter((word) => word !== '').join(', ');
};

export const joined = (...words: string[]): string => words.filter((word) => word !== '').join(', ');

/** Names an object that decided where the packet is now, or where it will be next. */
export const decided = (journey: Journey, at: 'here' | 'next', decision: Decision): void => {
  const hop = journey.hops.at(-1);
  if (at === 'next') journey.pending.push(decision);
  else if (hop) hop.decisions = [...(hop.decisions ?? []), decision];
};

export const doubt = (hop: Hop | undefined, ...reasons: string[]): void => {
  if (hop && reasons.length > 0) hop.unsure = [...new Set([...(hop.unsure?.split('; ') ?? []), ...reasons])].join('; ');
};

export interface StopDetail {
  reason: StopReason;
  message: string;
  decidedBy?: string | undefined;
  facts?: Record<string, string | number | undefined> | undefined;
  because?: Stop | undefined;
}

/** The packet ends at the last hop said. */
export const stop = (journey: Pick<Journey, 'hops'>, { reason, message, decidedBy, facts = {}, because }: StopDetail): Step => {
  const known = Object.entries(facts).filter((entry): entry is [string, string | number] => entry[1] !== undefined);
  const hop = journey.hops.at(-1);
  if (hop) {
    hop.stop = {
      reason,
      message,
      ...(decidedBy === undefined ? {} : { decidedBy }),
      facts: Object.fromEntries(known.map(([name, value]) => [name, String(value)])),
      ...(because ? { because } : {}),
    };
  }
  return { at: 'end', outcome: 'stopped' };
};

/** Beyond here nothing can be said. */
export const lose = (journey: Journey, reason: string): Step => {
  doubt(journey.hops.at(-1), reason);
  return { at: 'end', outcome: 'unknown' };
};

/** One answer per question and run: asked again, the same fork is not a new one. */
export const assume = (journey: Journey, key: string, fork: Fork): number => {
  const known = journey.assumed.get(key);
  if (known !== undefined) return known;
  const way = choose(journey, fork);
  journey.assumed.set(key, way);
  return way;
};

/** More rules than any real ruleset has on one packet's way: chains that call each other twice and again double with each. */
const MOST_WORK = 3_000_000;

/** Counts one rule; true when enough is enough. */
export const tires = (journey: Journey): boolean => {
  journey.work += 1;
  return journey.work > MOST_WORK;
};
