import ipaddr from 'ipaddr.js';
import type { Netns, Route } from '../node/snapshot.ts';

/** An address as a text of 0 and 1, of which a network's is a beginning. */
const bitsOf = (address: string): string | undefined =>
  ipaddr.isValid(address)
    ? ipaddr
        .parse(address)
        .toByteArray()
        .map((byte) => byte.toString(2).padStart(8, '0'))
        .join('')
    : undefined;

interface Candidate {
  bits: string;
  route: Route;
}

const LEADS_NOWHERE: ReadonlySet<string> = new Set(['broadcast', 'multicast', 'anycast']);

const candidateOf = (route: Route): Candidate[] => {
  const [network = '', length] = route.destination.split('/');
  const bits = bitsOf(network)?.slice(0, Number(length));
  return bits === undefined || bits === '' || route.table === 'local' || LEADS_NOWHERE.has(route.type) ? [] : [{ bits, route }];
};

/** Most specific first, then least metric. A node has a route per pod and is asked once per pod, so they are laid out once. */
const layOut = (netns: Netns): Candidate[] =>
  netns.routes.flatMap(candidateOf).sort((one, other) => other.bits.length - one.bits.length || one.route.metric - other.route.metric);

const laidOut = new WeakMap<Netns, Candidate[]>();

/**
 * The most specific route of a namespace to an address, of any table but `local`; of equals the one of the least metric. Default routes
 * do not count: they lead away. Rules are not weighed (src/forwarding does): here only the CNI's own route is sought.
 */
export const routeTo = (netns: Netns, address: string): Route | undefined => {
  const wanted = bitsOf(address);
  if (wanted === undefined) return undefined;
  const candidates = laidOut.get(netns) ?? layOut(netns);
  laidOut.set(netns, candidates);
  // 32 bits of IPv4 could begin an IPv6 address
  return candidates.find(({ bits, route }) => wanted.startsWith(bits) && (route.family === 4) === (wanted.length === 32))?.route;
};

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
