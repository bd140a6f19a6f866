import { sameAddress } from '../forwarding/address.ts';
import type { Hop, Walk } from '../forwarding/hop.ts';
import { answered, type Outcome } from '../probe/probe.ts';
import { duplicateAddresses } from '../topology/duplicates.ts';
import type { Culprit } from './drops/culprit.ts';
import { agrees, endOfDrop } from './drops/end-of-drop.ts';
import type { DropKind } from './drops/meaning.ts';
import { dropWords, isOfFew, type ObservedDrop, observedDrops } from './drops/observed.ts';
import { type Evidence, failingLegs, type Leg, legOf, outcomes, score } from './evidence.ts';
import { type ModelStop, stopOf } from './model-stop.ts';
import { contradicted } from './sightings.ts';
import { unansweredNeighbour } from './unanswered.ts';

/** Where a probe or its reply ends: as the model says, as the kernel says, or as both do. */
export interface PacketEnd {
  leg: Leg;
  walk: Walk;
  direction: 'there' | 'back';
  hop: Hop;
  /** Position in its walk; the walk's length when the packet ended off the predicted way. */
  index: number;
  stop: { reason: DropKind; message: string; decidedBy?: string; facts: Record<string, string> };
  /** The kernel's own word for it. */
  drop?: ObservedDrop;
  /** The rule whose counter rose. */
  culprit?: Culprit;
}

/** Ways to fail that somebody answered: a silent loss cannot look like them. */
const spoken = new Set<Outcome>(['refused', 'reset']);

/** Stops that tell the sender. */
const tells = new Set<DropKind>(['reject', 'no-route', 'unreachable', 'prohibit', 'blackhole', 'not-translated', 'kept']);

/** A prediction that the probes of this leg did not refute. */
const believable = (evidence: Evidence, leg: Leg, stop: ModelStop): boolean => {
  if (answered(leg.probe) > 0) return false;
  if (!tells.has(stop.stop.reason) && outcomes(leg.probe).every((outcome) => spoken.has(outcome))) return false;
  return !contradicted(evidence, stop);
};

/**
 * Where this leg's packets end: the kernel's own word before the model's, both together where they agree. Its word about few of them does not
 * outweigh what the packets did not refute.
 */
export const endOf = (evidence: Evidence, leg: Leg): PacketEnd | undefined => {
  const predicted = stopOf(evidence, leg);
  const [drop] = observedDrops(evidence, leg);
  const stands = predicted && believable(evidence, leg, predicted) ? predicted : undefined;
  if (drop && !(stands && isOfFew(leg, drop) && !agrees(stands, drop))) return endOfDrop(evidence, leg, drop, predicted);
  if (stands) return stands;
  return answered(leg.probe) === 0 ? unansweredNeighbour(evidence, leg) : undefined;
};

/** Where a failing probe ends, for one of these reasons. */
export const packetEnd = (evidence: Evidence, ...reasons: DropKind[]): PacketEnd | undefined => {
  for (const leg of failingLegs(evidence)) {
    const end = endOf(evidence, leg);
    if (end && reasons.includes(end.stop.reason)) return end;
  }
  return undefined;
};

/** Predicted stops that the packets did not obey: the model is wrong there, and says so. */
export const disagreements = (evidence: Evidence): string[] => [
  ...passedAStop(evidence),
  ...failingLegs(evidence).flatMap((leg) => droppedElsewhere(evidence, leg)),
];

/** Ends that nobody predicts from what was read of a node: then the kernel contradicts nothing. */
const UNFORESEEN = new Set<DropKind>(['tc', 'verdict', 'qdisc', 'xdp', 'checksum', 'socket', 'port-mtu', 'ttl', 'other']);

/** The walk knows the hooks of IP; what devices and bridges filter by themselves is beyond it. */
const isForeseeable = ({ kinds: [first = 'other'], hook }: ObservedDrop): boolean =>
  !UNFORESEEN.has(first) && hook !== 'ingress' && hook !== 'egress' && hook !== 'bridge';

/** The packet did not come as far as the model ends it. */
const isEarlier = ({ walk, index, direction }: ModelStop, { drop, direction: dropped }: ObservedDrop): boolean => {
  if (direction !== dropped) return dropped === 'there';
  const at = walk.hops.findIndex(({ node, netns, interface: name }) => node === drop.node && netns === drop.netns && name === drop.interface);
  return at >= 0 && at <= index;
};

/** The kernel dropped it at another place, or for another reason, than the model ends it. */
const droppedElsewhere = (evidence: Evidence, leg: Leg): string[] => {
  const predicted = stopOf(evidence, leg);
  const [drop] = observedDrops(evidence, leg);
  if (!drop || drop.kinds.includes('no-socket')) return [];
  if (!isForeseeable(drop) && (!predicted || isEarlier(predicted, drop))) return [];
  if (predicted && (agrees(predicted, drop) || predicted.stop.reason === 'loop')) return [];
  // one endpoint of several was followed; what was dropped went to another
  if (!predicted && (leg.there?.choices.length ?? 0) > 0 && answered(leg.probe) > 0) return [];
  // one endpoint of several was followed; this may be where the way to another one ends
  if (predicted && predicted.walk.choices.length > 0 && otherEnds(evidence, leg).some((other) => agrees(other, drop))) return [];
  // a model that knows its limits is not contradicted beyond them
  if (!predicted && [leg.there, leg.back].some((walk) => walk?.outcome === 'unknown')) return [];
  if ([leg.there, leg.back].some(isInDoubt)) return [];
  const { fromLabel, toLabel } = leg.probe.request;
  const model = predicted ? `ends it on ${predicted.hop.node} ${predicted.hop.interface} (${predicted.stop.message})` : 'lets it pass there';
  return [`${fromLabel} → ${toLabel}: ${dropWords(drop, leg.probe.attempts.length)}; the model ${model}`];
};

/** Not everything on its way could be judged, so that it is an example and no forecast. */
const isInDoubt = (walk: Walk | undefined): boolean => walk !== undefined && walk.doubts.length > 0;

const otherEnds = (evidence: Evidence, { probe }: Leg): ModelStop[] =>
  failingLegs(evidence)
    .filter((leg) => leg.probe !== probe)
    .flatMap((leg) => stopOf(evidence, leg) ?? []);

/** It ends in, or after, one of several that hold the address: another one may have answered. */
const mayBeAnothers = ({ snapshots }: Evidence, { leg, direction, hop }: ModelStop): boolean => {
  const { destination } = leg.probe.request;
  const holders = snapshots
    .flatMap(duplicateAddresses)
    .filter(({ address }) => sameAddress(address, destination))
    .flatMap((duplicate) => duplicate.holders);
  return holders.length > 0 && (direction === 'back' || holders.some(({ netns }) => netns === hop.netns));
};

const passedAStop = (evidence: Evidence): string[] =>
  evidence.probes.flatMap((probe) => {
    const end = stopOf(evidence, legOf(evidence, probe));
    if (!end || isInDoubt(end.walk) || (answered(probe) === 0 && !contradicted(evidence, end))) return [];
    // One endpoint of several was followed; the attempts went to others as well.
    if (end.walk.choices.length > 0 && answered(probe) < probe.attempts.length) return [];
    if (mayBeAnothers(evidence, end)) return [];
    const { hop, stop } = end;
    return [
      `${probe.request.fromLabel} → ${probe.request.toLabel}: ${score(probe)}, though ${hop.node} ${hop.interface} should stop it (${stop.message})`,
    ];
  });
