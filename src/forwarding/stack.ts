import type { Link } from '../node/snapshot.ts';
import { familyOf } from './address.ts';
import { addHop, type Flight, type Journey, lose, type Step, say, stop } from './flight.ts';
import { changeOf, hook, type Pass, refusal, reversePathHolds, sayChange, shortRule, startPass } from './pass.ts';
import { describeRoute, isOwnAddress, lookupRoute, type RouteDecision, type RouteQuery, selectSource } from './route.ts';
import { forwardingSwitch, reversePathMode } from './sysctl.ts';
import { decapsulate } from './tunnel.ts';
import { linkNamed, type Place, unread, wasRead } from './world.ts';

/** A process (or a tunnel device) of this netns sends: route, OUTPUT, POSTROUTING, device (net/ipv4/ip_output.c). */
export const output = ({ place, flight }: Extract<Step, { at: 'output' }>, journey: Journey): Step => {
  if (!wasRead(place.netns)) return { at: 'end', outcome: 'unknown' };
  const first = lookupRoute(place.netns, query(flight));
  if (first.kind === 'refused') return noWay(journey, place, flight, first);
  if (flight.packet.source === '') flight.packet = { ...flight.packet, source: selectSource(place.netns, first, flight.packet.destination) ?? '' };
  journey.sent ??= flight.packet;

  const pass = startPass({ journey, place, flight });
  const before = flight.packet;
  const markBefore = flight.mark;
  const verdict = hook(pass, 'output', first.device);
  const refused = refusal(verdict, 'output');
  const device = linkNamed(place.netns, first.device);
  if (refused) return endAt(journey, { place, device, direction: 'out', what: describeRoute(first, 'without device'), flight }, refused);

  // A changed destination or mark is routed again (net/ipv4/netfilter.c ip_route_me_harder).
  const changed = flight.packet.destination !== before.destination || flight.mark !== markBefore;
  const route = changed ? lookupRoute(place.netns, query(flight)) : first;
  const what = [changeOf(pass, before), describeRoute(route, 'without device')].filter(Boolean).join(', ');
  if (route.kind === 'refused') return noWay(journey, place, flight, route);
  if (route.kind === 'local') return loopback(pass, what);
  return leave(pass, route, what);
};

const query = ({ packet, mark }: Flight, iif?: string): RouteQuery => ({ packet, mark, ...(iif === undefined ? {} : { iif }) });

/** To an address of this very netns: through lo, past POSTROUTING and INPUT. */
const loopback = (pass: Pass, what: string): Step => {
  const { journey, place, flight } = pass;
  const lo = linkNamed(place.netns, 'lo');
  addHop(journey, { place, device: lo, direction: 'out', what, flight });
  if (lo && !lo.up) return stop(journey, { reason: 'link-down', message: 'lo is down', facts: { interface: 'lo' } });
  hook(pass, 'postrouting', 'lo');
  return deliver(pass, 'lo');
};

/** POSTROUTING, then the device. */
const leave = (pass: Pass, route: Extract<RouteDecision, { kind: 'unicast' }>, what: string): Step => {
  const { journey, place, flight } = pass;
  const device = linkNamed(place.netns, route.device);
  const before = flight.packet;
  const refused = refusal(hook(pass, 'postrouting', route.device), 'postrouting');
  if (refused) return endAt(journey, { place, device, direction: 'out', what, flight }, refused);
  if (!device) {
    addHop(journey, { place, direction: 'out', what, flight });
    return stop(journey, {
      reason: 'no-device',
      message: `the route leads to ${route.device}, which does not exist`,
      facts: { interface: route.device },
    });
  }
  const nextHop = route.gateway ?? flight.packet.destination;
  return { at: 'transmit', place, device, flight, nextHop, what: [what, changeOf(pass, before)].filter(Boolean).join(', ') };
};

const endAt = (journey: Journey, at: Parameters<typeof addHop>[1], end: Parameters<typeof stop>[1]): Step => {
  addHop(journey, at);
  return stop(journey, end);
};

const noWay = (journey: Journey, place: Place, flight: Flight, decision: Extract<RouteDecision, { kind: 'refused' }>): Step => {
  addHop(journey, { place, direction: 'out', what: describeRoute(decision), flight });
  return refuse(journey, place, decision, flight);
};

