import type { Link } from '../../node/snapshot.ts';
import { familyOf, isLinkLocal6 } from '../address.ts';
import { decided, type Journey, lose, type Step, type StopDetail, say, stop } from '../flight.ts';
import { runHook } from '../netfilter/hook.ts';
import { isV6, type Pass, startPass } from '../pass.ts';
import { isLocal } from '../route/address-type.ts';
import { describeRoute, routeLine } from '../route/describe.ts';
import { lookupRoute, pickPath, type RouteDecision } from '../route/lookup.ts';
import { martianAddress, sourceProblem } from '../route/reverse-path.ts';
import { vrfOf } from '../route/vrf.ts';
import { forwardingSwitch, interfaceSysctl } from '../sysctl.ts';
import { decapsulate } from '../tunnel/decapsulate.ts';
import { linkNamed, wasRead } from '../world.ts';
import { refusal, sayChange, shortRule } from './hook.ts';
import { listeningSocket } from './listener.ts';
import { mtuOf, narrow, tooBig } from './mtu.ts';
import { leave, refuse } from './output.ts';
import { judgeOf, routeQuery } from './route-query.ts';

type Input = Extract<Step, { at: 'input' }>;

/** A packet arrives: PREROUTING, routing decision, then to this host or through it (net/ipv4/ip_input.c, route.c ip_route_input_slow). */
export const input = ({ place, device, flight, frame, pass: bridged }: Input, journey: Journey): Step => {
  const pass = bridged ?? startPass({ journey, place, flight, frame, iif: device.name });
  flight.made = undefined;
  const deaf = deafness(pass, device);
  if (deaf) return stop(journey, deaf);
  if (!bridged) {
    const before = flight.packet;
    const refused = refusal(runHook(pass, 'prerouting'), pass);
    if (refused) return stop(journey, refused);
    sayChange(pass, before);
  }
  if (flight.solicits) return deliver(pass, device.name);
  if (frame.own && flight.routed) return forward(pass, device, flight.routed);
  const inVrf = enterVrf(pass, device);
  if (inVrf) return stop(journey, inVrf);

  const odd = martianAddress(pass, device);
  if (odd) return stop(journey, odd);
  const iif = pass.iif ?? device.name;
  const decision = lookupRoute(place.netns, routeQuery(flight, place, iif), judgeOf(journey, place));
  if (decision.kind !== 'local' && !wasRead(place.netns)) return lose(journey, 'the routes here were not read');
  if (decision.route) decided(journey, 'here', { by: 'route', object: routeLine(decision.route) });
  if (decision.kind === 'refused') {
    say(journey, describeRoute(decision));
    // a host that does not forward tells nobody (net/ipv4/route.c ip_error)
    const isHost = !isV6(flight.packet) && forwardingSwitch(place.netns, 4, iif).value === '0';
    return refuse(journey, place, decision, flight, isHost ? 'nobody' : undefined);
  }
  if (decision.kind === 'unicast') return forward(pass, device, decision);
  const bogus = sourceProblem(pass, linkNamed(place.netns, iif) ?? device);
  return bogus ? stop(journey, bogus) : deliver(pass, iif);
};

/** Hop limit that a message of neighbour discovery must have when it is read, behind the rules of INPUT (net/ipv6/ndisc.c ndisc_rcv, RFC 4861). */
export const UNROUTED = 255;

const changedOnTheWay = (ttl: number | undefined): StopDetail => ({
  reason: 'ttl',
  message: `neighbour discovery with a hop limit of ${ttl} is not believed`,
  facts: { ttl },
});

/** IPv6 can be switched off on an interface (net/ipv6/ip6_input.c ip6_rcv_core). */
const deafness = ({ place, flight }: Pass, device: Link): StopDetail | undefined => {
  if (flight.solicits === 'arp' || familyOf(flight.packet.destination) === 4 || interfaceSysctl(place.netns, 6, device.name, 'disable_ipv6') !== '1')
    return undefined;
  const name = `net.ipv6.conf.${device.name}.disable_ipv6`;
  return { reason: 'forwarding-off', message: `${name} is 1`, facts: { sysctl: name, interface: device.name } };
};

/** A VRF's packets pass PREROUTING again, as if they had come in by the VRF itself (drivers/net/vrf.c vrf_ip_rcv). */
const enterVrf = (pass: Pass, device: Link): StopDetail | undefined => {
  if (device.master === undefined || vrfOf(pass.place.netns, device.master.name) === undefined) return undefined;
  pass.iif = device.master.name;
  return refusal(runHook(pass, 'prerouting'), pass);
};

