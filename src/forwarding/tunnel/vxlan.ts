import type { FdbEntry, Link } from '../../node/snapshot.ts';
import { familyOf, isMulticast } from '../address.ts';
import { entryLine } from '../bridge/fdb.ts';
import { bridgeOf } from '../bridge/ports.ts';
import { invert, isTranslated, sameTuple, tupleOf } from '../conntrack.ts';
import type { Emit } from '../device/emit.ts';
import { decided, type Flight, type Journey, joined, lose, type Step, type StopDetail, say, stop } from '../flight.ts';
import { choose } from '../fork.ts';
import { isV6 } from '../pass.ts';
import { lookupRoute, type RouteDecision } from '../route/lookup.ts';
import { mtuOf, tooBig } from '../stack/mtu.ts';
import { judgeOf, routeQuery } from '../stack/route-query.ts';
import { hostNetns, linkHolding, linkNamed, type Place, unread } from '../world.ts';
import { devicesOf, floodRemotes, learnedRemote, socketPlace, speaks, tunnelEntries, zeroMac } from './vxlan-peers.ts';

/** Outer Ethernet is the next link's: inner Ethernet 14, VXLAN 8, UDP 8, IP 20 or 40. */
const overhead = (remote: string): number => 14 + 8 + 8 + (familyOf(remote) === 4 ? 20 : 40);

/** A frame handed to a VXLAN device: FDB → outer UDP packet (drivers/net/vxlan/vxlan_core.c vxlan_xmit). */
export const sendVxlan = ({ place, device, flight, frame, nextHop, what }: Emit, journey: Journey): Step => {
  const { vxlan } = device;
  const hop = journey.hops.at(-1);
  if (!vxlan || !hop) return lose(journey, `${device.name}: no VXLAN details in the snapshot`);
  if (vxlan.external) return lose(journey, `${device.name} takes its tunnel data from BPF or OVS`);
  const socket = socketPlace(place, device);
  if (!socket) return lose(journey, `where the socket of ${device.name} is was not read`);
  const entries = tunnelEntries(place, device);
  const entry = frame.to === undefined || frame.toAll ? undefined : entries.find(({ mac }) => mac === frame.to);
  const learned = frame.toAll || entry?.state === 'permanent' ? undefined : learnedRemote(journey, place, device, frame.to);
  const flooded = entry || learned !== undefined ? [] : floodRemotes(place, device);
  const floods = flooded.length > 0 || learned !== undefined;
  const unresolved = missing(place, device, frame.to, nextHop ?? flight.packet.destination, frame.state, floods);
  if (unresolved === 'unread') return lose(journey, 'the neighbours here could not be read');
  if (!entry && !floods && unread(place, 'fdb')) return lose(journey, 'the FDB here could not be read');
  if (unresolved) return stop(journey, unresolved);
  const remote = learned ?? entry?.destination ?? towards(journey, flooded, frame) ?? pickRemote(journey, place, device, flooded);
  if (remote === undefined) return lose(journey, `${device.name} floods by multicast, and who listens was not read`);
  if (entry) decided(journey, 'here', { by: 'fdb', object: entryLine(entry) });
  hop.what = joined(what, `VXLAN ${entry?.vni ?? vxlan.vni} → ${remote}`, frame.to === undefined ? '' : `VTEP ${frame.to}`);
  const used = entry ?? entries.find(({ mac, destination }) => mac === zeroMac && destination === remote);
  const outer = carrier({ place, socket, device, flight, frame, remote, entry: used });
  const oif = boundTo(socket, device, used);
  const route = lookupRoute(socket.netns, routeQuery(outer, socket, undefined, oif), judgeOf(journey, socket));
  if (route.kind === 'local' && route.route.type === 'local') return comeRound(journey, socket, outer, oif);
  const big = route.kind === 'unicast' ? tooBigInside(journey, place, device, flight, limitOf(socket, route, outer)) : undefined;
  return big ? stop(journey, big) : { at: 'output', place: socket, flight: outer, oif };
};

/** Bytes left inside the tunnel by the route of its packets. */
const limitOf = ({ netns }: Place, { route, paths: [path] }: Extract<RouteDecision, { kind: 'unicast' }>, { carries }: Flight): number => {
  const underlay = linkNamed(netns, path.device);
  return underlay ? mtuOf(route, underlay) - (carries?.overhead ?? 0) : 0;
};

/**
 * As a port of a bridge it answers for the far end when a packet does not fit and may not be cut (net/ipv4/ip_tunnel_core.c
 * skb_tunnel_check_pmtu). The answer is written over the packet, whose connection it keeps: where that is translated here, the answer is
 * translated as if it were the packet, and lost (nf_conntrack_core.c nf_conntrack_in: previously seen).
 */
const tooBigInside = (journey: Journey, place: Place, device: Link, flight: Flight, limit: number): StopDetail | undefined => {
  const big = bridgeOf(place, device) && limit >= (isV6(flight.packet) ? 1281 : 576) ? tooBig(flight, device, limit) : undefined;
  if (!big || !isTranslatedHere(journey, place, flight)) return big;
  return {
    ...big,
    message: `${flight.packet.length} bytes do not fit through ${device.name} (MTU ${limit}); the sender is not told, as its flow is translated here`,
    facts: { ...big.facts, lost: 'translated' },
  };
};

