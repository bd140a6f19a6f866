import { hostPort, sameAddress } from './address.ts';
import type { Flight, Journey, Step, WalkOptions } from './flight.ts';
import { stop } from './flight.ts';
import type { Packet, Walk } from './hop.ts';
import { input, output } from './stack.ts';
import { receive, transmit } from './transmit.ts';
import { placeAt, type World } from './world.ts';

/** Where a packet is sent from. */
export interface Start {
  node: string;
  /** Inode. */
  netns: string;
}

/** More steps than any sane path has: beyond it the packet runs in a circle until its TTL is gone. */
const maxSteps = 200;

/**
 * Predicts the way of a packet from a netns, as the kernels of the snapshots would send it. An empty source is chosen by the route.
 * `options.endpoint` follows one endpoint where a Service picks at random.
 */
export const walk = (packet: Packet, start: Start, world: World, options: WalkOptions = {}): Walk =>
  follow({ packet: { ...packet }, mark: 0, direction: 'request' }, start, world, options);

/** The way of the answer to a delivered walk; undefined when there is nobody to answer. */
export const walkBack = (there: Walk, world: World): Walk | undefined => {
  if (!there.end) return undefined;
  const asked = arrivedPacket(there);
  const reply: Packet = {
    ...asked,
    source: asked.destination,
    destination: asked.source,
    ...swappedPorts(asked),
  };
  const options = { translations: there.translations, tracked: there.tracked };
  const back = follow({ packet: reply, mark: 0, direction: 'reply' }, there.end, world, options);
  return back.outcome === 'delivered' ? checkAnswer(back, there) : back;
};

/** The packet as the receiver's process sees it: after every translation on the way. */
const arrivedPacket = (there: Walk): Packet => there.arrived ?? there.packet;

const swappedPorts = ({ sourcePort, destinationPort }: Packet): Pick<Packet, 'sourcePort' | 'destinationPort'> => ({
  ...(destinationPort === undefined ? {} : { sourcePort: destinationPort }),
  ...(sourcePort === undefined ? {} : { destinationPort: sourcePort }),
});

/** A reply counts only when it comes from whom was asked: an untranslated one is answered with a reset. */
const checkAnswer = (back: Walk, there: Walk): Walk => {
  const answer = back.arrived ?? back.packet;
  if (sameAddress(answer.source, there.packet.destination)) return back;
  stop(back, {
    reason: 'not-translated',
    message: `the reply comes from ${answer.source}, but ${there.packet.destination} was asked: it missed the node's translation`,
    facts: { source: answer.source, asked: hostPort(there.packet.destination, there.packet.destinationPort) },
  });
  return { ...back, outcome: 'stopped' };
};

const follow = (flight: Flight, start: Start, world: World, options: WalkOptions): Walk => {
  const journey: Journey = { world, options, hops: [], translations: [], tracked: new Set(), choices: new Set() };
  const place = placeAt(world, start.node, start.netns);
  let step: Step = place ? { at: 'output', place, flight } : { at: 'end', outcome: 'unknown' };
  for (let steps = 0; step.at !== 'end'; steps += 1) {
    step = steps < maxSteps ? advance(step, journey) : endlessly(journey);
  }
  return {
    packet: journey.sent ?? flight.packet,
    hops: journey.hops,
    outcome: step.outcome,
    ...(step.place ? { end: { node: step.place.snapshot.node, netns: step.place.netns.inode }, arrived: flight.packet } : {}),
    translations: journey.translations,
    tracked: [...journey.tracked],
    choices: [...journey.choices],
  };
};

const advance = (step: Exclude<Step, { at: 'end' }>, journey: Journey): Step => {
  switch (step.at) {
    case 'output':
      return output(step, journey);
    case 'transmit':
      return transmit(step, journey);
    case 'receive':
      return receive(step, journey);
    case 'input':
      return input(step, journey);
  }
};

const endlessly = (journey: Journey): Step => stop(journey, { reason: 'loop', message: 'the packet runs in a circle until its TTL is gone' });
