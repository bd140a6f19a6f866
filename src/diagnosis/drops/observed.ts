import type { Drop } from '../../probe/observation.ts';
import { unanswered } from '../../probe/probe.ts';
import type { Evidence, Leg } from '../evidence.ts';
import { type Meaning, meaningOf } from './meaning.ts';

/** Attempts of one probe that the kernel dropped at one place for one reason. */
export interface ObservedDrop extends Meaning {
  /** One of them, with its call stack where one was kept. */
  drop: Drop;
  /** Attempts of the probe, and how often a packet of theirs was dropped here (a SYN is sent again). */
  attempts: number;
  times: number;
  direction: 'there' | 'back';
}

/** The reset or reply of a lost attempt counts as much as the probe; an ICMP error that goes astray does not lose it. */
const directions: Partial<Record<Drop['what'], ObservedDrop['direction']>> = { request: 'there', reply: 'back', reset: 'back' };

const placeOf = ({ node, netns, interface: name, what, function: place, reason }: Drop): string =>
  [node, netns, name, what, reason ?? '', place].join(' ');

/**
 * How far along its predicted way. Where a bridge floods, copies are dropped at places that are no part of it; the sender's own, which gets
 * one back from a hairpin port, says least.
 */
const reached = (leg: Leg, { drop, direction }: ObservedDrop): number => {
  const hops = leg[direction]?.hops ?? [];
  const index = hops.findLastIndex(
    (hop) =>
      hop.node === drop.node &&
      hop.netns === drop.netns &&
      hop.interface === drop.interface &&
      hop.direction === (drop.direction === 'out' ? 'out' : 'in'),
  );
  return index < 0 && hops[0]?.netns === drop.netns ? -2 : index;
};

/** What the kernel dropped of the attempts that were not answered: the place that took most of them first, of two the farther one. */
export const observedDrops = ({ drops }: Pick<Evidence, 'drops'>, leg: Leg): ObservedDrop[] => {
  const { probe } = leg;
  const all = drops
    .flatMap((result) => result.drops)
    .filter((drop) => drop.probe === probe.request.id && probe.attempts[drop.attempt]?.outcome !== 'answered');
  // a reply proves that the request arrived: a SYN that was sent again meanwhile is freed by whoever waits for the handshake to go on
  const replied = new Set(all.filter(({ what }) => what === 'reply').map(({ attempt }) => attempt));
  const lost = all.filter(({ what, attempt }) => what !== 'request' || !replied.has(attempt));
  const groups = [...Map.groupBy(lost, placeOf).values()].flatMap((group): ObservedDrop[] => {
    const drop = group.find(({ stack }) => stack.length > 0) ?? group[0];
    const direction = drop && directions[drop.what];
    if (!drop || !direction) return [];
    const attempts = new Set(group.map(({ attempt }) => attempt)).size;
    return [{ drop, attempts, times: group.length, direction, ...meaningOf(drop) }];
  });
  return groups.sort((a, b) => b.attempts - a.attempts || reached(leg, b) - reached(leg, a) || b.times - a.times);
};

/** Of less than half of what was lost: what became of the others it does not tell, and a buffer taken for another one's would look like that. */
export const isOfFew = ({ probe }: Pick<Leg, 'probe'>, { attempts }: ObservedDrop): boolean => attempts * 2 < unanswered(probe);

/** `the kernel of node2 dropped 5 of 5 for NETFILTER_DROP in nft_do_chain, at the FORWARD hook, after flannel.1` */
export const dropWords = ({ drop, attempts, hook }: ObservedDrop, total: number): string => {
  const { node, reason, function: place, interface: name, direction } = drop;
  const why = reason === undefined || reason === 'NOT_SPECIFIED' ? '' : ` for ${reason}`;
  return `the kernel of ${node} dropped ${attempts} of ${total}${why} in ${place}()${hook === undefined ? '' : `, at the ${hook} hook`}, ${direction === 'out' ? 'behind' : 'after it came in by'} ${name}`;
};
