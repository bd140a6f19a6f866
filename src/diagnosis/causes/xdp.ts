import type { Hop } from '../../forwarding/hop.ts';
import type { XdpProgram } from '../../node/snapshot.ts';
import { unanswered } from '../../probe/probe.ts';
import { xdpAt } from '../blind-spots.ts';
import type { Cause, Draft } from '../cause.ts';
import { draftOf, onShownPath, probeWords } from '../draft.ts';
import { fitsProbes, xdpRise } from '../drops/kernel-counters.ts';
import { packetEnd } from '../end.ts';
import { DIRECTIONS, type Evidence, failingLegs, type Leg } from '../evidence.ts';
import { onNode } from '../remedy.ts';
import { seenAt } from '../sightings.ts';

/** `XDP program drop (id 4425, generic)` */
const programWords = ({ name, id, mode }: XdpProgram): string => {
  const about = [...(id === undefined ? [] : [`id ${id}`]), ...(mode === undefined ? [] : [mode])].join(', ');
  return ['XDP program', ...(name === undefined ? [] : [name]), ...(about === '' ? [] : [`(${about})`])].join(' ');
};

/** Of ip-link(8), by the mode that a program was loaded in. */
const FLAGS: Record<NonNullable<XdpProgram['mode']>, string> = { native: 'xdp', generic: 'xdpgeneric', hardware: 'xdpoffload', several: 'xdp' };

const fix = ({ node, interface: name }: Hop, program: XdpProgram | undefined): string[] => [
  'Ask whoever loaded it (a load balancer, a filter against floods, Cilium, Calico): it drops by their rules, and they may load it again.',
  onNode(node, `bpftool net show dev ${name}`),
  'To be rid of it altogether:',
  onNode(node, `ip link set dev ${name} ${FLAGS[program?.mode ?? 'native']} off`),
];

const titleOf = ({ node, interface: name }: Hop): string => `An XDP program on ${name} of ${node} drops it as it comes in.`;

const riseWords = (name: string, rise: number): string => `the driver of ${name} counted ${rise} frames that XDP dropped while the probes ran`;

/** A packet of the kernel was freed by it: a program in generic mode, or in the driver of a virtual device. */
const told = (evidence: Evidence): Draft | undefined => {
  const end = packetEnd(evidence, 'xdp');
  if (!end) return undefined;
  const program = xdpAt(evidence, end.hop);
  const rise = xdpRise(evidence, end.hop) ?? 0;
  return draftOf(evidence, end, {
    title: titleOf(end.hop),
    evidence: [
      ...(program ? [`${programWords(program)} is on ${end.hop.interface}`] : []),
      ...(rise > 0 ? [riseWords(end.hop.interface, rise)] : []),
    ],
    fix: fix(end.hop, program),
  });
};

/** Where an XDP program's driver counted no fewer frames than were lost behind the place before, and no capture saw one after it. */
interface Swallowed {
  leg: Leg;
  direction: 'there' | 'back';
  index: number;
  hop: Hop;
  program: XdpProgram;
  rise: number;
  /** Attempts that came as far as the place before; undefined where nobody watched. */
  before: { hop: Hop; seen: number } | undefined;
}

const swallowedOn = (evidence: Evidence, leg: Leg, direction: Swallowed['direction']): Swallowed[] => {
  const hops = leg[direction]?.hops ?? [];
  return hops.flatMap((hop, index): Swallowed[] => {
    const program = hop.direction === 'in' ? xdpAt(evidence, hop) : undefined;
    const rise = program && xdpRise(evidence, hop);
    if (!program || rise === undefined || rise < unanswered(leg.probe)) return [];
    if (hops.slice(index).some((after) => (seenAt(evidence, leg, direction, after) ?? 0) > 0)) return [];
    const previous = hops[index - 1];
    const seen = previous && seenAt(evidence, leg, direction, previous);
    if (seen === 0) return [];
    return [{ leg, direction, index, hop, program, rise, before: previous && seen !== undefined ? { hop: previous, seen } : undefined }];
  });
};

const swallowed = (evidence: Evidence): Swallowed | undefined =>
  failingLegs(evidence)
    .flatMap((leg) => DIRECTIONS.flatMap((direction) => swallowedOn(evidence, leg, direction)))
    .at(0);

/** A native program drops a frame before there is a packet that a capture or the kernel could tell of. */
const counted = (evidence: Evidence): Draft | undefined => {
  const found = swallowed(evidence);
  if (!found) return undefined;
  const { leg, direction, hop, program, rise, before } = found;
  const total = leg.probe.attempts.length;
  return {
    severity: 'problem',
    confidence: before && fitsProbes(evidence, leg, rise) ? 'certain' : 'likely',
    title: titleOf(hop),
    ...onShownPath(found),
    place: { node: hop.node, interface: hop.interface },
    evidence: [
      probeWords(leg),
      `${programWords(program)} is on ${hop.interface}`,
      riseWords(hop.interface, rise),
      ...(direction === 'back' ? ['The request arrives; it is the reply that ends here.'] : []),
      ...(before
        ? [`${before.seen} of ${total} were seen on ${before.hop.node} ${before.hop.interface}, none on ${hop.node} ${hop.interface} or after it`]
        : []),
    ],
    fix: fix(hop, program),
    notes: [],
  };
};

export const xdpDrop: Cause = {
  code: 'ND3019',
  summary: 'An XDP program on an interface drops the packet before anything else sees it.',
  recognise: (evidence) => told(evidence) ?? counted(evidence),
};
