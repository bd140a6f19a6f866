import { sameAddress } from '../../src/forwarding/address.ts';
import type { Hop, StopReason } from '../../src/forwarding/hop.ts';
import { lookupRoute } from '../../src/forwarding/route/lookup.ts';
import { routeQuery } from '../../src/forwarding/stack/route-query.ts';
import { linkNamed, placeAt, type World } from '../../src/forwarding/world.ts';
import type { Case, Probe } from './case.ts';
import { explanation, tooLong } from './explain.ts';
import { openPorts } from './generate/services.ts';
import type { Attempt, Sighting, What } from './observe.ts';
import { type Branch, type Leg, type Prediction, packetOf, spaceAt } from './predict.ts';

/** In what the model and the kernel differ: the later, the nearer they were. */
const aspects = [
  'crash',
  'outcome',
  'receiver',
  'translation',
  'place',
  'signal',
  'reply outcome',
  'reply translation',
  'reply place',
  'counter',
] as const;

export type Aspect = (typeof aspects)[number];

export interface Difference {
  aspect: Aspect;
  /** In words, what the model said and what was seen. */
  predicted: string;
  seen: string;
}

/** `fitting`: by attempt the branches that it may have taken. */
export type Verdict =
  | { kind: 'agree'; fitting: Branch[][] }
  | { kind: 'unknown'; reasons: string[] }
  /** They differ, in a way that is known and that no table of a node tells about. */
  | { kind: 'explained'; reason: string }
  | ({ kind: 'disagree'; attempt: number } & Difference);

/** Holds every attempt of a probe against every branch that the model allows: one that fits is enough. */
export const compare = (subject: Case, world: World, probe: Probe, { branches, doubts }: Prediction, attempts: Attempt[]): Verdict => {
  if (doubts.length > 0) return { kind: 'unknown', reasons: doubts };
  const fitting: Branch[][] = [];
  for (const [index, attempt] of attempts.entries()) {
    const differences = branches.map((branch) => differenceOf({ subject, world, probe, branch, attempt }));
    if (!differences.includes(undefined))
      return (
        explanation({ subject, world, probe, branches, attempt, before: attempts.slice(0, index) }) ?? {
          kind: 'disagree',
          attempt: index,
          ...nearest(differences),
        }
      );
    // what the system call refuses passes nothing that could count it
    fitting.push(attempt.errno === tooLong ? [] : branches.filter((_, at) => differences[at] === undefined));
  }
  return { kind: 'agree', fitting };
};

const nearest = (differences: (Difference | undefined)[]): Difference =>
  differences.flatMap((difference) => difference ?? []).sort((a, b) => aspects.indexOf(b.aspect) - aspects.indexOf(a.aspect))[0] ?? {
    aspect: 'crash',
    predicted: 'no way at all',
    seen: '',
  };

interface Pair {
  subject: Case;
  world: World;
  probe: Probe;
  branch: Branch;
  attempt: Attempt;
}

/** What may not be cut and does not fit the first device the sender is told by the system call; the model's senders cut to fit. */
const isRefusedAtOnce = ({ world, probe, branch, attempt }: Pair): boolean => {
  const [first] = branch.request.hops;
  const place = first && placeAt(world, first.node, first.netns ?? '');
  if (attempt.errno !== tooLong || !place) return false;
  const packet = packetOf(probe);
  // asked before any rule of OUTPUT sends it elsewhere
  const route = lookupRoute(place.netns, routeQuery({ packet, mark: 0, direction: 'request' }, place));
  const devices = [first.interface, ...(route.kind === 'unicast' ? [route.paths[0].device] : [])];
  return devices.some((name) => (packet.length ?? 0) > (linkNamed(place.netns, name)?.mtu ?? Number.POSITIVE_INFINITY));
};

const differenceOf = (pair: Pair): Difference | undefined => {
  const { request, replies } = pair.branch;
  if (isRefusedAtOnce(pair)) return undefined;
  const there =
    compareOutcome(pair) ??
    compareTranslation('translation', request, sightingsOf(pair, ['request'])) ??
    comparePlaces('place', pair, request, ['request']) ??
    compareSignal(pair);
  if (there || request.outcome !== 'delivered' || replies.length === 0) return there;
  const back = replies.map((reply) => compareReply(pair, reply));
  return back.includes(undefined) ? undefined : nearest(back);
};

const sightingsOf = ({ attempt }: Pair, whats: What[]): Sighting[] => attempt.sightings.filter(({ what }) => whats.includes(what));

const receivers = (sightings: Sighting[]): string[] => [
  ...new Set(sightings.flatMap(({ kind, space, depth }) => (kind === 'delivered' && depth === 0 ? space : []))),
];

const outsideOf = ({ spaces }: Case): string | undefined => spaces.find(({ role }) => role === 'outside')?.name;

