import { type Journey, joined, type Step } from '../flight.ts';
import { resolve } from '../neighbour/resolve.ts';
import { emit, stopBefore } from './emit.ts';
import { hasAddresses, linkProblem } from './link.ts';
import { isUplink, unansweredStop } from './uplink.ts';

type Transmit = Extract<Step, { at: 'transmit' }>;

/** The IP stack hands a packet to a device: the next hop's address first (net/ipv4/ip_output.c ip_finish_output2, net/core/neighbour.c). */
export const transmit = (step: Transmit, journey: Journey): Step => {
  const { place, device, flight, nextHop, what } = step;
  const out = { at: 'emit' as const, place, device, flight, nextHop, what, frame: { from: device.mac } };
  const broken = linkProblem(device);
  if (broken) return stopBefore(out, journey, broken);
  if (!hasAddresses(device) || device.noArp === true) return emit(out, journey);
  const { mac, state, fixed } = resolve(journey, place, device, nextHop, flight.packet.source);
  if (mac === undefined && state === 'nobody' && device.kind !== 'vxlan' && !isUplink(place, device)) {
    return stopBefore(out, journey, unansweredStop(device, nextHop));
  }
  const said = device.kind === 'bridge' && mac !== undefined ? `${nextHop} is at ${mac}` : '';
  return emit({ ...out, what: joined(what, said), frame: { from: device.mac, to: mac, fixed, state } }, journey);
};
