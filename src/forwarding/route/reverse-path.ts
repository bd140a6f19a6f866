import type { Link, Netns } from '../../node/snapshot.ts';
import { familyOf, isLimitedBroadcast, isLinkLocal6, isLoopback, isMulticast, isZeroNet } from '../address.ts';
import { portOf, type StopDetail } from '../flight.ts';
import type { Known } from '../netfilter/context.ts';
import type { Pass } from '../pass.ts';
import { protocolOf } from '../protocol.ts';
import { isOnAnywhere, reversePathMode } from '../sysctl.ts';
import { linkHolding, unreadRoutes } from '../world.ts';
import { lookupRoute, type RouteDecision, usesDevice } from './lookup.ts';
import { hasOwnRules, type RouteQuery } from './rules.ts';
import { vrfOf } from './vrf.ts';

interface Back {
  mark: number;
  /** What the answer would come in by. */
  iif: string;
  /** Rules look at next hops without carrier as well. */
  ignoreLinkState: boolean;
}

/** As much of a packet that came in as its source is judged by. */
export type Arrival = Pick<Pass, 'flight' | 'place' | 'iif'>;

/** The lookup for a packet back to the source. */
const backwards = ({ flight, place, iif }: Arrival, { mark, iif: from, ignoreLinkState }: Back): RouteDecision => {
  const { packet, solicits } = flight;
  const query: RouteQuery = {
    family: familyOf(packet.source),
    destination: packet.source,
    source: isMulticast(packet.destination) || isLimitedBroadcast(packet.destination) ? '' : packet.destination,
    mark,
    iif: from,
    tos: packet.tos,
    uid: 0,
    // a question by ARP has neither protocol nor ports (fib4_rules_early_flow_dissect)
    ...(solicits === 'arp'
      ? { protocol: 0, sourcePort: 0, destinationPort: 0 }
      : { protocol: protocolOf(packet), sourcePort: portOf(flight, 'destinationPort'), destinationPort: portOf(flight, 'sourcePort') }),
    vrf: vrfOf(place.netns, iif),
    ignoreLinkState,
    // every link has that network: only the packet's own counts (nft_fib_ipv6.c nft_fib6_flowi_init, ip6t_rpfilter.c rpfilter_lookup_reverse6)
    ...(isLinkLocal6(packet.source) ? { oif: iif } : {}),
  };
  return lookupRoute(place.netns, query);
};

/** xt_rpfilter (net/ipv4/netfilter/ipt_rpfilter.c, IPv6 alike). */
export const reverseLookupHolds = (pass: Pass, flags: { loose: boolean; mark: boolean; acceptLocal: boolean }): Known => {
  const { place, flight, iif = '' } = pass;
  const { source } = flight.packet;
  if (isLoopbackInput(pass) || (isZeroNet(source) && isMulticast(flight.packet.destination))) return true;
  if (unreadRoutes(place, familyOf(source))) return undefined;
  const decision = backwards(pass, { mark: flags.mark ? flight.mark : 0, iif: 'lo', ignoreLinkState: true });
  if (decision.kind === 'local') return flags.acceptLocal;
  return decision.kind === 'unicast' && (flags.loose || usesDevice(decision, iif));
};

const isLoopbackInput = ({ iif }: Pass): boolean => iif === 'lo';

/**
 * `fib saddr . iif oif`: the device a packet to that address would take; empty when there is none (nft_fib_ipv4.c nft_fib4_eval). What comes in
 * by lo is not looked up, up to INPUT (include/net/netfilter/nft_fib.h nft_fib_can_skip; before Linux 6.16 and its stable releases in PREROUTING alone).
 */
export const reverseDevice = (pass: Pass, asked: { side: 'source' | 'destination'; iif: boolean; mark: boolean }): string | undefined => {
  const { place, flight, iif, oif, hook } = pass;
  if ((hook === 'prerouting' || hook === 'input') && isLoopbackInput(pass)) return iif;
  if (unreadRoutes(place, familyOf(flight.packet.source))) return undefined;
  const { packet, mark } = flight;
  const back = { mark: asked.mark ? mark : 0, iif: hook === 'forward' && asked.iif ? (oif ?? 'lo') : 'lo', ignoreLinkState: true };
  const decision =
    asked.side === 'source'
      ? backwards(pass, back)
      : backwards({ place, iif, flight: { ...flight, packet: { ...packet, source: packet.destination, destination: packet.source } } }, back);
  if (decision.kind !== 'unicast') return '';
  if (!asked.iif) return decision.paths[0].device;
  return iif !== undefined && usesDevice(decision, iif) ? iif : '';
};

