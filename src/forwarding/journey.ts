import { copyConnection } from './conntrack.ts';
import { emit } from './device/emit.ts';
import { receive } from './device/receive.ts';
import { transmit } from './device/transmit.ts';
import { addHop, type Flight, type Journey, lose, type Step, stop, tires, type WalkOptions } from './flight.ts';
import type { Packet } from './hop.ts';
import { input } from './stack/input.ts';
import { output } from './stack/output.ts';
import { linkNamed, type Place, placeAt, type World } from './world.ts';

/** Where a packet is sent from. */
export interface Start {
  node: string;
  /** Inode. */
  netns: string;
  /** Where it is not sent from but comes in: the device it comes in by. */
  iif?: string;
}

/** One run of a packet through the world, all ways taken as the script says. */
export interface Run {
  journey: Journey;
  end: Extract<Step, { at: 'end' }>;
  /** The packet as it was sent. */
  packet: Packet;
}

/** More steps than any sane path has: beyond it the packet runs in a circle. A TTL ends most circles sooner. */
const MOST_STEPS = 1000;

export interface Departure {
  flight: Flight;
  start: Start;
  world: World;
  options: WalkOptions;
}

export const run = ({ flight: first, start, world, options }: Departure, script: readonly number[]): Run => {
  const journey: Journey = {
    world,
    options,
    script,
    taken: [],
    hops: [],
    pending: [],
    connections: (options.connections ?? []).map(copyConnection),
    choices: new Set(),
    assumed: new Map(),
    work: 0,
    opaque: false,
  };
  const place = placeAt(world, start.node, start.netns);
  const flight = { ...first, packet: { ...first.packet } };
  let step: Step = place ? begin(journey, place, flight, start.iif) : { at: 'end', outcome: 'unknown' };
  for (let steps = 0; step.at !== 'end'; steps += 1) {
    step = steps < MOST_STEPS ? advance(step, journey) : endlessly(journey);
  }
  const end = tires(journey) ? lose(journey, 'the rules here call each other endlessly') : step;
  return { journey, end: end.at === 'end' ? end : step, packet: journey.sent ?? flight.packet };
};

const begin = (journey: Journey, place: Place, flight: Flight, iif: string | undefined): Step => {
  if (iif === undefined) return { at: 'output', place, flight };
  const device = linkNamed(place.netns, iif);
  if (!device) return { at: 'end', outcome: 'unknown' };
  addHop(journey, { place, device, direction: 'in', what: '', flight });
  return { at: 'input', place, device, flight, frame: {} };
};

const advance = (step: Exclude<Step, { at: 'end' }>, journey: Journey): Step => {
  switch (step.at) {
    case 'output':
      return output(step, journey);
    case 'transmit':
      return transmit(step, journey);
    case 'emit':
      return emit(step, journey);
    case 'receive':
      return receive(step, journey);
    case 'input':
      return input(step, journey);
  }
};

const endlessly = (journey: Journey): Step => stop(journey, { reason: 'loop', message: 'the packet runs in a circle until its TTL is gone' });
