import type { Link } from '../../node/snapshot.ts';
import { doubt, type Journey, type Step, stop } from '../flight.ts';
import { choose } from '../fork.ts';
import { deciderAt } from '../opaque.ts';
import type { Place } from '../world.ts';

/**
 * An XDP program is given each frame before filters and everything else (net/core/dev.c do_xdp_generic, or the driver itself). What it lets
 * pass goes on as if there were none: nothing is returned then.
 */
export const throughXdp = (journey: Journey, place: Place, device: Link): Step | undefined => {
  // where a network plugin's programs decide, its XDP program is one of them
  if (!device.xdp || deciderAt(place, device) !== undefined) return undefined;
  const decider = `an XDP program on ${device.name} decides`;
  const way = choose(journey, { kind: 'opaque', what: decider, ways: [{ label: 'lets it pass' }, { label: 'drops it' }] });
  if (way === 1) return stop(journey, { reason: 'program', message: `${decider}, and may drop it`, facts: { interface: device.name } });
  doubt(journey.hops.at(-1), decider);
  return undefined;
};