/** Without the whole of the tables "no route" is no answer. */
const refuse = (journey: Journey, place: Place, decision: Extract<RouteDecision, { kind: 'refused' }>, { packet }: Flight): Step =>
  decision.reason === 'no-route' && unread(place, 'routes', 'rules')
    ? lose(journey, 'not all routes here could be read')
    : stop(journey, refusedRoute(decision, packet.destination));

const refusedRoute = (decision: Extract<RouteDecision, { kind: 'refused' }>, destination: string): Parameters<typeof stop>[1] => ({
  reason: decision.reason,
  message: decision.reason === 'no-route' ? `no route to ${destination}` : `${describeRoute(decision)} refuses ${destination}`,
  decidedBy: decision.reason === 'no-route' ? undefined : describeRoute(decision),
  facts: { destination, route: decision.route?.destination, table: decision.route?.table, rule: decision.rule?.priority },
});

/** A packet arrives: PREROUTING, routing decision, then to this host or through it (net/ipv4/ip_input.c, ip_forward.c). */
export const input = ({ place, device, flight, bridgePort, pass: bridged }: Extract<Step, { at: 'input' }>, journey: Journey): Step => {
  const pass = bridged ?? startPass({ journey, place, flight, iif: device.name, bridgeIn: bridgePort });
  if (!bridged) {
    const before = flight.packet;
    const refused = refusal(hook(pass, 'prerouting'), 'prerouting');
    if (refused) return stop(journey, refused);
    sayChange(pass, before);
  }

  const route = lookupRoute(place.netns, query(flight, device.name));
  if (route.kind !== 'local' && !wasRead(place.netns)) return lose(journey, 'the routes here were not read');
  const bogus = route.kind === 'refused' ? undefined : sourceProblem(pass, device);
  if (bogus) return stop(journey, bogus);
  if (route.kind === 'refused') {
    say(journey, describeRoute(route));
    return refuse(journey, place, route, flight);
  }
  return route.kind === 'local' ? deliver(pass, device.name) : forward(pass, device, route);
};

/** Source validation of IPv4 (net/ipv4/fib_frontend.c fib_validate_source); IPv6 has none. */
const sourceProblem = ({ place, flight, context }: Pass, device: Link): Parameters<typeof stop>[1] | undefined => {
  const { source } = flight.packet;
  if (familyOf(source) === 6) return undefined;
  if (isOwnAddress(place.netns, source)) {
    return {
      reason: 'martian-source',
      message: `arrives at ${device.name} with the source ${source}, an address of this very host`,
      facts: { source, interface: device.name },
    };
  }
  const mode = reversePathMode(place.netns, device.name);
  if (mode === 0 || reversePathHolds(place, context, mode === 2)) return undefined;
  return {
    reason: 'reverse-path',
    message: `rp_filter=${mode} on ${device.name}: packets to ${source} would not leave by it`,
    facts: { source, interface: device.name, mode },
  };
};

const deliver = (pass: Pass, iif: string): Step => {
  const { journey, place, flight } = pass;
  pass.context.iif = iif;
  const before = flight.packet;
  const result = hook(pass, 'input');
  const refused = refusal(result, 'input');
  if (refused) return stop(journey, refused);
  sayChange(pass, before);
  if (flight.carries) return decapsulate(journey, place, flight);
  say(journey, result.by ? `INPUT ACCEPT (${shortRule(result.by)})` : '', 'delivered');
  return { at: 'end', outcome: 'delivered', place };
};

const forward = (pass: Pass, device: Link, route: Extract<RouteDecision, { kind: 'unicast' }>): Step => {
  const { journey, place, flight } = pass;
  const { name, value } = forwardingSwitch(place.netns, familyOf(flight.packet.destination), device.name);
  say(journey, describeRoute(route));
  if (value === '0') return stop(journey, { reason: 'forwarding-off', message: `${name} is 0`, facts: { sysctl: name, interface: device.name } });
  const result = hook(pass, 'forward', route.device);
  const refused = refusal(result, 'forward');
  if (refused) return stop(journey, refused);
  say(journey, result.by ? `FORWARD ACCEPT (${shortRule(result.by)})` : '');
  return leave(pass, route, '');
};
