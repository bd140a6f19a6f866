import type { Family } from '../../node/snapshot.ts';
import { isLimitedBroadcast, isMulticast, isZeroNet, parseAddress } from '../address.ts';
import { type Place, unreadRoutes } from '../world.ts';
import { lookupTable } from './lookup.ts';
import { hasOwnRules } from './rules.ts';
import { localAndMain, type Table, tablesOf } from './tables.ts';

/** LOCAL, BROADCAST, UNICAST…: what the local table says of an address, on one device if one is named (inet_dev_addr_type). */
export const addressType = (place: Place, address: string, device?: string): string | undefined => {
  const parsed = parseAddress(address);
  if (!parsed) return undefined;
  if (parsed.family === 4 && (isZeroNet(address) || isLimitedBroadcast(address))) return 'BROADCAST';
  if (isMulticast(address)) return 'MULTICAST';
  const query = { family: parsed.family, destination: address, source: '', mark: 0, iif: 'lo' };
  const found = lookupTable(place.netns, localTable(place, parsed.family), parsed, query);
  if (found?.kind === 'local') return device === undefined || found.device === device ? found.route.type.toUpperCase() : 'UNICAST';
  return unreadRoutes(place, parsed.family) ? undefined : 'UNICAST';
};

/** Without routing rules IPv4's local table is main's as well. */
const localTable = ({ netns }: Place, family: Family): Table | undefined =>
  family === 4 && !hasOwnRules(netns) ? localAndMain(netns) : tablesOf(netns, family).get('local');

export const isLocal = (place: Place, address: string): boolean => addressType(place, address) === 'LOCAL';
