import type { Link } from '../../node/snapshot.ts';
import { familyOf, isLoopback, isMulticast } from '../address.ts';
import { addHop, decided, type Flight, type Journey, joined, lose, type Step, type StopDetail, stop } from '../flight.ts';
import { runHook } from '../netfilter/hook.ts';
import { type Pass, startPass } from '../pass.ts';
import { describeRoute, routeLine } from '../route/describe.ts';
import { lookupRoute, type Path, pickPath, type RouteDecision } from '../route/lookup.ts';
import { select6, selectSource } from '../route/source.ts';
import { isOnAnywhere, sysctl } from '../sysctl.ts';
import { leaveOpen } from '../unread.ts';
import { linkNamed, type Place, unreadRoutes, wasRead } from '../world.ts';
import { changeOf, refusal } from './hook.ts';
import { deliver } from './input.ts';
import { cutToFit, mtuOf, narrow, tooBig } from './mtu.ts';
import { judgeOf, routeQuery } from './route-query.ts';

type Output = Extract<Step, { at: 'output' }>;
type Refused = Extract<RouteDecision, { kind: 'refused' }>;
type Unicast = Extract<RouteDecision, { kind: 'unicast' }>;

/** A process (or a tunnel device) of this netns sends: route, OUTPUT, POSTROUTING, device (net/ipv4/ip_output.c). */
export const output = ({ place, flight, oif }: Output, journey: Journey): Step => {
  if (!wasRead(place.netns)) return { at: 'end', outcome: 'unknown' };
  const first = firstRoute(place, flight, journey, oif);
  if (first.decision.kind === 'refused') return noWay(journey, place, flight, first.decision);
  flight.ttl ??= flight.packet.ttl ?? defaultTtl(place, flight);
  journey.sent ??= flight.packet;

  if (!flight.carries) flight.made = place.netns.inode;
  const pass = startPass({ journey, place, flight });
  const before = flight.packet;
  const { source } = before;
  pass.oif = first.decision.kind === 'local' ? 'lo' : first.path?.device;
  const result = runHook(pass, 'output');
  const refused = refusal(result, pass);
  if (refused)
    return endAt(journey, place, linkNamed(place.netns, pass.oif), flight, describeRoute(first.decision, first.path, 'without device'), refused);

  // What a rule changed is routed again (net/ipv4/netfilter.c ip_route_me_harder); the source stays.
  if (pass.reroute) flight.preferred = undefined;
  const { decision, path } = pass.reroute ? chosen(place, { ...pass.reroute, preferred: undefined }, journey, oif) : first;
  const what = joined(changeOf(pass, before), describeRoute(decision, path, 'without device'));
  if (decision.kind === 'refused') return noWay(journey, place, flight, decision, 'nobody');
  const astray = strayLoopback(place, first.path, source) ?? (pass.reroute && strayLoopback(place, path, flight.packet.source));
  if (astray) return endAt(journey, place, undefined, flight, what, astray);
  noteRoute(journey, decision);
  return decision.kind === 'local' || !path ? loopback(pass, what) : leave(pass, decision, path, what);
};

/** From 127.0.0.1 nothing leaves but by lo, unless route_localnet lets it (net/ipv4/route.c __mkroute_output). */
const strayLoopback = ({ netns }: Place, path: Path | undefined, source: string): StopDetail | undefined =>
  !path || familyOf(source) === 6 || !isLoopback(source) || path.device === 'lo' || isOnAnywhere(netns, path.device, 'route_localnet')
    ? undefined
    : {
        reason: 'martian-source',
        message: `nothing leaves by ${path.device} that comes from ${source}`,
        facts: { address: source, interface: path.device, told: 'nobody' },
      };

interface Chosen {
  decision: RouteDecision;
  path?: Path;
}

const chosen = (place: Place, flight: Flight, journey: Journey, oif: string | undefined): Chosen => {
  const decision = lookupRoute(place.netns, routeQuery(flight, place, undefined, oif), judgeOf(journey, place));
  return decision.kind === 'unicast' ? { decision, path: pickPath(journey, place.netns, decision) } : { decision };
};

/**
 * A connecting IPv4 socket asks for a route, takes the source it says and asks again with it (include/net/route.h ip_route_connect); what
 * sends single packets asks once. IPv6 asks again only where it was refused (net/ipv6/ip6_output.c ip6_dst_lookup_tail).
 */
