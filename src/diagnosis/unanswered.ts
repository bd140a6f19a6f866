import type { Hop } from '../forwarding/hop.ts';
import { labelOf, placeAt } from '../forwarding/world.ts';
import type { AddressClaim } from '../probe/observation.ts';
import type { PacketEnd } from './end.ts';
import type { Evidence, Leg } from './evidence.ts';
import { DIRECTIONS } from './evidence.ts';
import { seenAt } from './sightings.ts';

const claimsAt = ({ taps }: Evidence, { node, netns }: Hop): AddressClaim[] =>
  taps.filter((tap) => tap.node === node && tap.netns === netns).flatMap(({ claims = [] }) => claims);

/** The first place on the way that the captures watched and that no probe passed. */
const firstUnseen = (evidence: Evidence, leg: Leg, direction: PacketEnd['direction']): { hop: Hop; index: number } | undefined => {
  const hops = leg[direction]?.hops ?? [];
  const index = hops.findIndex((hop) => seenAt(evidence, leg, direction, hop) === 0);
  const hop = hops[index];
  return hop && { hop, index };
};

/** Where the question was seen to come in: whoever holds the address heard it. */
const heardBy = (evidence: Evidence, address: string): string[] =>
  evidence.taps.flatMap(({ node, netns, claims = [] }) => {
    const place = placeAt(evidence, node, netns);
    const heard = claims.find((claim) => claim.what === 'who-has' && claim.address === address && claim.direction === 'in');
    const holds = place?.netns.links.some((link) => link.name === heard?.interface && link.addresses.some((own) => own.address === address));
    return heard && place && holds ? [`${heard.interface} of ${labelOf(place, evidence)} on ${node}`] : [];
  });

/**
 * Packets wait in a device for the MAC of their next hop and no capture sees them until somebody has answered (neigh_resolve_output in
 * net/core/neighbour.c). What captures see are the questions.
 */
export const unansweredNeighbour = (evidence: Evidence, leg: Leg): PacketEnd | undefined => {
  for (const direction of DIRECTIONS) {
    const walk = leg[direction];
    const found = firstUnseen(evidence, leg, direction);
    if (!walk || !found) continue;
    const { hop, index } = found;
    const claims = claimsAt(evidence, hop);
    const asked = claims.filter((claim) => claim.what === 'who-has' && claim.interface === hop.interface && claim.direction === 'out');
    const silent = asked.filter(({ address }) => !claims.some((claim) => claim.what === 'is-at' && claim.address === address));
    const [first] = silent;
    if (hop.direction !== 'out' || !first) return undefined;
    const { address } = first;
    const questions = silent.filter((claim) => claim.address === address).length;
    const heard = heardBy(evidence, address);
    const where = heard.length > 0 ? `, though they came in by ${heard.join(' and ')}` : '';
    const message = `nobody answered ${questions} ${questions === 1 ? 'question' : 'questions'} for the MAC of ${address} that went out of ${hop.interface}${where}`;
    return { leg, walk, direction, hop, index, stop: { reason: 'no-neighbour', message, facts: { interface: hop.interface, address } } };
  }
  return undefined;
};
