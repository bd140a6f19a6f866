import type { Link } from '../node/snapshot.ts';
import { familyOf } from './address.ts';
import { addHop, type Flight, type Journey, lose, type Step, say, stop } from './flight.ts';
import { resolve } from './neighbour.ts';
import { hook, type Pass, refusal, sayChange, startPass } from './pass.ts';
import { lookupRoute } from './route.ts';
import { sysctl } from './sysctl.ts';
import { type End, linkNamed, type Place, peerOf, portsOf } from './world.ts';

/** The bridge a port belongs to, when it is a Linux bridge. */
export const bridgeOf = (place: Place, port: Link): Link | undefined => {
  const bridge = place.netns.links.find((link) => link.ifindex === port.master?.ifindex);
  return bridge?.kind === 'bridge' ? bridge : undefined;
};

export interface Frame {
  place: Place;
  bridge: Link;
  flight: Flight;
  /** Destination address of the frame, where it is known. */
  mac?: string | undefined;
}

/** A frame comes in by a port: to the bridge's own IP stack, or on to another port (net/bridge/br_input.c br_handle_frame_finish). */
export const receiveOnPort = (journey: Journey, frame: Frame, port: Link): Step => {
  const { place, bridge, flight, mac } = frame;
  const closed = portProblem(port, bridge);
  if (closed) return stop(journey, closed);
  say(journey, `port of ${bridge.name}`);
  if (!bridge.up) return stop(journey, { reason: 'link-down', message: `${bridge.name} is down`, facts: { interface: bridge.name } });
  const before = flight.packet;
  const pass = isFiltered(frame) ? startPass({ journey, place, flight, iif: bridge.name, bridgeIn: port.name }) : undefined;
  if (pass) {
    const refused = refusal(hook(pass, 'prerouting'), 'prerouting');
    if (refused) return stop(journey, refused);
    sayChange(pass, before);
    if (before.destination !== flight.packet.destination) return redirect(journey, frame, port, pass);
  }
  if (mac === undefined) return lose(journey, 'which address the frame is for was not read');
  return isOwnMac(place, bridge, mac) ? passUp(journey, frame, port, pass) : bridgeForward(journey, frame, { port, pass });
};

/** br_netfilter hands bridged IP packets to iptables' hooks with the bridge as both interfaces (net/bridge/br_netfilter_hooks.c). */
const isFiltered = ({ place, flight }: Frame): boolean =>
  sysctl(place.netns, `net.bridge.bridge-nf-call-${familyOf(flight.packet.destination) === 4 ? 'iptables' : 'ip6tables'}`) === '1';

const passUp = (journey: Journey, { place, bridge, flight }: Frame, port: Link, pass: Pass | undefined): Step => {
  addHop(journey, { place, device: bridge, direction: 'in', what: '', flight });
  return { at: 'input', place, device: bridge, flight, bridgePort: port.name, ...(pass ? { pass } : {}) };
};

/** A translation on the bridge: to a neighbour on the same bridge it stays a frame, anywhere else it goes up (br_nf_pre_routing_finish). */
const redirect = (journey: Journey, frame: Frame, port: Link, pass: Pass): Step => {
  const { place, bridge, flight } = frame;
  const route = lookupRoute(place.netns, { packet: flight.packet, mark: flight.mark, iif: bridge.name });
  if (route.kind !== 'unicast' || route.device !== bridge.name) return passUp(journey, frame, port, pass);
  const { mac } = resolve(journey, place, bridge, route.gateway ?? flight.packet.destination);
  if (mac === undefined) return lose(journey, `who has ${flight.packet.destination} on ${bridge.name} was not read`);
  return bridgeForward(journey, { ...frame, mac }, { port, pass });
};

/** The bridge's own address, or that of one of its ports, is for the host itself (br_fdb_find_rcu → BR_FDB_LOCAL). */
const isOwnMac = ({ netns }: Place, bridge: Link, mac: string): boolean =>
  bridge.mac === mac || portsOf(netns, bridge).some((port) => port.mac === mac);

const portProblem = (port: Link, bridge: Link): Parameters<typeof stop>[1] | undefined => {
  const state = port.bridgePort?.state ?? 'forwarding';
  if (state === 'forwarding' || state === '') return undefined;
  return {
    reason: 'bridge-port',
    message: `port ${port.name} of ${bridge.name} is ${state}`,
    facts: { interface: port.name, bridge: bridge.name, state },
  };
};

