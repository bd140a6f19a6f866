import type { Address, Family, Link, Netns } from '../../node/snapshot.ts';
import { familyOf, inPrefix, networkOf, sameAddress } from '../address.ts';
import { isLocal } from '../route/address-type.ts';
import { lookupRoute } from '../route/lookup.ts';
import { type Arrival, sourceProblem } from '../route/reverse-path.ts';
import { select4 } from '../route/source.ts';
import { mayBeLocal } from '../route/tables.ts';
import { vrfOf } from '../route/vrf.ts';
import { forwardingSwitch, interfaceSysctl, isOnAnywhere, largerOf } from '../sysctl.ts';
import { linkHolding, type Place, unread, unreadRoutes, wasRead } from '../world.ts';

/** A question as it is heard by one interface. */
export interface Question {
  /** Whose link-level address is wanted. */
  target: string;
  /** Who asks; empty when it has no address of that family. */
  sender: string;
}

/** Does this interface's host answer for the target? Undefined when its tables were not all read. */
export const answers = (place: Place, link: Link, question: Question): boolean | undefined => {
  if (!link.up || link.mac === undefined) return false;
  const family = familyOf(question.target);
  const answer = family === 4 ? answersArp(place, link, question) : answersNdp(place, link, question);
  return answer === false && isHalfRead(place, family) ? undefined : answer;
};

/** Whoever has an address or stands in for others is told by routes, entries and sysctls, of which not all were read. */
const isHalfRead = (place: Place, family: Family): boolean =>
  unreadRoutes(place, family) || unread(place, 'links', 'sysctls', `neighbours-${family}`, `proxies-${family}`);

/** What routing rules see of ARP. */
const unported = { uid: 0, protocol: 0, sourcePort: 0, destinationPort: 0 };

/** net/ipv4/arp.c arp_process: the question is routed as a packet would be, so reverse-path filtering silences it as well. */
const answersArp = (place: Place, link: Link, { target, sender }: Question): boolean | undefined => {
  const { netns } = place;
  if (!wasRead(netns)) return linkHolding(netns, target) !== undefined;
  if (!standsIn(netns) && !mayBeLocal(netns, target) && !unreadRoutes(place, 4)) return false;
  const query = { family: 4 as const, destination: target, source: sender, mark: 0, iif: link.name, ...unported, vrf: vrfOf(netns, link.name) };
  const decision = lookupRoute(netns, query);
  if (decision.kind === 'refused') return decision.reason === 'no-route' && unreadRoutes(place, 4) ? undefined : false;
  const towards = decision.kind === 'unicast' ? decision.paths[0].device : undefined;
  if (sender !== '' && sourceProblem(heard(place, link, sender, target), link, towards) !== undefined) return false;
  if (decision.kind === 'local') return decision.route.type === 'local' && !ignores(place, link, { target, sender });
  if (forwardingSwitch(netns, 4, link.name).value === '0') return false;
  const proxied = netns.neighbours.some(({ proxy, address, device }) => proxy && device === link.name && sameAddress(address, target));
  if (interfaceSysctl(netns, 4, link.name, 'proxy_arp_pvlan') === '1' && towards === link.name) return true;
  return towards !== link.name && (proxied || isOnAnywhere(netns, link.name, 'proxy_arp'));
};

const proxies = new WeakMap<Netns, boolean>();

/** Whether this host answers for anybody but itself at all; most do not, and a question is heard by every pod of a node. */
const standsIn = (netns: Netns): boolean => {
  const known = proxies.get(netns);
  if (known !== undefined) return known;
  const switched = Object.entries(netns.sysctls).some(([name, value]) => value === '1' && /\.proxy_arp(_pvlan)?$/.test(name));
  const answer = switched || netns.neighbours.some(({ proxy }) => proxy);
  proxies.set(netns, answer);
  return answer;
};

/** As much of a crossing as source validation looks at. */
const heard = (place: Place, link: Link, source: string, destination: string): Arrival => ({
  place,
  iif: link.name,
  flight: { packet: { source, destination, protocol: 'any' }, mark: 0, direction: 'request', solicits: 'arp' },
});

/** arp_ignore 1: only what the interface itself holds; 2: and only for its subnet; 3: nothing of host scope; 8: nothing (arp_ignore()). */
const ignores = ({ netns }: Place, link: Link, { target, sender }: Question): boolean => {
  const level = largerOf(netns, link.name, 'arp_ignore');
  const own = link.addresses.find((address) => sameAddress(address.address, target));
  if (level === 8) return true;
  if (level === 1 && !own) return true;
  if (level === 2 && !(own && (sender === '' || inPrefix(`${own.address}/${own.prefix}`, sender)))) return true;
  if (level === 3 && linkHolding(netns, target)?.addresses.find((address) => sameAddress(address.address, target))?.scope === 'host') return true;
  return isOnAnywhere(netns, link.name, 'arp_filter') && !leavesBy(netns, link, sender, target);
};

/** arp_filter: an answer would have to leave by the interface that was asked. */
const leavesBy = (netns: Place['netns'], link: Link, sender: string, target: string): boolean => {
  const decision = lookupRoute(netns, { family: 4, destination: sender, source: target, mark: 0, iif: 'lo', ...unported });
  return decision.kind === 'unicast' && decision.paths[0].device === link.name;
};

/**
 * net/ipv6/ndisc.c ndisc_recv_ns: for addresses of the interface itself, those it was told to stand in for, and on a router for the first of
 * each of its networks, which is any router's (RFC 4291, 2.6.1; net/ipv6/addrconf.c addrconf_join_anycast).
 */
const answersNdp = ({ netns }: Place, link: Link, { target }: Question): boolean => {
  const own = link.addresses.find((address) => sameAddress(address.address, target));
  if (own) return !own.flags.includes('tentative') && !own.flags.includes('dadfailed');
  const forwards = interfaceSysctl(netns, 6, link.name, 'forwarding') === '1';
  if (forwards && link.addresses.some((address) => isAnyRouters(address, target))) return true;
  const proxies = ['all', link.name].some((which) => interfaceSysctl(netns, 6, which, 'proxy_ndp') === '1');
  return proxies && forwards && netns.neighbours.some(({ proxy, address, device }) => proxy && device === link.name && sameAddress(address, target));
};

const isAnyRouters = ({ family, address, prefix }: Address, target: string): boolean => {
  const [first = ''] = networkOf(address, prefix).split('/');
  return family === 6 && prefix < 127 && sameAddress(first, target);
};

/** The packet's own source where the device has it, else the device's link-local address (ndisc_solicit, ndisc_send_ns). */
const asker6 = ({ addresses }: Link, source: string): string => {
  if (addresses.some(({ address }) => sameAddress(address, source))) return source;
  const own = addresses.filter(({ family }) => family === 6);
  return (own.find(({ scope }) => scope === 'link') ?? own[0])?.address ?? '';
};

/**
 * The address a question is asked from: the packet's own source where it is local, be it by a route alone, else one of the device (arp_announce
 * 0, arp_solicit: inet_addr_type_dev_table).
 */
export const askerOf = (place: Place, device: Link, target: string, source: string): string => {
  if (familyOf(target) === 6) return asker6(device, source);
  const { netns } = place;
  const level = largerOf(netns, device.name, 'arp_announce');
  const near = device.addresses.find((address) => inPrefix(`${address.address}/${address.prefix}`, target));
  const isNear = level === 1 && near !== undefined && inPrefix(`${near.address}/${near.prefix}`, source);
  if ((level === 0 || isNear) && isLocal(place, source)) return source;
  return select4(netns, device.name, target, 253) ?? '';
};
