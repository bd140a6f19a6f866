import type { Address, Link } from '../../node/snapshot.ts';
import { familyOf, hostPort, inPrefix, parsePrefix, sameAddress } from '../address.ts';
import { assume, type Flight, type Frame, type Journey, lose, type Step, type StopDetail, say, stop } from '../flight.ts';
import type { Stop } from '../hop.ts';
import { answersStranger } from '../neighbour/solicit.ts';
import { silentlyTooBig } from '../stack/mtu.ts';
import { hasPorts, isUplink } from '../uplinks.ts';
import { type End, hostNetns, nodeHolding, type Place, portsOf, type World } from '../world.ts';
import type { Emit } from './emit.ts';
import { parentOf, stackedHolding, stackedWith } from './stacked.ts';

export const unansweredStop = (device: Link, address: string, because?: Stop): StopDetail => ({
  reason: 'no-neighbour',
  message: `nobody behind ${device.name} answers for ${address}${because ? `: ${because.message}` : ''}`,
  facts: { interface: device.name, address, state: 'unanswered' },
  because,
});

/** Into the network between the nodes: to the node whose interface has the frame's address, or holds the next hop or the destination; else away. */
export const sendUplink = ({ place, device, flight, frame, nextHop }: Emit, journey: Journey): Step => {
  const { destination } = flight.packet;
  const towards = nextHop ?? destination;
  if (isUnreachable(journey.world, place, frame, towards)) {
    return stop(journey, {
      reason: 'no-receiver',
      message: `the neighbour entry for ${towards} on ${device.name} says ${frame.to}, which is no address of the node that holds it`,
      facts: { interface: device.name, mac: frame.to, address: towards },
    });
  }
  // redirected here with the address of the device it was meant for: nobody out there has that
  if (frame.to !== undefined && place.netns.links.some(({ mac }) => mac === frame.to)) {
    const facts = { interface: device.name, mac: frame.to, node: place.snapshot.node };
    return stop(journey, {
      reason: 'no-receiver',
      message: `${frame.to} is an address of this very node, which nobody behind ${device.name} has`,
      facts,
    });
  }
  const arrival = arrivalOf(journey.world, place, frame, towards, destination);
  if (arrival?.routed && !isFound(journey, arrival, destination, towards)) {
    return stop(journey, {
      reason: 'no-receiver',
      message: `${arrival.place.snapshot.node} does not answer a router that asks for ${destination}`,
      facts: { interface: device.name, address: destination, node: arrival.place.snapshot.node, router: towards },
    });
  }
  const lost = arrival?.link.kind === 'veth' ? silentlyTooBig(flight, arrival.link) : undefined;
  if (arrival && lost) return stop(journey, { ...lost, facts: { ...lost.facts, node: arrival.place.snapshot.node } });
  // a router on the way counts as a hop
  if (arrival?.routed) flight.ttl = (flight.ttl ?? 64) - 1;
  say(journey, outerWords(flight), arrival ? `to ${arrival.place.snapshot.node}` : `to ${hostPort(towards)}`);
  if (!arrival) return place.netns.role === 'host' ? gone(place, device, flight) : lose(journey, `the far end of ${device.name} was not read`);
  return {
    at: 'receive',
    place: arrival.place,
    device: arrival.link,
    flight: { ...flight, mark: 0 },
    frame: { ...frame, from: arrival.routed ? undefined : frame.from, to: arrival.mac },
  };
};

/** Does a router find the node that holds the address? */
const isFound = (journey: Journey, { holder, place, link }: Arrival, target: string, router: string): boolean => {
  if (!link.up) return false;
  // on its way here the packet that is answered made its sender ask a router
  if (journey.learned.some(({ node, address }) => node === undefined && sameAddress(address, target))) return true;
  const end = holder ?? { place, link };
  const found = answersStranger(journey, end, {
    target,
    sender: gatewayOf(end, target) ?? (familyOf(target) === 6 || isBeside(end, router) ? router : ''),
  });
  if (found !== undefined) return found;
  const what = `${place.snapshot.node} hears no question for ${target}: whether a router knows it all the same`;
  return assume(journey, what, { kind: 'unknown', what, ways: [{ label: 'it does not' }, { label: 'it does' }] }) === 1;
};

/** What a tunnel carries to somewhere unknown is as good as lost, though nobody here can say so. */
const gone = (place: Place, device: Link, { packet, carries }: Flight): Step =>
  carries ? { at: 'end', outcome: 'left' } : { at: 'end', outcome: 'left', place, device, packet };

const outerWords = ({ carries, packet }: Flight): string => {
  if (!carries) return '';
  const words = carries.port === undefined ? carries.kind.toUpperCase() : `UDP ${carries.port}`;
  return `${words} ${packet.source} → ${packet.destination}`;
};

/** Somebody wrote an address down that the next hop, a node we know, does not have. */
const isUnreachable = (world: World, { snapshot }: Place, { to, fixed }: Frame, nextHop: string): boolean => {
  if (to === undefined || fixed !== true) return false;
  const holder = nodeHolding(world, nextHop, snapshot.node);
  return holder !== undefined && !holder.place.netns.links.some(({ mac }) => mac === to) && ownerOf(world, snapshot.node, to) === undefined;
};

interface Arrival extends End {
  /** Address of whatever holds the IP address there. */
  mac?: string | undefined;
  /** By way of a router between the nodes. */
  routed: boolean;
  /** What holds the address, where a port of it takes the frame. */
  holder?: End;
}