interface Origin {
  port: Link;
  /** Crossing of br_netfilter's hooks, where they are on. */
  pass: Pass | undefined;
}

/** From one port, or from the bridge itself, to the port that leads to the address. */
export const bridgeForward = (journey: Journey, frame: Frame, from?: Origin): Step => {
  const { place, bridge, flight } = frame;
  const found = portTo(frame, from?.port);
  const refused = from?.pass && filterBetween(from.pass, bridge, found);
  if (refused) return stop(journey, refused);
  if (found === 'unknown') return lose(journey, `no FDB entry on ${bridge.name}, and not every port's far end was read`);
  if (found === 'nobody') {
    return stop(journey, {
      reason: 'no-receiver',
      message: `no port of ${bridge.name} leads to ${frame.mac}`,
      facts: { bridge: bridge.name, mac: frame.mac, address: flight.packet.destination },
    });
  }
  addHop(journey, { place, device: found, direction: 'out', what: `port of ${bridge.name}`, flight });
  if (!found.up) return stop(journey, { reason: 'link-down', message: `${found.name} is down`, facts: { interface: found.name } });
  const closed = portProblem(found, bridge) ?? (from && pairProblem(from.port, found, bridge));
  return closed ? stop(journey, closed) : crossPort(journey, { place, link: found }, frame);
};

const filterBetween = (pass: Pass, bridge: Link, to: Link | string): Parameters<typeof stop>[1] | undefined => {
  if (typeof to !== 'string') pass.context.bridgeOut = to.name;
  for (const name of ['forward', 'postrouting'] as const) {
    const before = pass.flight.packet;
    const refused = refusal(hook(pass, name, bridge.name), name);
    if (refused) return refused;
    sayChange(pass, before);
  }
  return undefined;
};

/** What two ports may not do with each other (net/bridge/br_forward.c should_deliver, br_skb_isolated). */
const pairProblem = (from: Link, to: Link, bridge: Link): Parameters<typeof stop>[1] | undefined => {
  const isolated = from.bridgePort?.isolated === true && to.bridgePort?.isolated === true;
  const returns = from.ifindex === to.ifindex && to.bridgePort?.hairpin !== true;
  if (!isolated && !returns) return undefined;
  return {
    reason: 'bridge-port',
    message: returns
      ? `${to.name} has no hairpin mode: ${bridge.name} does not send a frame back out of the port it came in by`
      : `${from.name} and ${to.name} are both isolated ports of ${bridge.name}`,
    facts: { interface: to.name, bridge: bridge.name, state: returns ? 'without hairpin mode' : 'isolated' },
  };
};

const crossPort = (journey: Journey, { place, link }: End, { flight, mac }: Frame): Step => {
  const peer = peerOf(place, link);
  if (!peer) return lose(journey, `what is behind ${link.name} was not read`);
  return { at: 'receive', place: peer.place, device: peer.link, flight, ...(mac === undefined ? {} : { mac }) };
};

/** FDB, else flooding: then the port whose far end has the address takes the frame. */
const portTo = ({ place, bridge, mac }: Frame, from: Link | undefined): Link | 'nobody' | 'unknown' => {
  if (mac === undefined) return 'unknown';
  const ports = portsOf(place.netns, bridge);
  const learned = place.netns.fdb.find(
    (entry) => entry.mac === mac && ports.some((port) => port.name === entry.device) && entry.destination === undefined,
  );
  const port = linkNamed(place.netns, learned?.device);
  if (port) return port;
  const ends = ports
    .filter((candidate) => candidate.ifindex !== from?.ifindex || candidate.bridgePort?.hairpin === true)
    .map((candidate) => ({ candidate, peer: peerOf(place, candidate) }));
  const behind = ends.find(({ peer }) => peer?.link.mac === mac);
  if (behind) return behind.candidate;
  return ends.every(({ peer }) => peer !== undefined) || isElsewhere(place, bridge, mac) ? 'nobody' : 'unknown';
};

/** The owner of the address is known, and what leads to it is no port of this bridge. */
const isElsewhere = (place: Place, bridge: Link, mac: string): boolean =>
  place.snapshot.namespaces.some((netns) =>
    netns.links
      .filter((link) => link.mac === mac)
      .map((link) => peerOf({ snapshot: place.snapshot, netns }, link))
      .some((peer) => peer?.place.netns === place.netns && peer.link.master?.ifindex !== bridge.ifindex),
  );
