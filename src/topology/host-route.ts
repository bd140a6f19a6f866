import ipaddr from 'ipaddr.js';
import type { Netns, Route } from '../node/snapshot.ts';

const contains = (prefix: string, address: string): boolean => {
  try {
    const [network, length] = ipaddr.parseCIDR(prefix);
    const parsed = ipaddr.parse(address);
    return parsed.kind() === network.kind() && parsed.match(network, length);
  } catch {
    return false;
  }
};

export const lengthOf = (prefix: string): number => Number(prefix.split('/')[1] ?? 0);

/**
 * The most specific route of a namespace to an address, of any table but `local`; of equals the one of the least metric. Default routes
 * do not count: they lead away. Rules are not weighed (src/forwarding does): here only the CNI's own route is sought.
 */
export const routeTo = (netns: Netns, address: string): Route | undefined =>
  netns.routes
    .filter((route) => route.table !== 'local' && lengthOf(route.destination) > 0 && !['broadcast', 'multicast', 'anycast'].includes(route.type))
    .filter((route) => contains(route.destination, address))
    .sort((one, other) => lengthOf(other.destination) - lengthOf(one.destination) || one.metric - other.metric)[0];

/** As `ip route` prints it. */
export const routeText = (route: Route): string => {
  const whole = route.destination.replace(route.family === 4 ? /\/32$/ : /\/128$/, '');
  return [
    ...(route.type === 'unicast' ? [] : [route.type]),
    whole,
    ...(route.gateway === undefined ? [] : ['via', route.gateway]),
    ...(route.device === undefined ? [] : ['dev', route.device]),
    ...(route.table === 'main' ? [] : ['table', route.table]),
    ...(route.scope === 'link' ? ['scope link'] : []),
    ...(route.source === undefined ? [] : ['src', route.source]),
    ...route.flags,
  ].join(' ');
};
