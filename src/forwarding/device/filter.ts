import type { Link } from '../../node/snapshot.ts';
import { type Flight, type Frame, type Journey, lose, type Step, stop } from '../flight.ts';
import { runDeviceHook } from '../netfilter/hook.ts';
import { startPass } from '../pass.ts';
import { refusal } from '../stack/hook.ts';
import { runTc, type TcResult } from '../tc/run.ts';
import { isUplink } from '../uplinks.ts';
import { linkNamed, type Place } from '../world.ts';

export interface AtDevice {
  journey: Journey;
  place: Place;
  device: Link;
  flight: Flight;
  frame: Frame;
}

/** Where filters sent the packet instead; undefined when it goes on. */
export type Filtered = Step | undefined;

/** On the way in: tc, then netfilter's ingress (net/core/dev.c __netif_receive_skb_core). */
export const filterIn = (at: AtDevice): Filtered => tc(at, 'ingress') ?? netfilter(at, 'ingress');

/** On the way out: netfilter's egress, then tc (net/core/dev.c __dev_queue_xmit). */
export const filterOut = (at: AtDevice): Filtered => netfilter(at, 'egress') ?? tc(at, 'egress');

const netfilter = ({ journey, place, device, flight, frame }: AtDevice, hook: 'ingress' | 'egress'): Filtered => {
  const pass = startPass({ journey, place, flight, frame, iif: device.name });
  const result = runDeviceHook(pass, hook, device.name);
  const refused = refusal(result, pass);
  if (refused) return stop(journey, refused);
  return result.kind === 'redirect'
    ? redirect({ journey, place, device, flight, frame }, { kind: 'redirect', device: result.device, into: 'egress', filter: result.by.text })
    : undefined;
};

const tc = (at: AtDevice, side: 'ingress' | 'egress'): Filtered => {
  const { journey, place, device, flight, frame } = at;
  const result = runTc({ journey, flight, frame }, place, device, side);
  switch (result.kind) {
    case 'stop':
      return stop(journey, result.detail);
    case 'lose':
      return lose(journey, result.reason);
    case 'redirect':
      return redirect(at, result);
    default:
      return undefined;
  }
};

/** The very frame goes on through another device, past the IP stack of this netns (net/sched/act_mirred.c). */
const redirect = (
  { journey, place, device, flight, frame }: AtDevice,
  { device: name, into, filter }: Extract<TcResult, { kind: 'redirect' }>,
): Step => {
  const target = linkNamed(place.netns, name);
  if (!target?.up) {
    return stop(journey, {
      reason: 'tc',
      message: `${device.name} redirects to ${name}, which ${target ? 'is down' : 'does not exist'}`,
      decidedBy: filter,
      facts: { interface: device.name, target: name },
    });
  }
  // it keeps the address of the next hop it was meant for
  const same = frame.to === undefined && isUplink(place, device) ? { ...frame, stranger: true } : frame;
  return into === 'egress'
    ? { at: 'emit', place, device: target, flight, frame: same, what: `redirected from ${device.name}` }
    : { at: 'receive', place, device: target, flight, frame: same };
};
