import { sameAddress } from '../forwarding/address.ts';
import type { Walk } from '../forwarding/hop.ts';
import { type CapturePlace, type HopMatch, placeKey } from './packet.ts';

/** One predicted way and the way of its answer; a Service has one for each of its endpoints. */
export interface Way {
  there: Walk;
  back?: Walk;
}

/** Where a packet was seen, as far as hops are told apart by it. */
export interface SeenAt {
  node: string;
  netns: string;
  interface: string;
  direction: 'in' | 'out';
  tunnelled: boolean;
  /** Innermost addresses. */
  source: string;
  destination: string;
}

const matches = (walk: Walk | undefined, way: HopMatch['way'], route: number): HopMatch[] =>
  (walk?.hops ?? []).map((hop, index, { length }) => ({ way, route, number: index + 1, of: length, hop }));

export const hopsOf = ({ there, back }: Way, route: number): HopMatch[] => [...matches(there, 'there', route), ...matches(back, 'back', route)];

/** Every hop of every way, those of the first way first. */
export const allHops = (ways: Way[]): HopMatch[] => ways.flatMap(hopsOf);

/** The same for a hop that several ways share. */
export const hopKey = ({ way, hop: { node, netns, interface: name, direction, tunnel } }: HopMatch): string =>
  [way, node, netns ?? '', name, direction, tunnel?.kind ?? ''].join(' ');

/** libpcap shows what loops back only once, as incoming. */
const isAt = ({ hop }: HopMatch, seen: SeenAt): boolean =>
  hop.node === seen.node &&
  hop.netns === seen.netns &&
  hop.interface === seen.interface &&
  (hop.direction === seen.direction || hop.interface === 'lo') &&
  (hop.tunnel !== undefined) === seen.tunnelled;

const looksLike = ({ hop: { packet } }: HopMatch, { source, destination }: SeenAt): boolean =>
  sameAddress(packet.source, source) && sameAddress(packet.destination, destination);

const routesOf = (hops: HopMatch[]): number[] => [...new Set(hops.map(({ route }) => route))];

/** Finds the hop a packet is at. Where several ways share a place, what is seen elsewhere of the same conversation tells which one it takes. */
export interface HopFinder {
  /**
   * @param way where it is known which way it goes
   * @param conversation the same for all packets of one probe or connection
   */
  find: (seen: SeenAt, way: HopMatch['way'] | undefined, conversation: string) => HopMatch | undefined;
}

/** Connections that are remembered: users' traffic has no end. */
const MOST_CONVERSATIONS = 100_000;

export const createHopFinder = (hops: HopMatch[]): HopFinder => {
  const routes = new Map<string, number>();
  return {
    find: (seen, way, conversation) => {
      const here = hops.filter((match) => (way === undefined || match.way === way) && isAt(match, seen));
      const alike = here.filter((match) => looksLike(match, seen));
      const likely = alike.length > 0 ? alike : here;
      const [only, ...others] = routesOf(likely);
      if (only !== undefined && others.length === 0) {
        if (routes.size > MOST_CONVERSATIONS) routes.clear();
        routes.set(conversation, only);
      }
      const route = routes.get(conversation);
      return likely.find((match) => match.route === route) ?? likely[0];
    },
  };
};

/** A place with what the model says happens there. */
export interface DescribedPlace {
  place: CapturePlace;
  description: string;
}

const describe = ({ way, number, route, hop }: HopMatch, ways: Way[]): string => {
  const { there } = ways[route] ?? {};
  const target = ways.length > 1 && there ? ` ${way === 'there' ? 'to' : 'from'} ${(there.arrived ?? there.packet).destination}` : '';
  return `hop ${number} ${way}${target}${hop.what === '' ? '' : `: ${hop.what}`}`;
};

/** The places of all ways in the order in which packets pass them. */
export const placesOf = (ways: Way[]): DescribedPlace[] => {
  const found = new Map<string, { place: CapturePlace; words: string[] }>();
  for (const match of allHops(ways)) {
    const { node, netns, where, interface: name, ifindex } = match.hop;
    if (netns === undefined || name === '') continue;
    const place = { node, netns, where, interface: name, ...(ifindex === undefined ? {} : { ifindex }) };
    const key = placeKey(place);
    const known = found.get(key) ?? { place, words: [] };
    const words = describe(match, ways);
    if (!known.words.includes(words)) known.words.push(words);
    found.set(key, known);
  }
  return [...found.values()].map(({ place, words }) => ({ place, description: words.join('; ') }));
};
