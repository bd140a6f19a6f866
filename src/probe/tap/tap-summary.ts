import type { Sighting, TapResult } from '../observation.ts';

/** One place a probe was seen at. The same device can carry it plain and encapsulated, these are two places. */
export interface TapPlace {
  node: string;
  netns: string;
  interface: string;
  direction: 'in' | 'out';
  /**
   * Some frame had another MAC as its destination (PACKET_OTHERHOST). That is normal at a bridge port, whose bridge has the MAC, and on
   * Cilium's tunnel device; where an interface should have been the end of the way, the packet was dropped there.
   */
  otherHost: boolean;
  tunnel?: NonNullable<Sighting['outer']>['kind'];
  /** The packet around it, of the first that was seen wrapped. */
  outer?: NonNullable<Sighting['outer']>;
  /** Attempt → seconds on that node's clock when it was first seen here. */
  requests: Map<number, number>;
  replies: Map<number, number>;
  resets: Map<number, number>;
  errors: Map<number, number>;
  /** Attempt → the packet as it was seen here, translated or not; an answer in the second map. */
  requestPackets: Map<number, Sighting['packet']>;
  answerPackets: Map<number, Sighting['packet']>;
}

const COLUMN = { request: 'requests', reply: 'replies', reset: 'resets', 'icmp-error': 'errors' } as const;

const wayOf = ({ direction }: Sighting): TapPlace['direction'] => (direction === 'out' ? 'out' : 'in');

const placeKey = (sighting: Sighting): string =>
  [sighting.node, sighting.netns, sighting.interface, wayOf(sighting), sighting.outer?.kind ?? ''].join(' ');

const emptyPlace = (sighting: Sighting): TapPlace => ({
  node: sighting.node,
  netns: sighting.netns,
  interface: sighting.interface,
  direction: wayOf(sighting),
  otherHost: false,
  ...(sighting.outer ? { tunnel: sighting.outer.kind, outer: sighting.outer } : {}),
  requests: new Map(),
  replies: new Map(),
  resets: new Map(),
  errors: new Map(),
  requestPackets: new Map(),
  answerPackets: new Map(),
});

/** Where each attempt of one probe was seen, places in the order in which their node first saw something of it. Retransmissions count once. */
export const tapSummary = (results: TapResult[], probe: string): TapPlace[] => {
  const places = new Map<string, TapPlace>();
  for (const sighting of results.flatMap((result) => result.sightings)) {
    if (sighting.probe !== probe || sighting.attempt === undefined || sighting.icmpError?.aboutReply) continue;
    const key = placeKey(sighting);
    const place = places.get(key) ?? emptyPlace(sighting);
    places.set(key, place);
    if (sighting.direction === 'peer') place.otherHost = true;
    const packets = sighting.what === 'request' ? place.requestPackets : place.answerPackets;
    if (!packets.has(sighting.attempt)) packets.set(sighting.attempt, sighting.packet);
    const column = place[COLUMN[sighting.what]];
    column.set(sighting.attempt, Math.min(sighting.time, column.get(sighting.attempt) ?? Number.POSITIVE_INFINITY));
  }
  return [...places.values()];
};