const isTranslatedHere = ({ connections }: Journey, { snapshot, netns }: Place, { packet }: Flight): boolean =>
  connections.some(
    (one) =>
      one.node === snapshot.node &&
      one.netns === netns.inode &&
      sameTuple(invert(one.reply), tupleOf(packet)) &&
      (isTranslated(one, 'destination') || isTranslated(one, 'source')),
  );

/**
 * To an address of this very node: the inner frame is handed to the device of the same VNI at once, whatever address it is for, and no
 * outer packet is made (drivers/net/vxlan/vxlan_core.c encap_bypass_if_local, vxlan_encap_bypass).
 */
const comeRound = (journey: Journey, socket: Place, { packet, carries }: Flight, oif: string | undefined): Step => {
  const found = oif === undefined ? devicesOf(socket, 'vxlan').find(({ link }) => takes(link, packet.destination, carries)) : undefined;
  const vni = carries?.vni;
  if (!carries || !found) {
    const facts = { kind: 'vxlan', vni, port: carries?.port };
    return stop(journey, { reason: 'no-tunnel-device', message: `${packet.destination} is this node itself, which has no VXLAN ${vni}`, facts });
  }
  say(journey, 'which is this node itself');
  return { at: 'receive', place: found.place, device: found.link, flight: carries.inner, frame: { ...carries.frame, own: true } };
};

const takes = ({ up, vxlan }: Link, remote: string, carries: Flight['carries']): boolean =>
  up && vxlan !== undefined && vxlan.vni === carries?.vni && vxlan.port === carries.port && speaks(vxlan, remote);

/** Without an address on the link, or with one that no entry leads to, a frame is dropped unless it may be flooded. */
const missing = (
  place: Place,
  device: Link,
  mac: string | undefined,
  address: string,
  state: string | undefined,
  floods: boolean,
): StopDetail | 'unread' | undefined => {
  if (mac === undefined && unread(place, 'inet', 'neighbours')) return 'unread';
  if (mac === undefined && (!floods || state === 'nobody')) {
    const facts = { interface: device.name, address, state: state ?? 'unknown' };
    return { reason: 'no-neighbour', message: `no neighbour entry for ${address} on ${device.name}`, facts };
  }
  if (mac === undefined || floods) return undefined;
  const known = tunnelEntries(place, device).some((entry) => entry.mac === mac);
  return known
    ? undefined
    : { reason: 'no-fdb', message: `no FDB entry for ${mac} on ${device.name}`, facts: { interface: device.name, mac, address } };
};

/** Of a question to everybody, the copy for the node of who is meant. */
const towards = ({ world }: Journey, remotes: string[], { to, toAll }: Emit['frame']): string | undefined => {
  if (toAll === undefined || remotes.length < 2) return undefined;
  const node = world.snapshots.find(({ namespaces }) => namespaces.some(({ links }) => links.some(({ mac }) => mac === to)));
  const host = node && hostNetns(node);
  return host && remotes.find((remote) => linkHolding(host, remote) !== undefined);
};

/** Flooding sends a copy to each remote; the one that leads to the receiver is the one that counts. */
const pickRemote = (journey: Journey, place: Place, device: Link, remotes: string[]): string | undefined => {
  const known = remotes.filter((remote) => !isMulticast(remote));
  if (known.length < 2) return known[0];
  const copies = known.map((remote) => ({ label: remote }));
  return known[choose(journey, { kind: 'copies', what: `${device.name} on ${place.snapshot.node} floods to ${known.length} remotes`, ways: copies })];
};

/** An entry made with a device binds its packets to it, as the remote does that the interface itself was made with (vxlan_xmit_one, remote_ifindex). */
const boundTo = (socket: Place, device: Link, entry: FdbEntry | undefined): string | undefined =>
  linkNamed(socket.netns, entry ? entry.via : device.vxlan?.underlay)?.name;

interface Wrapping {
  place: Place;
  socket: Place;
  device: Link;
  flight: Flight;
  frame: Emit['frame'];
  remote: string;
  entry: FdbEntry | undefined;
}

const carrier = ({ place, socket, device, flight, frame, remote, entry }: Wrapping): Flight => {
  const { local, vni = 0, port = 0 } = device.vxlan ?? {};
  const added = overhead(remote);
  const { length } = flight.packet;
  return {
    packet: {
      source: local ?? '',
      destination: remote,
      protocol: 'udp',
      destinationPort: entry?.port ?? port,
      dontFragment: false,
      ...(length === undefined ? {} : { length: length + added }),
    },
    // The mark stays with the buffer, so a packet marked for masquerading is masqueraded outside as well (flannel#1279); not into another netns.
    mark: socket.netns === place.netns ? flight.mark : 0,
    direction: flight.direction,
    carries: {
      kind: 'vxlan',
      vni: entry?.vni ?? vni,
      port: entry?.port ?? port,
      inner: flight,
      frame: { from: frame.from, to: frame.to, toAll: frame.toAll },
      overhead: added,
    },
  };
};