/** INPUT, then the process, the tunnel, or by IPVS on to another host. */
export const deliver = (pass: Pass, iif: string): Step => {
  const { journey, place, flight } = pass;
  pass.iif = iif;
  pass.oif = undefined;
  const before = flight.packet;
  const result = runHook(pass, 'input');
  const refused = refusal(result, pass);
  if (refused) return stop(journey, refused);
  if (flight.solicits === 'nd' && flight.ttl !== UNROUTED) return stop(journey, changedOnTheWay(flight.ttl));
  sayChange(pass, before);
  if (pass.server && !isLocal(place, pass.server.address)) return onward(pass, pass.server);
  if (flight.carries) return decapsulate(journey, place, flight);
  say(journey, result.kind === 'accept' && result.by ? `INPUT ACCEPT (${shortRule(result.by)})` : '', 'delivered');
  const socket = listeningSocket(place.netns, flight.packet);
  if (socket) decided(journey, 'here', { by: 'socket', object: socket });
  return { at: 'end', outcome: 'delivered', place, packet: flight.packet };
};

/** From INPUT to the real server, as if it were sent from here (ip_vs_xmit.c: NF_INET_LOCAL_OUT, then the device). */
const onward = (pass: Pass, server: NonNullable<Pass['server']>): Step => {
  const { journey, place, flight } = pass;
  const query = { ...routeQuery(flight, place), destination: server.address, family: familyOf(server.address) };
  const decision = lookupRoute(place.netns, query, judgeOf(journey, place));
  if (decision.kind === 'refused') return refuse(journey, place, decision, flight);
  if (decision.kind === 'local') return stop(journey, { reason: 'no-route', message: `${server.address} is an address of this host` });
  if (/^Tunnel$/i.test(server.forward)) return lose(journey, `IPVS tunnels to ${server.address}, which is not followed`);
  const path = pickPath(journey, place.netns, decision);
  pass.oif = path.device;
  pass.local = false;
  const refused = refusal(runHook(pass, 'output'), pass);
  return refused ? stop(journey, refused) : leave(pass, decision, path, describeRoute(decision, path));
};

/** net/ipv4/ip_forward.c ip_forward, net/ipv6/ip6_output.c ip6_forward */
const forward = (pass: Pass, device: Link, decision: Extract<RouteDecision, { kind: 'unicast' }>): Step => {
  const { journey, place, flight } = pass;
  const path = pickPath(journey, place.netns, decision);
  const { name, value } = forwardingSwitch(place.netns, familyOf(flight.packet.destination), device.name);
  say(journey, describeRoute(decision, path));
  if (value === '0') {
    decided(journey, 'here', { by: 'sysctl', object: `${name} = 0` });
    return stop(journey, { reason: 'forwarding-off', message: `${name} is 0`, facts: { sysctl: name, interface: device.name } });
  }
  const outside = linkNamed(place.netns, path.device);
  const problem =
    (pass.frame.own && flight.routed ? undefined : sourceProblem(pass, device, path.device)) ??
    unforwardable(pass) ??
    expired(pass) ??
    (outside && oversize(pass, outside, decision));
  if (problem) return stop(journey, problem);
  flight.ttl = (flight.ttl ?? 64) - 1;
  flight.routed = decision;
  pass.oif = path.device;
  const result = runHook(pass, 'forward');
  const refused = refusal(result, pass);
  if (refused) return stop(journey, refused);
  say(journey, result.kind === 'accept' && result.by ? `FORWARD ACCEPT (${shortRule(result.by)})` : '');
  return leave(pass, decision, path, '');
};

/** Link-local IPv6 sources do not leave their link. */
const unforwardable = ({ flight: { packet } }: Pass): StopDetail | undefined =>
  isLinkLocal6(packet.source)
    ? { reason: 'martian-source', message: `${packet.source} is a link-local address, which no router forwards`, facts: { source: packet.source } }
    : undefined;

const expired = ({ flight, place }: Pass): StopDetail | undefined =>
  (flight.ttl ?? 64) <= 1
    ? { reason: 'ttl', message: `its TTL is used up on ${place.snapshot.node}; the sender is told by ICMP`, facts: { ttl: flight.ttl } }
    : undefined;

const oversize = ({ journey, place, flight }: Pass, device: Link, { route }: Extract<RouteDecision, { kind: 'unicast' }>): StopDetail | undefined => {
  const mtu = mtuOf(route, device);
  narrow(journey, place, device, mtu, flight);
  return tooBig(flight, device, mtu);
};
