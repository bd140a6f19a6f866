import type { Link } from '../../node/snapshot.ts';
import { familyOf, sameAddress } from '../address.ts';
import { addHop, doubt, type Flight, type Frame, type Journey, lose, type Step, stop } from '../flight.ts';
import { choose, type Way } from '../fork.ts';
import { type End, hostNetns, linkHolding, linkNamed, type Place, peerOf, type World } from '../world.ts';
import { sendUplink } from './uplink.ts';

/**
 * A switch or program decides: it may drop the packet, or let it pass. What it delivers to a pod arrives at that pod's own interface
 * whatever the flows are, so the way is followed from there.
 */
export const throughOpaque = (journey: Journey, at: AtSwitch, decider: string): Step => {
  const { place, device, flight, direction } = at;
  const isOwn = direction === 'in' && device.addresses.some(({ scope }) => scope === 'global');
  if (isOwn || isNodeAddress(journey.world, device)) return handOn(journey, at, decider);
  const target = flight.carries ? undefined : targetOf(journey.world, flight.packet.destination);
  // one assumption about where a switch leads is enough
  const gate = target || journey.opaque ? undefined : gateOf(place, flight);
  if (!target && !gate) return lose(journey, decider);
  const ways: Way[] = [{ label: 'lets it pass' }, { label: 'drops it' }, ...(gate ? [{ label: 'sends it another way' }] : [])];
  const way = choose(journey, { kind: 'opaque', what: decider, ways });
  if (way === 1) return stop(journey, { reason: 'program', message: `${decider}, and may drop it`, facts: { interface: device.name } });
  if (way === 2) return lose(journey, decider);
  doubt(journey.hops.at(-1), decider);
  journey.opaque = true;
  if (gate) {
    addHop(journey, { place: gate.place, device: gate.link, direction: 'in', what: 'assumed: it is handed to the host', flight });
    return { at: 'input', place: gate.place, device: gate.link, flight: lifted(flight), frame: {} };
  }
  return target ? arriveAt(journey, target, flight) : lose(journey, decider);
};

/** A packet at a device whose frames a switch or a program takes. */
export interface AtSwitch {
  place: Place;
  device: Link;
  flight: Flight;
  frame: Frame;
  direction: 'in' | 'out';
  nextHop?: string | undefined;
}

/** The switch's own port with the node's address: the network between the nodes is behind it. */
const isNodeAddress = ({ facts }: World, { addresses }: Link): boolean =>
  addresses.some(({ address }) => facts.nodes.some(({ ips }) => ips.includes(address)));

/** Where the switch has but one place to let it go: to the host itself, or out of it. */
const handOn = (journey: Journey, { place, device, flight, frame, direction, nextHop }: AtSwitch, decider: string): Step => {
  const ways = [{ label: 'lets it pass' }, { label: 'drops it' }];
  const way = choose(journey, { kind: 'opaque', what: decider, ways });
  if (way === 1) return stop(journey, { reason: 'program', message: `${decider}, and may drop it`, facts: { interface: device.name } });
  doubt(journey.hops.at(-1), decider);
  journey.opaque = true;
  if (direction === 'in') return { at: 'input', place, device, flight, frame };
  return sendUplink({ at: 'emit', place, device, flight, frame, what: '', nextHop }, journey);
};

/** Between two netns nothing of the sender's marks is left. */
const lifted = (flight: Flight): Flight => ({ ...flight, mark: 0 });

/** The interface of a pod, on any node, that holds the address. */
const targetOf = (world: World, destination: string): End | undefined => {
  for (const snapshot of world.snapshots) {
    for (const netns of snapshot.namespaces) {
      const link = netns.role === 'pod' ? linkHolding(netns, destination) : undefined;
      if (link) return { place: { snapshot, netns }, link };
    }
  }
  return undefined;
};

const arriveAt = (journey: Journey, { place, link }: End, flight: Flight): Step => {
  const port = peerOf(place, link);
  if (port) addHop(journey, { place: port.place, device: port.link, direction: 'out', what: 'assumed: it is let pass', flight });
  // a switch gives a port only frames that are addressed to it
  return { at: 'receive', place, device: link, flight: lifted(flight), frame: { to: link.mac } };
};

/** Interfaces by which switches hand to the host what is for it, or for the outside. */
const gates = ['ovn0', 'ovn-k8s-mp0', 'antrea-gw0', 'cilium_host'];

const gateOf = ({ snapshot, netns }: Place, { packet }: Flight): End | undefined => {
  const host = hostNetns(snapshot);
  if (!host || host !== netns) return undefined;
  const link = gates.map((name) => linkNamed(host, name)).find((candidate) => candidate?.up === true);
  const isOwn = link?.addresses.some(({ address }) => sameAddress(address, packet.source)) === true;
  return link && !isOwn && link.addresses.some(({ family }) => family === familyOf(packet.destination))
    ? { place: { snapshot, netns: host }, link }
    : undefined;
};
