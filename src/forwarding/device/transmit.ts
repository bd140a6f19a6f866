import { type Journey, joined, type Step } from '../flight.ts';
import { resolve } from '../neighbour/resolve.ts';
import { isUplink } from '../uplinks.ts';
import { nodeHolding } from '../world.ts';
import { emit, stopBefore } from './emit.ts';
import { hasAddresses, linkProblem } from './link.ts';
import { unansweredStop } from './uplink.ts';

type Transmit = Extract<Step, { at: 'transmit' }>;

/** The IP stack hands a packet to a device: the next hop's address first (net/ipv4/ip_output.c ip_finish_output2, net/core/neighbour.c). */
export const transmit = (step: Transmit, journey: Journey): Step => {
  const { place, device, flight, nextHop, what } = step;
  const out = { at: 'emit' as const, place, device, flight, nextHop, what, frame: { from: device.mac } };
  const broken = linkProblem(device);
  if (broken) return stopBefore(out, journey, broken);
  if (!hasAddresses(device) || device.noArp === true) return emit(out, journey);
  const { mac, state, fixed, because } = resolve(journey, place, device, nextHop, flight.packet.source);
  // an address of a node that we know is nobody else's, and that node did not answer
  const silent = isUplink(place, device)
    ? nodeHolding(journey.world, nextHop, place.snapshot.node) !== undefined
    : state === 'nobody' && device.kind !== 'vxlan';
  if (mac === undefined && silent) return stopBefore(out, journey, unansweredStop(device, nextHop, because));
  const said = device.kind === 'bridge' && mac !== undefined ? `${nextHop} is at ${mac}` : '';
  return emit({ ...out, what: joined(what, said), frame: { from: device.mac, to: mac, fixed, state } }, journey);
};
