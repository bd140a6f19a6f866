import { sameAddress } from '../../src/forwarding/address.ts';
import type { Hop, StopReason } from '../../src/forwarding/hop.ts';
import type { World } from '../../src/forwarding/world.ts';
import type { Case, Probe } from './case.ts';
import { closedPort } from './generate/services.ts';
import type { Attempt, Sighting, What } from './observe.ts';
import { type Branch, type Leg, spaceAt } from './predict.ts';

/** In what the model and the kernel differ: the later, the nearer they were. */
const aspects = ['crash', 'outcome', 'receiver', 'translation', 'place', 'signal', 'reply outcome', 'reply translation', 'reply place'] as const;

export type Aspect = (typeof aspects)[number];

export interface Difference {
  aspect: Aspect;
  /** In words, what the model said and what was seen. */
  predicted: string;
  seen: string;
}

export type Verdict = { kind: 'agree' } | { kind: 'unknown'; reasons: string[] } | ({ kind: 'disagree'; attempt: number } & Difference);

/** Holds every attempt of a probe against every branch that the model allows: one that fits is enough. */
export const compare = (subject: Case, world: World, probe: Probe, branches: Branch[], attempts: Attempt[]): Verdict => {
  const reasons = branches.flatMap(({ request, reply }) => [...doubts(request), ...(reply ? doubts(reply) : [])]);
  if (reasons.length > 0) return { kind: 'unknown', reasons: [...new Set(reasons)] };
  for (const [index, attempt] of attempts.entries()) {
    const differences = branches.map((branch) => differenceOf({ subject, world, probe, branch, attempt }));
    if (differences.includes(undefined)) continue;
    const [nearest] = differences.flatMap((difference) => difference ?? []).sort((a, b) => aspects.indexOf(b.aspect) - aspects.indexOf(a.aspect));
    if (nearest) return { kind: 'disagree', attempt: index, ...nearest };
  }
  return { kind: 'agree' };
};

const doubts = ({ outcome, unsure, hops }: Leg): string[] => {
  if (outcome !== 'unknown') return unsure;
  return unsure.length > 0 ? unsure : [`nothing is known behind ${hops.at(-1)?.interface ?? 'the start'}`];
};

interface Pair {
  subject: Case;
  world: World;
  probe: Probe;
  branch: Branch;
  attempt: Attempt;
}

const differenceOf = (pair: Pair): Difference | undefined => {
  const { request, reply } = pair.branch;
  return (
    compareOutcome(pair) ??
    compareTranslation('translation', request, sightingsOf(pair, ['request'])) ??
    comparePlaces('place', pair, request, ['request']) ??
    compareSignal(pair, request) ??
    (reply && request.outcome === 'delivered' ? compareReply(pair, reply) : undefined)
  );
};

const sightingsOf = ({ attempt }: Pair, whats: What[]): Sighting[] => attempt.sightings.filter(({ what }) => whats.includes(what));

const receivers = (sightings: Sighting[]): string[] => [
  ...new Set(sightings.flatMap(({ kind, space, depth }) => (kind === 'delivered' && depth === 0 ? space : []))),
];

const compareOutcome = (pair: Pair): Difference | undefined => {
  const { request } = pair.branch;
  const outside = pair.subject.spaces.find(({ role }) => role === 'outside')?.name ?? '';
  const seen = sightingsOf(pair, ['request']);
  const got = receivers(seen);
  const left = seen.some(({ space }) => space === outside);
  const words = describeSeen(pair.attempt, got);
  const differ = (aspect: Aspect): Difference => ({ aspect, predicted: describeLeg(request), seen: words });
  if (request.outcome === 'left') return left || (got.length === 0 && isSilent(pair, request.hops.at(-1))) ? undefined : differ('outcome');
  if (request.outcome === 'stopped') return got.length === 0 ? undefined : differ('outcome');
  if (got.length === 0) return differ('outcome');
  return request.end !== undefined && got.includes(request.end) ? undefined : differ('receiver');
};