const compareOutcome = (pair: Pair): Difference | undefined => {
  const { request } = pair.branch;
  const seen = sightingsOf(pair, ['request']);
  const got = receivers(seen);
  const left = seen.some(({ space }) => space === outsideOf(pair.subject));
  const differ = (aspect: Aspect): Difference => ({ aspect, predicted: describeLeg(request), seen: describeSeen(pair.attempt, got) });
  if (request.outcome === 'left') return left || (got.length === 0 && silentHop(pair, request) >= 0) ? undefined : differ('outcome');
  if (request.outcome === 'stopped') return got.length === 0 ? undefined : differ('outcome');
  if (got.length === 0) return differ('outcome');
  return request.end !== undefined && got.includes(request.end) ? undefined : differ('receiver');
};

/** Nobody out there answers for the next hop: who is there, no snapshot tells. */
const isSilent = ({ world, attempt }: Pair, hop: Hop | undefined): boolean =>
  hop !== undefined && attempt.silences.includes(`${spaceAt(world, hop.node, hop.netns ?? '')}/${hop.interface}`);

/** The sender's own kernel told it so, by lo: host or address unreachable. */
const isGivenUp = ({ world, attempt }: Pair, hop: Hop): boolean =>
  attempt.sightings.some(
    ({ space, link, what, icmp }) =>
      what === 'error of request' &&
      link === 'lo' &&
      space === spaceAt(world, hop.node, hop.netns ?? '') &&
      ['3/1', '1/3'].includes(`${icmp?.type}/${icmp?.code}`),
  );

/** Whether it was asked for whom the model says, as far as that was recorded. */
const isWanted = ({ world, attempt: { wanted } }: Pair, hop: Hop, address = ''): boolean =>
  wanted === undefined ||
  wanted.some((one) => {
    const [place, target = ''] = one.split(' ');
    return place === `${spaceAt(world, hop.node, hop.netns ?? '')}/${hop.interface}` && sameAddress(target, address);
  });

/** Where a packet that left found nobody: at the device it left by, or at the one stacked on that, which asks for the neighbour. */
const silentHop = (pair: Pair, { hops }: Leg): number =>
  hops.findLastIndex((hop, at) => at >= hops.length - 2 && hop.direction === 'out' && isSilent(pair, hop));

const describeLeg = ({ outcome, end, arrived, hops }: Leg): string => {
  const last = hops.at(-1);
  if (outcome === 'delivered') return `delivered to ${end} as ${arrived ? packetWords(arrived) : '?'}`;
  const at = last ? `at ${last.where} ${last.interface} ${last.direction}` : 'at once';
  return last?.stop ? `stopped ${at}: ${last.stop.reason}, ${last.stop.message}` : `${outcome} ${at}`;
};

const describeSeen = (attempt: Attempt, got: string[]): string =>
  [got.length > 0 ? `delivered to ${got.join(', ')}` : 'not delivered', ...signalsOf(attempt), `seen: ${wayOf(attempt.sightings, ['request'])}`].join(
    '; ',
  );

const wayOf = (sightings: Sighting[], whats: What[]): string => {
  const places = sightings.filter(({ what }) => whats.includes(what)).map(({ space, link = 'process', kind }) => `${space}/${link} ${kind}`);
  return [...new Set(places)].join(', ') || 'nowhere';
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
  const silent = leg.outcome === 'left' ? silentHop(pair, leg) : -1;
  const expected = leg.hops
    .slice(0, silent < 0 ? undefined : silent)
    .filter(isSeen)
    .map((hop) => placeOf(world, hop));
  for (const place of expected) {
    const here = seen.filter((sighting) => isAt(sighting, place));
    const { packet } = place.hop;
    if (here.some(({ source, destination }) => sameAddress(source, packet.source) && sameAddress(destination, packet.destination))) continue;
    return {
      aspect,
      predicted: `${placeWords(place)} as ${packetWords(packet)}`,
      seen: here.map(packetWords).join(', ') || describeSeen(pair.attempt, receivers(seen)),
    };
  }
  if (leg.outcome !== 'stopped') return undefined;
  const last = leg.hops.at(-1);
  if (last?.stop?.reason === 'no-neighbour') {
    const { address } = last.stop.facts;
    const silent = isSilent(pair, last) || isGivenUp(pair, last);
    if (!silent || !isWanted(pair, last, address)) {
      return { aspect, predicted: describeLeg(leg), seen: silent ? `nobody asked for ${address}` : `no neighbour of ${last.interface} was silent` };
    }
  }
  const spaces = new Set(leg.hops.map((hop) => spaceAt(world, hop.node, hop.netns ?? '')));
  // from node to node, or on the way to one that does not take it, it crosses what nobody reads
  const crosses = new Set(leg.hops.map(({ node }) => node)).size > 1 || (last?.direction === 'out' && last.stop?.facts.node !== undefined);
  const beyond = seen.find(
    ({ space, kind, depth }) => kind === 'in' && depth === 0 && !spaces.has(space) && !(crosses && space === outsideOf(pair.subject)),
  );
  return beyond && { aspect, predicted: describeLeg(leg), seen: `${beyond.space}/${beyond.link} in` };
};

