import type { Hop, RuleRef, Walk } from '../../forwarding/hop.ts';
import { labelOf, type Place, placeAt } from '../../forwarding/world.ts';
import type { PacketEnd } from '../end.ts';
import type { Evidence, Leg } from '../evidence.ts';
import type { ModelStop } from '../model-stop.ts';
import { type Culprit, culpritOf } from './culprit.ts';
import { type DropKind, isFirewalls } from './meaning.ts';
import type { ObservedDrop } from './observed.ts';
import { routeStory, type Story, storyOf } from './story.ts';

/** The kernel dropped it in the netns where the model ends it, for a reason that fits. */
export const agrees = ({ hop, stop, direction }: ModelStop, observed: ObservedDrop): boolean =>
  hop.node === observed.drop.node && hop.netns === observed.drop.netns && direction === observed.direction && observed.kinds.includes(stop.reason);

const sameRule = (facts: Record<string, string>, { ref }: Culprit): boolean =>
  facts.backend === ref.backend &&
  facts.table === ref.table &&
  facts.chain === ref.chain &&
  facts.number === (ref.number === undefined ? undefined : `${ref.number}`);

const told = new Set(['refused', 'prohibited', 'reset']);

/** A firewall that answers for the target rejects; one that stays silent drops. */
const firewallKind = ({ probe }: Leg, culprit: Culprit | undefined): DropKind => {
  if (culprit) return culprit.does === 'reject' ? 'reject' : culprit.ref.number === undefined ? 'policy' : 'rule';
  const lost = probe.attempts.filter(({ outcome }) => outcome !== 'answered');
  return lost.some(({ outcome }) => told.has(outcome)) ? 'reject' : 'rule';
};

const ruleFacts = ({ backend, table, chain, number }: RuleRef): Record<string, string> => ({
  backend,
  table,
  chain,
  ...(number === undefined ? {} : { number: `${number}` }),
});

const ruleStory = (observed: ObservedDrop, culprit: Culprit | undefined): Story => {
  const { hook } = observed;
  const where = hook === undefined ? '' : ` at the ${hook} hook`;
  const queued = observed.kinds.includes('queue');
  if (!culprit)
    return {
      message: queued ? `a rule handed it${where} to a queue that did not take it` : `a firewall rule dropped it${where}`,
      facts: hook === undefined ? {} : { hook },
    };
  const { ref } = culprit;
  const number = ref.number === undefined ? '' : ` #${ref.number}`;
  return {
    message: `${queued ? 'handed to a queue that did not take it,' : 'dropped'} by ${ref.table} ${ref.chain}${number}${where}: ${ref.text}`,
    decidedBy: ref.text,
    facts: { ...ruleFacts(ref), ...(hook === undefined ? {} : { hook }) },
  };
};

const ROUTING = new Set<DropKind>(['no-route', 'blackhole', 'unreachable', 'prohibit']);

/** The hop at which the packet was last, on the predicted way or off it. */
const hopAt = ({ drop }: ObservedDrop, walk: Walk | undefined, evidence: Evidence, place: Place | undefined): { hop: Hop; index: number } => {
  const hops = walk?.hops ?? [];
  const index = hops.findIndex(
    (hop) => hop.node === drop.node && hop.netns === drop.netns && hop.interface === drop.interface && (hop.tunnel !== undefined) === drop.tunnelled,
  );
  const found = hops[index];
  if (found) return { hop: found, index };
  const hop: Hop = {
    node: drop.node,
    netns: drop.netns,
    where: place ? labelOf(place, evidence) : 'host',
    interface: drop.interface,
    direction: drop.direction === 'out' ? 'out' : 'in',
    what: '',
    packet: drop.packet,
  };
  return { hop, index: hops.length };
};

/** An end that the kernel told of, with what the model and the counters know of it. */
export const endOfDrop = (evidence: Evidence, leg: Leg, observed: ObservedDrop, predicted: ModelStop | undefined): PacketEnd => {
  const isFirewall = isFirewalls(observed.kinds);
  const culprit = isFirewall ? culpritOf(evidence, leg, observed) : undefined;
  const known = predicted && agrees(predicted, observed) ? predicted : undefined;
  const extra = { drop: observed, ...(culprit ? { culprit } : {}) };
  // a counter that rose by exactly the probes outdoes what the model makes of the rules
  if (known && !((culprit?.counted || culprit?.traced) && !sameRule(known.stop.facts, culprit))) return { ...known, ...extra };
  const walk = leg[observed.direction] ?? {
    packet: observed.drop.packet,
    hops: [],
    outcome: 'unknown',
    translations: [],
    connections: [],
    choices: [],
    doubts: [],
  };
  const place = placeAt(evidence, observed.drop.node, observed.drop.netns);
  const at = { leg, walk, direction: observed.direction, ...hopAt(observed, walk, evidence, place), ...extra };
  if (isFirewall)
    return { ...at, stop: { reason: observed.kinds.includes('queue') ? 'queue' : firewallKind(leg, culprit), ...ruleStory(observed, culprit) } };
  const [first = 'other'] = observed.kinds;
  if (place && ROUTING.has(first)) {
    const { kind, ...story } = routeStory(place, observed);
    return { ...at, stop: { reason: kind ?? first, ...story } };
  }
  return { ...at, stop: { reason: first, ...storyOf(evidence, place, first, observed) } };
};
