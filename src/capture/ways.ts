import type { Walk } from '../forwarding/hop.ts';
import type { CapturePlace, HopMatch } from './packet.ts';
import { placeKey } from './packet.ts';

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
}

const matches = (walk: Walk | undefined, way: HopMatch['way']): HopMatch[] =>
  (walk?.hops ?? []).map((hop, index, { length }) => ({ way, number: index + 1, of: length, hop }));

/** Every hop of every way, those of the first way first. */
export const allHops = (ways: Way[]): HopMatch[] => ways.flatMap(({ there, back }) => [...matches(there, 'there'), ...matches(back, 'back')]);

/** libpcap shows what loops back only once, as incoming. */
const isAt = ({ hop }: HopMatch, seen: SeenAt): boolean =>
  hop.node === seen.node &&
  hop.netns === seen.netns &&
  hop.interface === seen.interface &&
  (hop.direction === seen.direction || hop.interface === 'lo') &&
  (hop.tunnel !== undefined) === seen.tunnelled;

/** The hop a packet is at; `way` where it is known which way it goes. */
export const hopAt = (hops: HopMatch[], seen: SeenAt, way: HopMatch['way'] | undefined): HopMatch | undefined =>
  hops.find((match) => (way === undefined || match.way === way) && isAt(match, seen));

/** A place with what the model says happens there. */
export interface DescribedPlace {
  place: CapturePlace;
  description: string;
}

const describe = ({ way, number, hop }: HopMatch): string => `hop ${number} ${way}${hop.what === '' ? '' : `: ${hop.what}`}`;

/** The places of all ways in the order in which packets pass them. */
export const placesOf = (hops: HopMatch[]): DescribedPlace[] => {
  const found = new Map<string, { place: CapturePlace; words: string[] }>();
  for (const match of hops) {
    const { node, netns, where, interface: name, ifindex } = match.hop;
    if (netns === undefined || name === '') continue;
    const place = { node, netns, where, interface: name, ...(ifindex === undefined ? {} : { ifindex }) };
    const key = placeKey(place);
    const known = found.get(key) ?? { place, words: [] };
    const words = describe(match);
    if (!known.words.includes(words)) known.words.push(words);
    found.set(key, known);
  }
  return [...found.values()].map(({ place, words }) => ({ place, description: words.join('; ') }));
};
