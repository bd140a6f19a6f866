import type { PodFacts } from '../cluster/facts.ts';
import { linkNamed, peerOf, placeAt } from '../forwarding/world.ts';
import type { Draft } from './cause.ts';
import type { PacketEnd } from './end.ts';
import { type Evidence, type Leg, score } from './evidence.ts';
import { confidenceIn, neverCame, seenWords } from './sightings.ts';

/** `default/web-0 → default/db-0 TCP 8080: 0 of 5 answered (timeout)` */
export const probeWords = ({ probe }: Leg): string => {
  const { fromLabel, toLabel, protocol, port } = probe.request;
  return `${fromLabel} → ${toLabel} ${protocol.toUpperCase()}${port === undefined ? '' : ` ${port}`}: ${score(probe)}`;
};

/** The hop of a finding, where it lies on the way that the report shows. */
export const onShownPath = ({ leg, direction, index }: Pick<PacketEnd, 'leg' | 'direction' | 'index'>): Pick<Draft, 'hop'> =>
  direction === 'there' && leg.probe.request.purpose === 'main' ? { hop: index } : {};

interface StopStory {
  title: string;
  evidence: string[];
  fix: string[];
  notes?: string[];
  /** The object at fault, when it is not the interface the packet ends at. */
  place?: { node?: string; interface?: string };
}

/** The finding for a probe that ends where the model says it must. */
export const draftOf = (evidence: Evidence, end: PacketEnd, story: StopStory): Draft => ({
  severity: 'problem',
  confidence: confidenceIn(evidence, end),
  title: story.title,
  ...onShownPath(end),
  place: story.place ?? { node: end.hop.node, ...(end.hop.interface === '' ? {} : { interface: end.hop.interface }) },
  evidence: [
    probeWords(end.leg),
    ...story.evidence,
    ...(end.direction === 'back' ? ['The request arrives; it is the reply that ends here.'] : []),
    ...seenWords(evidence, end),
  ],
  fix: story.fix,
  notes: [
    ...(story.notes ?? []),
    ...(end.drop === undefined && neverCame(evidence, end) ? ['No packet has come that far: this is what would stop it next.'] : []),
  ],
});

/** Whose pod the other end of a node's veth is, with a process inside. */
export const podBehind = (
  evidence: Evidence,
  node: string,
  inode: string | undefined,
  interfaceName: string,
): { pod: PodFacts; pid?: number } | undefined => {
  const place = placeAt(evidence, node, inode ?? '');
  const link = place && linkNamed(place.netns, interfaceName);
  const netns = place?.netns.role === 'pod' ? place.netns : place && link && peerOf(place, link)?.place.netns;
  const pod = evidence.facts.pods.find(({ uid }) => uid === netns?.podUid);
  return pod && netns ? { pod, ...(netns.pid === undefined ? {} : { pid: netns.pid }) } : undefined;
};
