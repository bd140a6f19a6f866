import type { Hop, Packet } from '../forwarding/hop.ts';
import type { TapPlace } from '../probe/tap/tap-summary.ts';

/** Which way a walk goes, as captures tell it. */
export type Leg = 'there' | 'back';

/** A tunnel's underlay leg is where the packet was seen wrapped, any other hop where it was seen bare. libpcap shows what loops back only once, as incoming. */
export const isAt = (place: TapPlace, hop: Hop): boolean =>
  place.node === hop.node &&
  place.netns === hop.netns &&
  place.interface === hop.interface &&
  (place.direction === hop.direction || hop.interface === 'lo') &&
  (place.tunnel !== undefined) === (hop.tunnel !== undefined);

/** Attempt → seconds when it was first seen; on the way back a refusal counts as much as an answer. */
export const timesOf = (place: TapPlace | undefined, leg: Leg): Map<number, number> => {
  if (!place) return new Map();
  return leg === 'there' ? place.requests : new Map([...place.errors, ...place.resets, ...place.replies]);
};

/** Attempt → the packet as it was seen there. */
export const packetsOf = (place: TapPlace | undefined, leg: Leg): Map<number, Packet> =>
  place ? (leg === 'there' ? place.requestPackets : place.answerPackets) : new Map();
