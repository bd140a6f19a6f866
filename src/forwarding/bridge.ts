import type { Link } from '../node/snapshot.ts';
import { familyOf } from './address.ts';
import { addHop, type Flight, type Journey, lose, type Step, say, stop } from './flight.ts';
import { hook, refusal, startPass } from './pass.ts';
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
  if (mac === undefined) return lose(journey, 'which address the frame is for was not read');
  if (!isOwnMac(place, bridge, mac)) return bridgeForward(journey, frame, port);
  addHop(journey, { place, device: bridge, direction: 'in', what: '', flight });
  return { at: 'input', place, device: bridge, flight, bridgePort: port.name };
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

/** From one port, or from the bridge itself, to the port that leads to the address. */
export const bridgeForward = (journey: Journey, frame: Frame, from?: Link): Step => {
  const { place, bridge, flight } = frame;
  const filtered = from ? bridgeFilter(journey, frame, from) : undefined;
  if (filtered?.at === 'end') return filtered;
  const found = portTo(frame, from);
  if (found === 'unknown') return lose(journey, `no FDB entry on ${bridge.name}, and not every port's far end was read`);
  if (found === 'nobody') {
    return stop(journey, {
      reason: 'no-receiver',
      message: `no port of ${bridge.name} leads to ${frame.mac}`,
      facts: { bridge: bridge.name, mac: frame.mac, address: flight.packet.destination },
    });
  }
  const closed = found.up
    ? portProblem(found, bridge)
    : { reason: 'link-down' as const, message: `${found.name} is down`, facts: { interface: found.name } };
  addHop(journey, { place, device: found, direction: 'out', what: `port of ${bridge.name}`, flight });
  if (closed) return stop(journey, closed);
  if (from?.bridgePort?.isolated === true && found.bridgePort?.isolated === true) {
    return stop(journey, {
      reason: 'bridge-port',
      message: `${from.name} and ${found.name} are both isolated ports of ${bridge.name}`,
      facts: { interface: found.name, bridge: bridge.name, state: 'isolated' },
    });
  }
  return crossPort(journey, { place, link: found }, frame);
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

/** br_netfilter hands bridged IP packets to iptables' hooks with the bridge as both interfaces (net/bridge/br_netfilter_hooks.c). */
const bridgeFilter = (journey: Journey, { place, bridge, flight }: Frame, from: Link): Step | undefined => {
  const family = familyOf(flight.packet.destination);
  if (sysctl(place.netns, family === 4 ? 'net.bridge.bridge-nf-call-iptables' : 'net.bridge.bridge-nf-call-ip6tables') !== '1') return undefined;
  const pass = startPass({ journey, place, flight, iif: bridge.name, bridgeIn: from.name });
  for (const name of ['prerouting', 'forward', 'postrouting'] as const) {
    const refused = refusal(hook(pass, name, bridge.name), name);
    if (refused) return stop(journey, refused);
  }
  return undefined;
};
