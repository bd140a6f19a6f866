import { copyConnection } from './conntrack.ts';
import { emit } from './device/emit.ts';
import { receive } from './device/receive.ts';
import { transmit } from './device/transmit.ts';
import { type Flight, type Journey, lose, type Step, stop, tires, type WalkOptions } from './flight.ts';
import type { Packet } from './hop.ts';
import { input } from './stack/input.ts';
import { output } from './stack/output.ts';
import { mindUnread } from './unread.ts';
import { linkNamed, type Place, placeAt, type World } from './world.ts';

/** Where a packet is sent from. */
export interface Start {
  node: string;
  /** Inode. */
  netns: string;
  /** Where it is not made there but comes in: the device it comes in by. */
  iif?: string;
}

/** One run of a packet through the world, all ways taken as the script says. */
export interface Run {
  journey: Journey;
  start: { node: string; netns: string };
  end: Extract<Step, { at: 'end' }>;
  /** The packet as it was sent. */
  packet: Packet;
  /** Where it was last and as what. */
  last?: { place: Place; flight: Flight };
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
    learned: [...(options.learned ?? [])],
    located: [...(options.located ?? [])],
    echoes: [],
    advance,
    choices: new Set(),
    assumed: new Map(),
    asking: new Set(),
    work: 0,
    opaque: false,
  };
  const place = placeAt(world, start.node, start.netns);
  const flight = { ...first, packet: { ...first.packet } };
  let step: Step = place ? firstStep(place, flight, start) : { at: 'end', outcome: 'unknown' };
  let last: Run['last'];
  for (let steps = 0; step.at !== 'end'; steps += 1) {
    last = step;
    step = steps < MOST_STEPS ? advance(step, journey) : endlessly(journey);
  }
  const end = tires(journey) ? lose(journey, 'the rules here call each other endlessly') : step;
  return {
    journey,
    start: { node: start.node, netns: start.netns },
    end: end.at === 'end' ? end : step,
    packet: journey.sent ?? flight.packet,
    ...(last ? { last: { place: last.place, flight: last.flight } } : {}),
  };
};

const firstStep = (place: Place, flight: Flight, { iif }: Start): Step => {
  if (iif === undefined) return { at: 'output', place, flight };
  const device = linkNamed(place.netns, iif);
  const arriving = { ...flight, ttl: flight.packet.ttl ?? 64 };
  return device ? { at: 'receive', place, device, flight: arriving, frame: { to: device.mac } } : { at: 'end', outcome: 'unknown' };
};

const advance = (step: Exclude<Step, { at: 'end' }>, journey: Journey): Step => {
  mindUnread(step, journey);
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
