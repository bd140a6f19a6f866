import { type Flight, type Frame, type Journey, type Step, stop } from '../flight.ts';
import { narrow, silentlyTooBig } from '../stack/mtu.ts';
import type { End } from '../world.ts';

/** Through a pair: what is longer than the far end takes is lost silently (drivers/net/veth.c veth_xmit → __dev_forward_skb2). */
export const crossVeth = (journey: Journey, from: End, peer: End, flight: Flight, frame: Frame): Step => {
  narrow(journey, peer.place, peer.link, peer.link.mtu, flight);
  const lost = silentlyTooBig(flight, peer.link);
  if (lost) return stop(journey, lost);
  return { at: 'receive', place: peer.place, device: peer.link, flight: scrub(flight, from, peer), frame };
};

/** Into another netns a packet takes neither its mark nor its IPVS property along (net/core/skbuff.c skb_scrub_packet). */
export const scrub = (flight: Flight, from: End, to: End): Flight => {
  if (from.place.netns === to.place.netns) return flight;
  const { viaIpvs: _gone, ...rest } = flight;
  return { ...rest, mark: 0 };
};
