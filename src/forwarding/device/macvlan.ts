import type { Link } from '../../node/snapshot.ts';
import { decided, type Flight, type Frame, type Journey, lose, type Step, stop } from '../flight.ts';
import { type End, holdsAddress, type Place } from '../world.ts';
import type { Emit } from './emit.ts';
import { childrenOf, parentOf } from './stacked.ts';
import { scrub } from './veth.ts';

/** The device on top that takes a frame coming in from outside: by its MAC, or for ipvlan by its address (macvlan_handle_frame, ipvlan_handle_frame). */
export const childFor = (place: Place, parent: Link, flight: Flight, frame: Frame): End | 'unknown' | undefined => {
  const children = childrenOf(place, parent);
  if (children.length === 0) return undefined;
  const byAddress = children.find(({ link }) => link.kind === 'ipvlan' && holdsAddress(link, flight.packet.destination));
  if (byAddress) return byAddress;
  const others = children.filter(({ link }) => link.kind !== 'ipvlan');
  const passthru = others.find(({ link }) => link.macvlanMode === 'passthru');
  if (passthru) return passthru;
  if (frame.to !== undefined) return others.find(({ link }) => link.mac === frame.to);
  return others.find(({ link }) => holdsAddress(link, flight.packet.destination));
};

/**
 * Bridge mode reaches its siblings directly, every other mode only what is outside; the host's own device below is reached by none
 * (drivers/net/macvlan.c macvlan_queue_xmit).
 */
export const sendMacvlan = ({ place, device, flight, frame, nextHop }: Emit, journey: Journey): Step => {
  const parent = parentOf(place, device);
  if (!parent) return lose(journey, `the device below ${device.name} was not read`);
  if (!parent.link.up)
    return stop(journey, {
      reason: 'link-down',
      message: `${parent.link.name} below ${device.name} is down`,
      facts: { interface: parent.link.name },
    });
  const asked = nextHop ?? flight.packet.destination;
  if (device.macvlanMode === 'bridge') {
    const sibling = childrenOf(parent.place, parent.link).find(
      ({ link }) => link !== device && link.macvlanMode === 'bridge' && isFor(link, asked, frame),
    );
    // what is for everybody is handed to each sibling (macvlan_broadcast)
    if (sibling && frame.toAll)
      return { at: 'receive', place: sibling.place, device: sibling.link, flight: scrub(flight, { place, link: device }, sibling), frame };
    // to the device below first, for those who capture there
    if (sibling) return { at: 'receive', place: parent.place, device: parent.link, flight: scrub(flight, { place, link: device }, parent), frame };
  }
  if (parent.link.mac === frame.to || (frame.to === undefined && holdsAddress(parent.link, asked))) {
    return stop(journey, {
      reason: 'no-receiver',
      message: `${device.name} (macvlan ${device.macvlanMode}) cannot reach ${parent.link.name}, the device it sits on`,
      facts: { interface: device.name, parent: parent.link.name },
    });
  }
  return {
    at: 'emit',
    place: parent.place,
    device: parent.link,
    flight: scrub(flight, { place, link: device }, parent),
    frame,
    what: `from ${device.name}`,
    nextHop,
  };
};

/** Where nobody knows the link-level address it is that of whoever has the next hop's. */
const isFor = (link: Link, asked: string, { to }: Frame): boolean => (to === undefined ? holdsAddress(link, asked) : link.mac === to);

/** L2 mode sends like macvlan; L3 modes hand the packet to the IP stack below (drivers/net/ipvlan/ipvlan_core.c). */
export const sendIpvlan = ({ place, device, flight, frame, nextHop }: Emit, journey: Journey): Step => {
  const parent = parentOf(place, device);
  if (!parent) return lose(journey, `the device below ${device.name} was not read`);
  const sibling = childrenOf(parent.place, parent.link).find(({ link }) => link !== device && holdsAddress(link, flight.packet.destination));
  if (sibling)
    return { at: 'receive', place: sibling.place, device: sibling.link, flight: scrub(flight, { place, link: device }, sibling), frame: {} };
  const crossed = scrub(flight, { place, link: device }, parent);
  if (device.macvlanMode?.toLowerCase().startsWith('l3') === true) {
    decided(journey, 'here', { by: 'port', object: `${device.name} ipvlan ${device.macvlanMode} on ${parent.link.name}` });
    return { at: 'output', place: parent.place, flight: crossed, oif: parent.link.name };
  }
  return { at: 'emit', place: parent.place, device: parent.link, flight: crossed, frame, what: `from ${device.name}`, nextHop };
};