/** Nobody out there answers for the next hop: who is there, no snapshot tells. */
const isSilent = ({ world, attempt }: Pair, hop: Hop | undefined): boolean =>
  hop !== undefined && attempt.silences.includes(`${spaceAt(world, hop.node, hop.netns ?? '')}/${hop.interface}`);

const describeLeg = ({ outcome, end, arrived, hops }: Leg): string => {
  const last = hops.at(-1);
  if (outcome === 'delivered') return `delivered to ${end} as ${arrived ? packetWords(arrived) : '?'}`;
  const at = last ? `at ${last.where} ${last.interface} ${last.direction}` : 'at once';
  return last?.stop ? `stopped ${at}: ${last.stop.reason}, ${last.stop.message}` : `${outcome} ${at}`;
};

const describeSeen = (attempt: Attempt, got: string[]): string => {
  const way = attempt.sightings.filter(({ what }) => what === 'request').map(({ space, link = 'process', kind }) => `${space}/${link} ${kind}`);
  const noise = signalsOf(attempt);
  return [got.length > 0 ? `delivered to ${got.join(', ')}` : 'not delivered', ...noise, `seen: ${way.join(', ') || 'nowhere'}`].join('; ');
};

type Ends = Pick<Sighting, 'source' | 'destination'> & { sourcePort?: number; destinationPort?: number };

const packetWords = ({ source, sourcePort, destination, destinationPort }: Ends): string =>
  `${source}:${sourcePort ?? ''} → ${destination}:${destinationPort ?? ''}`;

/** Addresses and the port of who was asked, as the receiver sees them; the asker's own port may be anything after SNAT. */
const compareTranslation = (aspect: Aspect, { outcome, arrived, end }: Leg, seen: Sighting[]): Difference | undefined => {
  if (outcome !== 'delivered' || !arrived) return undefined;
  const got = seen.filter(({ kind, space, depth }) => kind === 'delivered' && space === end && depth === 0);
  const isReply = aspect === 'reply translation';
  const fits = got.some(
    ({ source, sourcePort, destination, destinationPort }) =>
      sameAddress(source, arrived.source) &&
      sameAddress(destination, arrived.destination) &&
      (arrived.protocol === 'icmp' || (isReply ? arrived.sourcePort === sourcePort : arrived.destinationPort === destinationPort)),
  );
  return fits ? undefined : { aspect, predicted: packetWords(arrived), seen: got.map(packetWords).join(', ') };
};

/** Every device that the packet passes must have seen it, with these addresses; and where it ends, nothing may have seen it beyond. */
const comparePlaces = (aspect: Aspect, pair: Pair, leg: Leg, whats: What[]): Difference | undefined => {
  const { world } = pair;
  const seen = sightingsOf(pair, whats);
  const unanswered = leg.outcome === 'left' && isSilent(pair, leg.hops.at(-1));
  const expected = leg.hops
    .slice(0, unanswered ? -1 : undefined)
    .filter(isSeen)
    .map((hop) => placeOf(world, hop));
  for (const place of expected) {
    const here = seen.filter((sighting) => isAt(sighting, place));
    const fits = here.some(
      ({ source, destination }) => sameAddress(source, place.hop.packet.source) && sameAddress(destination, place.hop.packet.destination),
    );
    if (!fits)
      return {
        aspect,
        predicted: `${placeWords(place)} as ${packetWords(place.hop.packet)}`,
        seen: here.map(packetWords).join(', ') || describeSeen(pair.attempt, receivers(seen)),
      };
  }
  if (leg.outcome !== 'stopped') return undefined;
  const last = leg.hops.at(-1);
  if (last?.stop?.reason === 'no-neighbour' && !isSilent(pair, last))
    return { aspect, predicted: describeLeg(leg), seen: `no neighbour of ${last.interface} was silent` };
  const spaces = new Set(leg.hops.map((hop) => spaceAt(world, hop.node, hop.netns ?? '')));
  const beyond = seen.find(({ space, kind, depth }) => kind === 'in' && depth === 0 && !spaces.has(space));
  return beyond && { aspect, predicted: describeLeg(leg), seen: `${beyond.space}/${beyond.link} in` };
};