/**
 * What the IP stack itself holds against a source (net/ipv4/fib_frontend.c fib_validate_source): an address of this very host, or, with
 * rp_filter, one to which packets would leave elsewhere. `towards` is the device the packet is going to; absent when it is for this host.
 * IPv6 has nothing of the kind.
 */
export const sourceProblem = (pass: Arrival, device: Link, towards?: string): StopDetail | undefined => {
  const { place, flight } = pass;
  const { source } = flight.packet;
  if (familyOf(source) === 6) return undefined;
  const { netns } = place;
  const mode = reversePathMode(netns, device.name);
  const acceptsLocal = isOnAnywhere(netns, device.name, 'accept_local');
  // a network that an address of lo makes local is not looked at here, as long as nobody wrote a local route
  if (mode === 0 && !hasOwnRules(netns) && !hasOwnLocals(netns)) {
    return !acceptsLocal && linkHolding(netns, source) !== undefined ? martian(device, source) : undefined;
  }

  const mark = isOnAnywhere(netns, device.name, 'src_valid_mark') ? flight.mark : 0;
  const decision = backwards(pass, { mark, iif: towards ?? 'lo', ignoreLinkState: false });
  if (decision.kind === 'refused') return decision.reason === 'no-route' && unreadRoutes(place, 4) ? undefined : lastResort(device, source, mode);
  if (decision.kind === 'local') {
    if (decision.route.type !== 'local' || !acceptsLocal) return martian(device, source);
    return device.name === 'lo' || decision.device === device.name ? undefined : otherWay(device, source, mode);
  }
  return usesDevice(decision, device.name) ? undefined : otherWay(device, source, mode);
};

/** Somebody wrote a local route (net/ipv4/fib_frontend.c inet_rtm_newroute, fib_has_custom_local_routes). */
const hasOwnLocals = ({ routes }: Netns): boolean =>
  routes.some(({ family, type, protocol }) => family === 4 && type === 'local' && protocol !== 'kernel');

/** The best way back is another: without an address on the device, or in strict mode, that is the end. */
const otherWay = (device: Link, source: string, mode: number): StopDetail | undefined => {
  if (!hasAddress4(device)) return lastResort(device, source, mode);
  return mode === 1 ? filtered(device, source, mode) : undefined;
};

const hasAddress4 = (device: Link): boolean => device.addresses.some(({ family }) => family === 4);

const lastResort = (device: Link, source: string, mode: number): StopDetail | undefined => (mode === 0 ? undefined : filtered(device, source, mode));

const martian = (device: Link, source: string): StopDetail => ({
  reason: 'martian-source',
  message: `arrives at ${device.name} with the source ${source}, an address of this very host`,
  facts: { source, interface: device.name },
});

const filtered = (device: Link, source: string, mode: number): StopDetail => ({
  reason: 'reverse-path',
  message: `rp_filter=${mode} on ${device.name}: packets to ${source} would not leave by it`,
  facts: { source, interface: device.name, mode },
});

/** Addresses that no packet from outside may have (net/ipv4/route.c ip_route_input_slow, net/ipv6/ip6_input.c ip6_rcv_core). */
export const martianAddress = (pass: Pass, device: Link): StopDetail | undefined => {
  const { source, destination } = pass.flight.packet;
  const isLo = device.name === 'lo';
  const say = (reason: 'martian-source' | 'martian-destination', address: string): StopDetail => ({
    reason,
    message: `${address} is no address that a packet arriving at ${device.name} may ${reason === 'martian-source' ? 'come from' : 'be for'}`,
    facts: { address, interface: device.name },
  });
  if (isMulticast(source) || isLimitedBroadcast(source)) return say('martian-source', source);
  if (familyOf(destination) === 6) {
    if (isLo) return undefined;
    return isLoopback(source) ? say('martian-source', source) : isLoopback(destination) ? say('martian-destination', destination) : undefined;
  }
  if (isZeroNet(source) && !isLimitedBroadcast(destination)) return say('martian-source', source);
  if (isZeroNet(destination)) return say('martian-destination', destination);
  if (isLo || isOnAnywhere(pass.place.netns, device.name, 'route_localnet')) return undefined;
  if (isLoopback(destination)) return say('martian-destination', destination);
  return isLoopback(source) ? say('martian-source', source) : undefined;
};
