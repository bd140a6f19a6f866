import type { Sighting, TapResult } from '../observation.ts';

/** One place a probe was seen at. The same device can carry it plain and encapsulated, these are two places. */
export interface TapPlace {
  node: string;
  netns: string;
  interface: string;
  direction: Sighting['direction'];
  tunnel?: NonNullable<Sighting['outer']>['kind'];
  /** Attempt → seconds on that node's clock when it was first seen here. */
  requests: Map<number, number>;
  replies: Map<number, number>;
  resets: Map<number, number>;
  errors: Map<number, number>;
}

const COLUMN = { request: 'requests', reply: 'replies', reset: 'resets', 'icmp-error': 'errors' } as const;

const placeKey = ({ node, netns, interface: name, direction, outer }: Sighting): string =>
  [node, netns, name, direction, outer?.kind ?? ''].join(' ');

const emptyPlace = ({ node, netns, interface: name, direction, outer }: Sighting): TapPlace => ({
  node,
  netns,
  interface: name,
  direction,
  ...(outer ? { tunnel: outer.kind } : {}),
  requests: new Map(),
  replies: new Map(),
  resets: new Map(),
  errors: new Map(),
});

/** Where each attempt of one probe was seen, places in the order in which their node first saw something of it. Retransmissions count once. */
export const tapSummary = (results: TapResult[], probe: string): TapPlace[] => {
  const places = new Map<string, TapPlace>();
  for (const sighting of results.flatMap((result) => result.sightings)) {
    if (sighting.probe !== probe || sighting.attempt === undefined) continue;
    const key = placeKey(sighting);
    const place = places.get(key) ?? emptyPlace(sighting);
    places.set(key, place);
    const column = place[COLUMN[sighting.what]];
    column.set(sighting.attempt, Math.min(sighting.time, column.get(sighting.attempt) ?? Number.POSITIVE_INFINITY));
  }
  return [...places.values()];
};
