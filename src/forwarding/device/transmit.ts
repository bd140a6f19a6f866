import type { Link } from '../../node/snapshot.ts';
import { type Journey, joined, type Step } from '../flight.ts';
import { entryFor, isValid } from '../neighbour/entry.ts';
import { resolve } from '../neighbour/resolve.ts';
import { isUplink } from '../uplinks.ts';
import { linkHolding, nodeHolding, type Place, type World } from '../world.ts';
import { stopBefore } from './emit.ts';
import { hasAddresses, linkProblem } from './link.ts';
import { isStacked, stackedHolding } from './stacked.ts';
import { unansweredStop } from './uplink.ts';

type Transmit = Extract<Step, { at: 'transmit' }>;

/** The IP stack hands a packet to a device: the next hop's address first (net/ipv4/ip_output.c ip_finish_output2, net/core/neighbour.c). */
export const transmit = (step: Transmit, journey: Journey): Step => {
  const { place, device, flight, nextHop, what } = step;
  const out = { at: 'emit' as const, place, device, flight, nextHop, what, frame: { from: device.mac } };
  const broken = linkProblem(device);
  if (broken) return stopBefore(out, journey, isKnown(place, device, nextHop) ? { ...broken, facts: { ...broken.facts, told: 'nobody' } } : broken);
  if (!hasAddresses(device) || device.noArp === true) return out;
  const { mac, state, fixed, because } = resolve(journey, place, device, nextHop, flight.packet.source);
  const silent =
    state === 'mute' ||
    (isShared(place, device) ? isNeighbours(journey.world, place, device, nextHop) : state === 'nobody' && device.kind !== 'vxlan');
  if (mac === undefined && silent) return stopBefore(out, journey, unansweredStop(device, nextHop, because));
  const said = device.kind === 'bridge' && mac !== undefined ? `${nextHop} is at ${mac}` : '';
  return { ...out, what: joined(what, said), frame: { from: device.mac, to: mac, fixed, state } };
};

/** Only who asks for a neighbour in vain hears of it. */
const isKnown = (place: Place, device: Link, address: string): boolean => {
  const entry = entryFor(place, device, address);
  return entry !== undefined && isValid(entry);
};

/** Does it lead into the network between the nodes, where strangers may be? */
const isShared = (place: Place, device: Link): boolean => isUplink(place, device) || isStacked(device);

/** An address of a node or of a pod that we know is nobody else's; one that is asked for and not answered is silent. */
const isNeighbours = (world: World, place: Place, device: Link, address: string): boolean =>
  // what is stacked on a device does not reach that device's host
  nodeHolding(world, address, isStacked(device) ? undefined : place.snapshot.node) !== undefined ||
  stackedHolding(world, address) !== undefined ||
  world.snapshots.some(({ namespaces }) => namespaces.some((netns) => netns.role === 'pod' && linkHolding(netns, address) !== undefined));
