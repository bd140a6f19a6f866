import type { Address, Link, Netns } from '../../node/snapshot.ts';
import { familyOf, inPrefix, isLinkLocal6, type ParsedAddress, parseAddress, sameAddress } from '../address.ts';
import type { Pass } from '../pass.ts';
import { linkNamed } from '../world.ts';
import type { Path, RouteDecision } from './lookup.ts';

const scopes: Record<string, number> = { global: 0, site: 200, link: 253, host: 254, nowhere: 255 };

const scopeOf = (name: string): number => scopes[name] ?? 0;

/** Source address for a packet that has none yet: the route's own, else by device (net/ipv4/route.c ip_route_output_key_hash_rcu, net/ipv6/addrconf.c). */
export const selectSource = (
  netns: Netns,
  decision: Exclude<RouteDecision, { kind: 'refused' }>,
  path: Path | undefined,
  destination: string,
): string | undefined => {
  if (decision.route.source !== undefined) return decision.route.source;
  // IPv4 talks to itself from the address it talks to, IPv6 only where that is an address of a device
  if (decision.kind === 'local') return familyOf(destination) === 6 ? select6(netns, decision.device, destination) : destination;
  const device = path?.device ?? decision.paths[0].device;
  if (familyOf(destination) === 6) return select6(netns, device, destination);
  return select4(netns, device, path?.gateway, scopeOf(decision.route.scope));
};

/** inet_select_addr: the first primary address whose subnet holds `towards`, else the first; else any other device's that is not of link scope. */
export const select4 = (netns: Netns, device: string, towards: string | undefined, scope = 0): string | undefined => {
  const own = primaries(linkNamed(netns, device)).filter((address) => Math.min(scopeOf(address.scope), 254) <= scope);
  const near = towards === undefined ? own[0] : own.find((address) => inPrefix(`${address.address}/${address.prefix}`, towards));
  if (near ?? own[0]) return (near ?? own[0])?.address;
  const others = netns.links.flatMap(primaries).filter((address) => address.scope !== 'link' && scopeOf(address.scope) <= scope);
  return others[0]?.address;
};

const primaries = (link: Link | undefined): Address[] =>
  (link?.addresses ?? []).filter(({ family, flags }) => family === 4 && !flags.includes('secondary'));

/** RFC 6724 as ipv6_dev_get_saddr counts it, without policy tables of one's own. */
export const select6 = (netns: Netns, device: string, destination: string): string | undefined => {
  const target = parseAddress(destination);
  const candidates = netns.links.flatMap((link) =>
    link.addresses
      .filter(({ family, flags }) => family === 6 && !flags.includes('tentative') && !flags.includes('dadfailed'))
      .map((address) => ({ address, link })),
  );
  const scored = candidates
    .filter(({ address, link }) => link.name === device || !isLinkLocal6(address.address))
    .filter(({ address }) => isLinkLocal6(destination) || !isLinkLocal6(address.address) || candidates.length === 1)
    .filter(({ address }) => address.scope !== 'host' || sameAddress(address.address, destination))
    .map(({ address, link }) => ({ address: address.address, score: score6(address, link, device, destination, target) }));
  return scored.sort((a, b) => compareScores(b.score, a.score))[0]?.address;
};

/** Larger is better, the first difference decides; of equals the first listed, which is the newest (ipv6_get_saddr_eval, ipv6_link_dev_addr). */
const score6 = (address: Address, link: Link, device: string, destination: string, target: ParsedAddress | undefined): number[] => {
  const own = parseAddress(address.address);
  return [
    sameAddress(address.address, destination) ? 1 : 0,
    address.flags.includes('deprecated') ? 0 : 1,
    link.name === device ? 1 : 0,
    label(address.address) === label(destination) ? 1 : 0,
    address.flags.includes('temporary') ? 1 : 0,
    own?.family === 6 && target?.family === 6 ? Math.min(commonBits(own.value, target.value), address.prefix) : 0,
  ];
};

const compareScores = (a: number[], b: number[]): number => {
  for (const [at, value] of a.entries()) if (value !== b[at]) return value - (b[at] ?? 0);
  return 0;
};

/** net/ipv6/addrlabel.c, the part of its table that clusters meet: unique local addresses, 6to4, Teredo, all others. */
const label = (address: string): number =>
  inPrefix('fc00::/7', address) ? 5 : inPrefix('2002::/16', address) ? 2 : inPrefix('2001::/32', address) ? 6 : 1;

const commonBits = (a: bigint, b: bigint): number => {
  const differing = a ^ b;
  return differing === 0n ? 128 : 128 - differing.toString(2).length;
};

/** What MASQUERADE writes: the address of the interface it leaves by that is nearest to the next hop (nf_nat_masquerade.c). */
export const masqueradeAddress = ({ place, oif, flight, nextHop }: Pass): string | undefined => {
  const { destination } = flight.packet;
  if (familyOf(destination) === 6) return select6(place.netns, oif ?? '', destination);
  return select4(place.netns, oif ?? '', nextHop ?? destination);
};
