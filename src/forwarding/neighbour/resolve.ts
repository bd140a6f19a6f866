import type { Link, Neighbour } from '../../node/snapshot.ts';
import { sameAddress } from '../address.ts';
import { decided, doubt, type Journey } from '../flight.ts';
import { type Place, unread } from '../world.ts';
import { answers, askerOf, type Question } from './arp.ts';
import { isListed, type Segment, segmentOf } from './segment.ts';

export interface Resolution {
  mac?: string;
  /** State of the entry, or what asking the link would give: `answered`, `nobody`, `unknown`. */
  state: string;
  /** Somebody wrote it down: no answer will correct it. */
  fixed: boolean;
}

/** States in which the entry's address is used (NUD_VALID, include/net/neighbour.h). */
const valid = new Set(['REACHABLE', 'STALE', 'DELAY', 'PROBE', 'PERMANENT', 'NOARP']);
const written = new Set(['PERMANENT', 'NOARP']);

const entryFor = ({ netns }: Place, device: Link, address: string): Neighbour | undefined =>
  netns.neighbours.find((candidate) => candidate.device === device.name && !candidate.proxy && sameAddress(candidate.address, address));

/** Link-level address of the next hop: the neighbour table, else what ARP or ND would find. `source` is the packet's. */
export const resolve = (journey: Journey, place: Place, device: Link, address: string, source: string): Resolution => {
  const entry = entryFor(place, device, address);
  if (entry?.mac !== undefined && valid.has(entry.state)) {
    decided(journey, 'next', { by: 'neighbour', object: `${entry.address} dev ${entry.device} lladdr ${entry.mac} ${entry.state}` });
    return { mac: entry.mac, state: entry.state, fixed: written.has(entry.state) };
  }
  const question = { target: address, sender: askerOf(place, device, address, source) };
  const { macs, sure } = ask(segmentOf(journey.world, place, device), place, device, question);
  if (macs.length > 1) doubt(journey.hops.at(-1), `${macs.length} interfaces answer for ${address}: ${macs.join(', ')}`);
  const [mac] = macs;
  if (mac !== undefined) return { mac, state: 'answered', fixed: false };
  if (!sure || unread(place, 'links')) return { state: 'unknown', fixed: false };
  // whoever would answer but for a closed port or a link that is down: the frame for it ends at that very place
  const [kept] = ask(segmentOf(journey.world, place, device, true), place, device, question).macs;
  return { state: 'nobody', fixed: false, ...(kept === undefined ? {} : { mac: kept }) };
};

/** All that hear the question, and those who answer it. */
const ask = (segment: Segment, place: Place, device: Link, question: Question): { macs: string[]; sure: boolean } => {
  const heard = segment.ends
    .filter(({ place: other, link }) => !(other.netns === place.netns && link.ifindex === device.ifindex))
    .map((end) => ({ mac: end.link.mac, answer: answers(end.place, end.link, question) }));
  const macs = heard.flatMap(({ mac, answer }) => (answer === true && mac !== undefined ? [mac] : []));
  const sure = segment.complete && !isListed(segment, question.target) && !heard.some(({ answer }) => answer === undefined);
  return { macs: [...new Set(macs)], sure };
};
