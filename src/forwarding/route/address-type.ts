import type { Family } from '../../node/snapshot.ts';
import { isLimitedBroadcast, isMulticast, isZeroNet, parseAddress } from '../address.ts';
import { holdsAddress, linkNamed, type Place, unreadRoutes } from '../world.ts';
import { lookupRoute, lookupTable } from './lookup.ts';
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

const linkHas = ({ netns }: Place, device: string, address: string): boolean => {
  const link = linkNamed(netns, device);
  return link !== undefined && holdsAddress(link, address);
};

/** What IPv6's routes, rules and all, say of an address; on one device, whether that has it (nft_fib_ipv6.c __nft_fib6_eval_type). */
export const routeType6 = (place: Place, address: string, device?: string): string | undefined => {
  if (isMulticast(address)) return 'MULTICAST';
  const decision = lookupRoute(place.netns, { family: 6, destination: address, source: '', mark: 0, iif: 'lo', uid: 0 });
  if (decision.kind === 'refused') {
    if (decision.reason === 'no-route') return unreadRoutes(place, 6) ? undefined : 'UNREACHABLE';
    return decision.reason.toUpperCase();
  }
  const own = device === undefined ? decision.kind === 'local' : linkHas(place, device, address);
  return own ? 'LOCAL' : 'UNICAST';
};