interface ExpectedPlace {
  hop: Hop;
  space: string;
  depth: number;
  kinds: Sighting['kind'][];
}

/** A bridge's port hears what is for others. */
const placeOf = (world: World, hop: Hop): ExpectedPlace => ({
  hop,
  space: spaceAt(world, hop.node, hop.netns ?? ''),
  depth: hop.tunnel ? 1 : 0,
  kinds: hop.direction === 'out' ? ['out'] : ['in', 'overheard'],
});

const placeWords = ({ space, hop, depth }: ExpectedPlace): string => `${space}/${hop.interface} ${hop.direction}${depth > 0 ? ' in a tunnel' : ''}`;

const isAt = (sighting: Sighting, { space, hop, depth, kinds }: ExpectedPlace): boolean =>
  // a tunnel in a tunnel is a tunnel for the model
  sighting.space === space && sighting.link === hop.interface && sighting.depth > 0 === depth > 0 && kinds.includes(sighting.kind);

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
  'queue',
  'too-big',
  'tc',
  'ttl',
  'martian-destination',
  'no-translation',
]);

/** Nothing comes in by a device that is down. */
const isSeen = ({ interface: device, direction, stop }: Hop): boolean =>
  device !== '' && !(stop && (direction === 'out' ? beforeTheDevice.has(stop.reason) : stop.reason === 'link-down'));

const signalsOf = ({ errno, sightings }: Attempt): string[] => [
  ...(errno === 0 ? [] : [`errno ${errno}`]),
  ...new Set(
    sightings.flatMap(({ what, icmp, depth }) => {
      // an error about a tunnel's outer packet tells the sender nothing
      if (what === 'error of request' && depth === 0) return `ICMP ${icmp?.type}/${icmp?.code}`;
      return what === 'refusal' ? 'reset' : [];
    }),
  ),
];

/** Who is told, and of what. A system call that failed has told the sender already. */
const compareSignal = ({ attempt, branch, probe }: Pair): Difference | undefined => {
  const { request, refusal } = branch;
  const stop = request.hops.at(-1)?.stop;
  if (request.outcome !== 'stopped' || !stop || attempt.errno !== 0) return undefined;
  // what a router out there says, no snapshot can tell
  if (stop.facts.router !== undefined) return undefined;
  const seen = signalsOf(attempt);
  const wanted = refusal && (refusal.what === 'reset' ? 'reset' : `ICMP ${refusal.what.type}/${refusal.what.code}`);
  const differ = (predicted: string): Difference => ({
    aspect: 'signal',
    predicted: `${stop.reason}: ${predicted}`,
    seen: seen.join(', ') || 'silence',
  });
  if (wanted === undefined) return seen.length === 0 ? undefined : differ('silence');
  // where the error finds no way back nothing is seen of it
  if (!seen.includes(wanted)) return seen.length === 0 && !refusal?.arrives ? undefined : differ(wanted);
  const told = attempt.sightings.some(({ what, kind, space }) => what === 'error of request' && kind === 'delivered' && space === probe.from);
  return refusal?.arrives && !told ? differ(`${wanted} that arrives`) : undefined;
};

const compareReply = (pair: Pair, reply: Leg): Difference | undefined => {
  const { probe, attempt } = pair;
  // a closed port of UDP is answered by ICMP
  if (probe.protocol === 'udp' && !openPorts.udp.includes(pair.branch.request.arrived?.destinationPort ?? 0)) return undefined;
  const whats: What[] = ['reply', 'refusal'];
  const seen = sightingsOf(pair, whats);
  const got = receivers(seen);
  // it comes, but not from whom was asked, or to somebody else: for the kernel that is a packet like any other
  const last = reply.hops.at(-1);
  const foreign = last?.stop?.reason === 'not-translated' || last?.stop?.reason === 'astray';
  const end = foreign && last ? spaceAt(pair.world, last.node, last.netns ?? '') : reply.end;
  // whoever has the address out there gets it
  const nowhere = reply.outcome === 'left' ? got.every((space) => space === outsideOf(pair.subject)) : got.length === 0;
  if (reply.outcome === 'delivered' || foreign ? end !== undefined && got.includes(end) : nowhere) {
    return compareTranslation('reply translation', reply, seen) ?? comparePlaces('reply place', pair, reply, whats);
  }
  return {
    aspect: 'reply outcome',
    predicted: describeLeg(reply),
    seen: `${got.length > 0 ? `came to ${got.join(', ')}` : 'did not come back'}; seen: ${wayOf(attempt.sightings, whats)}`,
  };
};