const firstRoute = (place: Place, flight: Flight, journey: Journey, oif: string | undefined): Chosen => {
  const { source, destination, protocol } = flight.packet;
  if (source !== '') return chosen(place, flight, journey, oif);
  const v6 = familyOf(destination) === 6;
  const decision = lookupRoute(place.netns, routeQuery(flight, place, undefined, oif), judgeOf(journey, place));
  if (decision.kind === 'refused') {
    const own = v6 ? select6(place.netns, '', destination) : undefined;
    if (own === undefined) return { decision };
    flight.packet = { ...flight.packet, source: own };
    return chosen(place, flight, journey, oif);
  }
  const connects = !v6 && !flight.carries && protocol !== 'icmp';
  const path = decision.kind === 'unicast' ? (connects ? decision.paths[0] : pickPath(journey, place.netns, decision)) : undefined;
  flight.packet = { ...flight.packet, source: selectSource(place.netns, decision, path, destination) ?? '' };
  return connects ? chosen(place, flight, journey, oif) : { decision, ...(path ? { path } : {}) };
};

const defaultTtl = ({ netns }: Place, { packet }: Flight): number =>
  Number((familyOf(packet.destination) === 4 ? sysctl(netns, 'net.ipv4.ip_default_ttl') : sysctl(netns, 'net.ipv6.conf.all.hop_limit')) ?? 64);

const noteRoute = (journey: Journey, { route }: RouteDecision): void => {
  if (route) decided(journey, 'next', { by: 'route', object: routeLine(route) });
};

/** To an address of this very netns: through lo, past POSTROUTING, PREROUTING and INPUT; the route found first still holds. */
const loopback = (pass: Pass, what: string): Step => {
  const { journey, place, flight } = pass;
  const lo = linkNamed(place.netns, 'lo');
  pass.oif = 'lo';
  const left = refusal(runHook(pass, 'postrouting'), pass);
  addHop(journey, { place, device: lo, direction: 'out', what, flight });
  if (left) return stop(journey, left);
  if (lo && !lo.up) return stop(journey, { reason: 'link-down', message: 'lo is down', facts: { interface: 'lo' } });
  pass.iif = 'lo';
  pass.oif = undefined;
  pass.local = false;
  const arrived = refusal(runHook(pass, 'prerouting'), pass);
  return arrived ? stop(journey, arrived) : deliver(pass, 'lo');
};

/** POSTROUTING, then the device. */
export const leave = (pass: Pass, decision: Unicast, path: Path, what: string): Step => {
  const { journey, place, flight } = pass;
  const device = linkNamed(place.netns, path.device);
  const before = flight.packet;
  const nextHop = path.gateway ?? flight.packet.destination;
  pass.oif = path.device;
  pass.nextHop = nextHop;
  const refused = refusal(runHook(pass, 'postrouting'), pass);
  if (refused) return endAt(journey, place, device, flight, what, refused);
  // no kernel has such a route: one of the two was read at another time
  if (!device) leaveOpen(journey, place, 'interfaces');
  if (!device) return endAt(journey, place, undefined, flight, what, missingDevice(path.device));
  const mtu = mtuOf(decision.route, device);
  narrow(journey, place, device, mtu, flight);
  // a tunnel's own packets are not cut where the tunnel says so
  const big = flight.carries && tooBig(flight, device, mtu);
  if (big) return endAt(journey, place, device, flight, what, big);
  cutToFit(flight, mtu);
  return { at: 'transmit', place, device, flight, nextHop, what: joined(what, changeOf(pass, before)) };
};

const missingDevice = (name: string): StopDetail => ({
  reason: 'no-device',
  message: `the route leads to ${name}, which does not exist`,
  facts: { interface: name },
});

const endAt = (journey: Journey, place: Place, device: Link | undefined, flight: Flight, what: string, end: StopDetail): Step => {
  addHop(journey, { place, device, direction: 'out', what, flight });
  return stop(journey, end);
};

/** A sender is told at once; once its packet is under way, nobody is (NF_DROP_ERR of ip_route_me_harder). */
const noWay = (journey: Journey, place: Place, flight: Flight, decision: Refused, told?: 'nobody'): Step => {
  noteRoute(journey, decision);
  addHop(journey, { place, direction: 'out', what: describeRoute(decision), flight });
  return refuse(journey, place, decision, flight, told);
};

/** Without the whole of the tables "no route" is no answer. */
export const refuse = (journey: Journey, place: Place, decision: Refused, { packet }: Flight, told?: 'nobody'): Step =>
  decision.reason === 'no-route' && (unreadRoutes(place, familyOf(packet.destination)) || isMulticast(packet.destination))
    ? lose(journey, isMulticast(packet.destination) ? 'multicast is not followed' : 'not all routes here could be read')
    : stop(journey, refusedRoute(decision, packet.destination, told));

const refusedRoute = (decision: Refused, destination: string, told: 'nobody' | undefined): StopDetail => ({
  reason: decision.reason,
  message: decision.reason === 'no-route' ? `no route to ${destination}` : `${describeRoute(decision)} refuses ${destination}`,
  decidedBy: decision.reason === 'no-route' ? undefined : describeRoute(decision),
  facts: { destination, route: decision.route?.destination, table: decision.route?.table, rule: decision.rule?.priority, told },
});
