import { labelOf, linkNamed, type Place, placeAt, type World } from '../forwarding/world.ts';
import type { Sighting, TapResult } from '../probe/observation.ts';
import type { ProbeResult } from '../probe/probe.ts';

/** Where answers of one kind came from: the first place of their way that a capture saw. */
export interface Answer {
  what: 'reply' | 'reset' | 'icmp-error';
  /** How many attempts were answered so. */
  attempts: number;
  node: string;
  netns: string;
  where: string;
  interface: string;
  /** `sent`: this namespace itself sent it; `arrived`: it came in there from something that no capture covers. */
  how: 'sent' | 'arrived';
  /** Link-level sender of what arrived. */
  mac?: string;
  /** `pod default/web-0 eth0`: whose MAC that is, where one of the interfaces read has it. */
  owner?: string;
  /** Who signed an ICMP error, and what it says. */
  icmp?: NonNullable<Sighting['icmpError']>;
}

const KINDS = new Set<Sighting['what']>(['reply', 'reset', 'icmp-error']);

const isAnswer = (sighting: Sighting): sighting is Sighting & { what: Answer['what'] } =>
  KINDS.has(sighting.what) && sighting.icmpError?.aboutReply !== true;

/** Clocks of two nodes are not compared: an answer starts on the node that is farthest from who asked. */
const originOf = (sightings: Sighting[], asker: string): Sighting | undefined => {
  const away = sightings.filter(({ node }) => node !== asker);
  const nodes = [...new Set((away.length > 0 ? away : sightings).map(({ node }) => node))];
  return sightings.filter(({ node }) => node === nodes[0]).sort((a, b) => a.time - b.time)[0];
};

const ownerOf = ({ snapshots, facts }: World, mac: string | undefined): string | undefined => {
  if (mac === undefined) return undefined;
  for (const snapshot of snapshots) {
    for (const netns of snapshot.namespaces) {
      const link = netns.links.find((candidate) => candidate.mac === mac && candidate.kind !== 'bridge');
      if (link) return `${labelOf({ snapshot, netns }, { snapshots, facts })} ${link.name}`;
    }
  }
  return undefined;
};

const whereOf = (world: World, { node, netns }: Sighting): string => {
  const place = placeAt(world, node, netns);
  return place ? labelOf(place, world) : 'host';
};

const keyOf = ({ what, node, netns, interface: name, direction, sourceMac, icmpError }: Sighting): string =>
  [what, node, netns, name, direction === 'out' ? '' : (sourceMac ?? ''), icmpError?.from ?? ''].join(' ');

/** Who answered a probe, by kind and place. */
export const answersTo = ({ request }: ProbeResult, taps: TapResult[], world: World): Answer[] => {
  const answers = taps
    .flatMap(({ sightings }) => sightings)
    .filter(isAnswer)
    .filter(({ probe, attempt }) => probe === request.id && attempt !== undefined);
  const origins = [...Map.groupBy(answers, ({ attempt, what }) => `${attempt} ${what}`).values()].flatMap(
    (sightings) => originOf(sightings, request.node) ?? [],
  );
  return [...Map.groupBy(origins, keyOf).values()].flatMap((group): Answer[] => {
    const [first] = group;
    if (!first || !isAnswer(first)) return [];
    const sent = first.direction === 'out';
    const owner = sent ? undefined : ownerOf(world, first.sourceMac);
    return [
      {
        what: first.what,
        attempts: group.length,
        node: first.node,
        netns: first.netns,
        where: whereOf(world, first),
        interface: first.interface,
        how: sent ? 'sent' : 'arrived',
        ...(sent || first.sourceMac === undefined ? {} : { mac: first.sourceMac }),
        ...(owner === undefined ? {} : { owner }),
        ...(first.icmpError ? { icmp: first.icmpError } : {}),
      },
    ];
  });
};

/** Came in by a port of a bridge: from something that hangs there, not from another node. */
export const byBridgePort = ({ netns }: Place, { how, interface: name }: Answer): boolean =>
  how === 'arrived' && linkNamed(netns, name)?.master !== undefined;
