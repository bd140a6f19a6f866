import type { Link, Netns, TcFilter } from '../../node/snapshot.ts';

/** Filters on one side of a device in the order they are tried: by preference, then as they were made. */
export const filtersOn = (netns: Netns, device: Link, side: 'ingress' | 'egress'): TcFilter[] =>
  netns.tc.filters.filter((filter) => filter.device === device.name && filter.parent === side).sort((a, b) => a.pref - b.pref);
