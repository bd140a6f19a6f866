import type { Hop } from '../forwarding/hop.ts';
import { linkNamed } from '../forwarding/world.ts';
import type { Sighting, TapResult } from '../probe/observation.ts';
import { dropWords, isOfFew, type ObservedDrop } from './drops/observed.ts';
import type { PacketEnd } from './end.ts';
import type { Evidence, Leg } from './evidence.ts';
import type { Confidence } from './finding.ts';

type Direction = PacketEnd['direction'];

const wants: Record<Direction, Sighting['what'][]> = { there: ['request'], back: ['reply', 'reset'] };

/** The captured packets of one leg in one direction. */
const sightingsOf = ({ taps }: Pick<Evidence, 'taps'>, { probe }: Leg, direction: Direction): Sighting[] =>
  taps
    .flatMap(({ sightings }) => sightings)
    .filter((sighting) => wants[direction].includes(sighting.what) && (sighting.probe === undefined || sighting.probe === probe.request.id));

const isThere = (hop: Hop, sighting: Sighting): boolean =>
  sighting.node === hop.node && sighting.netns === hop.netns && sighting.interface === hop.interface;

/** On a tunnel's underlay leg the packet was seen wrapped, anywhere else bare. */
const isAt = (hop: Hop, sighting: Sighting): boolean => isThere(hop, sighting) && (sighting.outer !== undefined) === (hop.tunnel !== undefined);

/** How many different attempts were seen; without attempt numbers, how many packets at the busiest place. */
const countAttempts = (sightings: Sighting[]): number => {
  const numbered = new Set(sightings.flatMap(({ attempt }) => (attempt === undefined ? [] : [attempt])));
  return numbered.size > 0 ? numbered.size : sightings.length;
};

/** Whether a capture of this place can be believed when it shows nothing. */
const watched = ({ taps }: Pick<Evidence, 'taps'>, hop: Hop): boolean =>
  taps.some((tap) => tap.node === hop.node && tap.netns === hop.netns && reliable(tap));

const reliable = ({ notSeen, dropped, full }: TapResult): boolean => notSeen === undefined && dropped === 0 && full !== true;

/** How many attempts a hop saw; undefined when it was not watched. */
export const seenAt = (evidence: Pick<Evidence, 'taps'>, leg: Leg, direction: Direction, hop: Hop): number | undefined =>
  watched(evidence, hop) ? countAttempts(sightingsOf(evidence, leg, direction).filter((sighting) => isAt(hop, sighting))) : undefined;

/** How many attempts any capture of a node saw, by whichever interface they came. */
const seenOnNode = (evidence: Pick<Evidence, 'taps'>, leg: Leg, direction: Direction, node: string): number =>
  countAttempts(sightingsOf(evidence, leg, direction).filter((sighting) => sighting.node === node));

/** How often a single attempt was seen at a hop: a few times when it is sent again, many times when it runs in a circle. */
export const passesOf = (evidence: Pick<Evidence, 'taps'>, leg: Leg, direction: Direction, hop: Hop): number =>
  Math.max(
    0,
    ...[
      ...Map.groupBy(
        sightingsOf(evidence, leg, direction).filter((sighting) => isAt(hop, sighting)),
        ({ attempt }) => attempt,
      ).values(),
    ].map((group) => group.length),
  );

/** Frames for an unknown address are flooded to every port: being seen there is not getting through. */
const mayBeFlooded = ({ snapshots }: Pick<Evidence, 'snapshots'>, sighting: Sighting): boolean => {
  const netns = snapshots.find(({ node }) => node === sighting.node)?.namespaces.find(({ inode }) => inode === sighting.netns);
  return linkNamed(netns, sighting.interface)?.master !== undefined;
};

/** Sightings at places the model says the packet never reaches. */
const beyond = (evidence: Pick<Evidence, 'taps' | 'snapshots'>, { leg, direction, walk, index, stop }: PacketEnd): Sighting[] => {
  if (stop.reason === 'no-receiver' || stop.reason === 'otherhost') return [];
  const reached = walk.hops.slice(0, index + 1);
  return sightingsOf(evidence, leg, direction).filter(
    (sighting) => !reached.some((hop) => isThere(hop, sighting)) && !mayBeFlooded(evidence, sighting),
  );
};

/** The packet was seen past the place where the model ends it: the packet wins. */
export const contradicted = (evidence: Pick<Evidence, 'taps' | 'snapshots'>, end: PacketEnd): boolean => beyond(evidence, end).length > 0;

/** That a rule did it is certain where the kernel says so, which one only with its name; of few packets alone not even the place is. */
const isToldWhole = ({ leg, hop, stop, culprit }: PacketEnd, drop: ObservedDrop): boolean =>
  !((stop.reason === 'rule' || stop.reason === 'queue') && stop.decidedBy === undefined) &&
  (!isOfFew(leg, drop) || hop.stop !== undefined || culprit?.counted !== undefined);

/** It left the node before and did not come to this one: what would end it here is not what ended it. */
export const neverCame = (evidence: Pick<Evidence, 'taps'>, end: PacketEnd): boolean => {
  const { leg, direction, walk, index, hop } = end;
  const before = walk.hops.slice(0, index + 1).findLastIndex(({ node }) => node !== hop.node);
  const left = walk.hops[before];
  if (!left) return false;
  return (seenAt(evidence, leg, direction, left) ?? 0) > 0 && cameTo(evidence, end, before) === 0;
};

/** How many attempts the captures of the node behind a hop saw; one that was there before may be on its way to it for the second time. */
export const cameTo = (
  evidence: Pick<Evidence, 'taps'>,
  { leg, direction, walk }: Pick<PacketEnd, 'leg' | 'direction' | 'walk'>,
  left: number,
): number | undefined => {
  const arrived = walk.hops[left + 1];
  const seen = arrived && seenAt(evidence, leg, direction, arrived);
  if (!arrived || seen === undefined) return undefined;
  return walk.hops.slice(0, left).some(({ node }) => node === arrived.node) ? seen : seenOnNode(evidence, leg, direction, arrived.node);
};

/** `certain` when the kernel says so of a packet that a capture recognised, or captures saw it right up to the predicted end and nowhere after it. */
export const confidenceIn = (evidence: Pick<Evidence, 'taps' | 'snapshots'>, end: PacketEnd): Confidence => {
  const { leg, direction, walk, index, hop } = end;
  if (end.drop) return isToldWhole(end, end.drop) ? 'certain' : 'likely';
  // A packet that ends on its way out of a device was last seen at the place before.
  const last = hop.direction === 'in' ? hop : walk.hops[index - 1];
  if (neverCame(evidence, end)) return 'possible';
  if (contradicted(evidence, end)) return 'likely';
  if (!last) return watched(evidence, hop) ? 'certain' : 'likely';
  return (seenAt(evidence, leg, direction, last) ?? 0) > 0 ? 'certain' : 'likely';
};

/** `5 of 5 probes were seen on node1 cni0 and none after it`, and what the kernel said of it. */
export const seenWords = (evidence: Pick<Evidence, 'taps'>, end: PacketEnd): string[] => {
  const { leg, direction, walk, index } = end;
  const total = leg.probe.attempts.length;
  if (end.drop) return [dropWords(end.drop, total)];
  const seen = walk.hops
    .slice(0, index + 1)
    .map((hop) => ({ hop, count: seenAt(evidence, leg, direction, hop) }))
    .filter(({ count }) => count !== undefined && count > 0)
    .at(-1);
  return seen ? [`${seen.count} of ${total} probes were seen on ${seen.hop.node} ${seen.hop.interface} and none after it`] : [];
};