interface ExpectedPlace {
  hop: Hop;
  space: string;
  depth: number;
  kinds: Sighting['kind'][];
}

const placeOf = (world: World, hop: Hop): ExpectedPlace => ({
  hop,
  space: spaceAt(world, hop.node, hop.netns ?? ''),
  depth: hop.tunnel ? 1 : 0,
  kinds: hop.direction === 'out' ? ['out'] : hop.stop?.reason === 'otherhost' ? ['overheard', 'in'] : ['in', 'overheard'],
});

const placeWords = ({ space, hop, depth }: ExpectedPlace): string => `${space}/${hop.interface} ${hop.direction}${depth > 0 ? ' in a tunnel' : ''}`;

const isAt = (sighting: Sighting, { space, hop, depth, kinds }: ExpectedPlace): boolean =>
  sighting.space === space && sighting.link === hop.interface && sighting.depth === depth && kinds.includes(sighting.kind);

/** Stops that come before a capture on the device would see the packet leave. */
const beforeTheDevice: ReadonlySet<StopReason> = new Set([
  'link-down',
  'no-carrier',
  'no-device',
  'no-route',
  'blackhole',
  'unreachable',
  'prohibit',
  'no-neighbour',
  'bridge-port',
  'rule',
  'policy',
  'reject',
]);

const isSeen = ({ interface: device, direction, stop }: Hop): boolean =>
  device !== '' && !(direction === 'out' && stop && beforeTheDevice.has(stop.reason));

const signalsOf = ({ errno, sightings }: Attempt): string[] => [
  ...(errno === 0 ? [] : [`errno ${errno}`]),
  ...new Set(
    sightings.flatMap(({ what, icmp }) => (what === 'error of request' ? `ICMP ${icmp?.type}/${icmp?.code}` : what === 'refusal' ? 'reset' : [])),
  ),
];

/** Stops that the kernel keeps to itself. */
const silent: ReadonlySet<StopReason> = new Set([
  'rule',
  'policy',
  'reverse-path',
  'martian-source',
  'otherhost',
  'blackhole',
  'forwarding-off',
  'bridge-port',
  'no-fdb',
  'link-down',
]);

const compareSignal = ({ attempt }: Pair, { outcome, hops }: Leg): Difference | undefined => {
  const stop = hops.at(-1)?.stop;
  if (outcome !== 'stopped' || !stop) return undefined;
  const signals = signalsOf({ ...attempt, errno: 0 });
  if (silent.has(stop.reason) && signals.length > 0) return { aspect: 'signal', predicted: `${stop.reason}: silence`, seen: signals.join(', ') };
  if (stop.reason === 'reject' && attempt.errno === 0 && signals.length === 0)
    return { aspect: 'signal', predicted: 'reject: an answer', seen: 'silence' };
  return undefined;
};

const compareReply = (pair: Pair, reply: Leg): Difference | undefined => {
  const { probe } = pair;
  // a closed port of UDP is answered by ICMP
  if (probe.protocol === 'udp' && probe.destinationPort === closedPort) return undefined;
  const whats: What[] = ['reply', 'refusal'];
  const seen = sightingsOf(pair, whats);
  const got = receivers(seen);
  const came = got.includes(probe.from);
  // it comes, but not from whom was asked: for the kernel that is a packet like any other
  const foreign = reply.hops.at(-1)?.stop?.reason === 'not-translated';
  if (came !== (reply.outcome === 'delivered' || foreign)) {
    const way = seen.map(({ space, link = 'process', kind }) => `${space}/${link} ${kind}`);
    return {
      aspect: 'reply outcome',
      predicted: describeLeg(reply),
      seen: `${came ? 'came back' : 'did not come back'}; seen: ${way.join(', ') || 'nowhere'}`,
    };
  }
  return compareTranslation('reply translation', reply, seen) ?? comparePlaces('reply place', pair, reply, whats);
};