/** A router between the nodes, or a cloud's network, writes link-level addresses of its own: what holds the address gets its own. */
const arrivalOf = (world: World, { snapshot }: Place, { to }: Frame, nextHop: string, destination: string): Arrival | undefined => {
  const owner = to === undefined ? undefined : ownerOf(world, snapshot.node, to);
  if (owner) return { ...owner, mac: to, routed: false };
  const direct = nodeHolding(world, nextHop, snapshot.node);
  const pod = direct ? undefined : stackedHolding(world, nextHop, snapshot.node);
  const below = pod && parentOf(pod.place, pod.link);
  if (pod && below) return { ...portOf(below), mac: pod.link.mac, routed: false };
  const holder = direct ?? (nextHop === destination ? undefined : routedTo(world, destination, nextHop, snapshot.node));
  if (!holder) return undefined;
  const port = portOf(holder);
  return { ...port, mac: port.link.master === undefined ? port.link.mac : holder.link.mac, routed: direct === undefined, holder };
};

/** Routers between the nodes know the nodes' own networks; addresses on bridges and tunnels, or single ones, are nobody's business out there. */
const routedTo = (world: World, destination: string, router: string, except: string): End | undefined => {
  const holder = nodeHolding(world, destination, except);
  if (!holder) return undefined;
  const { place, link } = holder;
  const own = link.addresses.find(({ address }) => sameAddress(address, destination));
  if (own && inPrefix(`${own.address}/${own.prefix}`, router) && !isDefaultGateway(world, router)) return undefined;
  const isNetwork = own !== undefined && own.prefix < (own.family === 4 ? 32 : 128) && isUplink(place, link) && isRouted(holder, own);
  return isNetwork || world.facts.nodes.some(({ ips }) => ips.some((ip) => sameAddress(ip, destination))) ? holder : undefined;
};

/** Beside the destination itself only who is known for a router is taken for one. */
const isDefaultGateway = ({ snapshots }: World, router: string): boolean =>
  snapshots.some((snapshot) =>
    hostNetns(snapshot)?.routes.some(
      ({ destination, gateway, nexthops }) =>
        parsePrefix(destination)?.length === 0 &&
        [gateway, ...nexthops.map((hop) => hop.gateway)].some((one) => one !== undefined && sameAddress(one, router)),
    ),
  );

const isBeside = ({ link }: End, router: string): boolean => link.addresses.some(({ address, prefix }) => inPrefix(`${address}/${prefix}`, router));

/** The router's address on its other side, as the node there knows it. */
const gatewayOf = ({ place, link }: End, address: string): string | undefined =>
  place.netns.routes.find(
    ({ family, device, gateway, destination }) =>
      family === familyOf(address) && gateway !== undefined && device === link.name && parsePrefix(destination)?.length === 0,
  )?.gateway;

/** A router has an address in the networks it knows: where it is in another one of this device's, it need not know this one. */
const isRouted = ({ place, link }: End, own: Address): boolean => {
  const gateways = place.netns.routes.flatMap(({ gateway, device }) => (gateway !== undefined && device === link.name ? gateway : []));
  const isBeside = ({ address, prefix }: Address): boolean => gateways.some((gateway) => inPrefix(`${address}/${prefix}`, gateway));
  return isBeside(own) || !link.addresses.some((other) => other.family === own.family && isBeside(other));
};

/** The other node with an interface of this address on the network between them. */
const ownerOf = (world: World, except: string, mac: string): End | undefined => {
  for (const snapshot of world.snapshots) {
    const netns = snapshot.node === except ? undefined : hostNetns(snapshot);
    const link = netns?.links.find((candidate) => candidate.mac === mac && isUplink({ snapshot, netns }, candidate));
    if (netns && link) return portOf({ place: { snapshot, netns }, link });
  }
  const pod = stackedWith(world, mac, except);
  return pod && parentOf(pod.place, pod.link);
};

/** A bridge or bond that holds the address gets its frames by one of its ports; an address on lo comes in by any uplink. */
const portOf = ({ place, link }: End): End => {
  if (link.kind === '' && link.name !== 'lo') return { place, link };
  const { netns } = place;
  if (hasPorts.has(link.kind)) {
    const ports = portsOf(netns, link).filter((candidate) => isUplink(place, candidate));
    return { place, link: ports.find(({ up }) => up) ?? ports[0] ?? link };
  }
  if (isUplink(place, link)) return { place, link };
  const route = netns.routes.find(({ destination, table, device }) => destination === '0.0.0.0/0' && table === 'main' && device !== undefined);
  const uplink = netns.links.find((candidate) => candidate.name === route?.device) ?? netns.links.find((candidate) => isUplink(place, candidate));
  return { place, link: uplink ?? link };
};

/** A kind of device nobody taught us: out of the node, or nowhere we know. */
export const unknownDriver = (step: Emit, journey: Journey): Step =>
  isUplink(step.place, step.device) || (step.place.netns.role === 'host' && !known.has(step.device.kind))
    ? sendUplink(step, journey)
    : lose(journey, `${step.device.name} is a ${step.device.kind} device: what happens behind it is not in the kernel's tables`);

const known = new Set([
  'tun',
  'openvswitch',
  'netkit',
  'ifb',
  'nlmon',
  'xfrm',
  'vti',
  'vti6',
  'can',
  'ppp',
  'hsr',
  'batadv',
  'amt',
  'bareudp',
  'gtp',
]);
