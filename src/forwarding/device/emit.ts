import { addHop, type Journey, joined, type Step, type StopDetail, stop } from '../flight.ts';
import { deciderAt } from '../opaque.ts';
import { drivers } from './drivers.ts';
import { type Filtered, filterOut } from './filter.ts';
import { linkProblem } from './link.ts';
import { throughOpaque } from './opaque-way.ts';
import { unknownDriver } from './uplink.ts';

export type Emit = Extract<Step, { at: 'emit' }>;

/** A frame is put on a device: the filters on its way out, then the driver (net/core/dev.c __dev_queue_xmit). */
export const emit = (step: Emit, journey: Journey): Step => {
  const { place, device, flight, what, frame } = step;
  addHop(journey, { place, device, direction: 'out', what, flight });
  const broken = linkProblem(device);
  if (broken) return stop(journey, broken);
  const filtered: Filtered = filterOut({ journey, place, device, flight, frame });
  if (filtered) return filtered.at === 'end' ? filtered : insteadOf(filtered, journey);
  const decider = deciderAt(place, device);
  if (decider !== undefined) return throughOpaque(journey, { place, device, flight, frame, direction: 'out', nextHop: step.nextHop }, decider);
  return (drivers[device.kind] ?? unknownDriver)(step, journey);
};

/** Filters are asked before a capture on the device sees the packet (net/core/dev.c __dev_queue_xmit): what they take away never was on it. */
const insteadOf = (redirected: Step, journey: Journey): Step => {
  const { what = '', decisions = [] } = journey.hops.pop() ?? {};
  journey.pending.unshift(...decisions);
  return redirected.at === 'emit' ? { ...redirected, what: joined(what, redirected.what) } : redirected;
};

/** The packet ends on its way to the device. */
export const stopBefore = ({ place, device, flight, what }: Emit, journey: Journey, end: StopDetail): Step => {
  addHop(journey, { place, device, direction: 'out', what, flight });
  return stop(journey, end);
};
