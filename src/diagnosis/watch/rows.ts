import { familyOf } from '../../forwarding/address.ts';
import { lookupRoute } from '../../forwarding/route/lookup.ts';
import { labelOf, type Place } from '../../forwarding/world.ts';
import type { KernelDrop } from '../../probe/watch/kernel-drop.ts';
import { type DropKind, type Hook, isFirewalls, type Meaning, meaningOf } from '../drops/meaning.ts';
import { belongsHere, type Concern, concernOf, harmlessPlace } from './concern.ts';
import { type WatchEvidence, worldOf } from './evidence.ts';
import { type Flow, flowKey, flowOf } from './flow.ts';
import { modelPacket } from './packet.ts';
import { type RuleFound, ruleFor } from './rule.ts';
import { type Situation, situate } from './situate.ts';

/** Drops that are the same to whoever has to do something about them. */
export interface DropGroup {
  kind: DropKind;
  concern: Concern;
  situation: Situation;
  reason?: string;
  function: string;
  hook?: Hook;
  rule?: RuleFound;
  count: number;
  /** Most frequent first; without those that could not be seen. */
  flows: (Flow & { count: number })[];
  /** One of them, with its call stack where one was kept. */
  sample: KernelDrop;
}

interface Judged extends Omit<DropGroup, 'count' | 'flows'> {
  flow?: Flow;
}

const ROUTING = new Set<DropKind>(['no-route', 'blackhole', 'unreachable', 'prohibit']);

/** What the routes say now: the kernel has one word for four kinds of no. */
const routeKind = ({ place, interface: name }: Situation, drop: KernelDrop): DropKind | undefined => {
  const packet = drop.packet && modelPacket(drop.packet);
  if (!place || !packet) return undefined;
  const { source, destination } = packet;
  const route = lookupRoute(place.netns, {
    family: familyOf(destination),
    source,
    destination,
    mark: 0,
    iif: name ?? 'lo',
  });
  return route.kind === 'refused' ? route.reason : undefined;
};

const kindOf = (kinds: DropKind[], situation: Situation, drop: KernelDrop, rule: RuleFound | undefined): DropKind => {
  const [first = 'other'] = kinds;
  if (first === 'rule') return rule?.does === 'reject' ? 'reject' : rule && rule.ref.number === undefined ? 'policy' : 'rule';
  return ROUTING.has(first) ? (routeKind(situation, drop) ?? first) : first;
};

/** Rules are asked about once for all packets that look alike to them. */
type AskRule = (drop: KernelDrop, situation: Situation, meaning: Meaning) => RuleFound | undefined;

const createRuleBook = (evidence: WatchEvidence): AskRule => {
  const known = new Map<string, RuleFound | undefined>();
  return (drop, situation, meaning) => {
    const packet = drop.packet && modelPacket(drop.packet);
    const flow = flowOf(drop);
    const key = [
      situation.place?.netns.inode ?? '',
      situation.interface ?? '',
      situation.direction ?? '',
      meaning.hook ?? '',
      meaning.kinds[0] ?? '',
      drop.ethertype,
      flow ? flowKey(flow) : '',
      packet?.tcpFlags?.join() ?? '',
    ].join(' ');
    if (!known.has(key)) known.set(key, ruleFor(evidence, drop, situation, packet, meaning));
    return known.get(key);
  };
};

/** Ends of packets that were on their way through or out, and not for this host. */
const ON_THE_WAY = new Set<DropKind>(['no-neighbour', 'forwarding-off', 'no-route', 'blackhole', 'unreachable', 'prohibit', 'too-big', 'ttl']);

/**
 * A buffer whose packet was delivered unseen, and that was then given to another one, leads to the wrong packet: one for this host cannot end
 * on its way out of it. It can where its address was translated, so this counts only where the mistake is likely: a packet that waits for a
 * neighbour waits long, and a kernel that others share has many more packets than are seen.
 */
const isMistaken = (evidence: WatchEvidence, { packet }: KernelDrop, { place }: Situation, kinds: DropKind[], hook: Hook | undefined): boolean => {
  const waits = kinds.includes('no-neighbour');
  if (!packet?.packet || (!waits && evidence.result.ownKernel)) return false;
  const onTheWay = hook === 'FORWARD' || kinds.some((kind) => ON_THE_WAY.has(kind));
  return onTheWay && belongsHere(place?.netns, packet.outer?.destination ?? packet.packet.destination);
};

const unknown = ({ packet: _, places: __, netns: ___, ...drop }: KernelDrop, { result }: WatchEvidence): KernelDrop => ({
  ...drop,
  places: [],
  own: result.ownKernel,
});

/** The drop as far as what was joined to it can be believed. */
const believed = (evidence: WatchEvidence, drop: KernelDrop): KernelDrop => {
  const { kinds, hook } = meaningOf({ ...drop, tunnelled: drop.packet?.outer !== undefined });
  return isMistaken(evidence, drop, situate(evidence, drop), kinds, hook) ? unknown(drop, evidence) : drop;
};

/** Many ports, one cause: the bridge that floods. */
const whereFlooded: Situation = { where: 'every port' };

const judge = (evidence: WatchEvidence, drop: KernelDrop, askRule: AskRule): Judged => {
  const situation = situate(evidence, drop);
  const meaning: Meaning =
    harmlessPlace(drop) === undefined ? meaningOf({ ...drop, tunnelled: drop.packet?.outer !== undefined }) : { kinds: ['other' as const] };
  const { kinds, hook } = meaning;
  const rule = isFirewalls(kinds) ? askRule(drop, situation, meaning) : undefined;
  const kind = kindOf(kinds, situation, drop, rule);
  const flow = flowOf(drop);
  const concern = concernOf(drop, kind, situation.place?.netns, evidence.facts.pods);
  return {
    kind,
    concern,
    situation: concern.flooded ? whereFlooded : situation,
    ...(drop.reason === undefined ? {} : { reason: drop.reason }),
    function: drop.function,
    ...(hook === undefined ? {} : { hook }),
    ...(rule ? { rule } : {}),
    sample: drop,
    ...(flow ? { flow } : {}),
  };
};

const groupKey = ({ kind, concern, situation, reason, function: place, hook, rule }: Judged): string =>
  [
    ...[kind, concern.severity, concern.why, reason, place, hook, situation.where, situation.interface, situation.direction],
    ...(rule ? [rule.ref.backend, rule.ref.table, rule.ref.chain, rule.ref.number] : []),
  ].join(' ');

const groupOf = (judged: Judged[]): DropGroup[] => {
  const [first] = judged;
  if (!first) return [];
  const { flow: _, ...group } = first;
  const flows = Map.groupBy(
    judged.flatMap(({ flow }) => flow ?? []),
    flowKey,
  );
  const counted = [...flows.values()].flatMap((same) => (same[0] ? [{ ...same[0], count: same.length }] : []));
  const sample = judged.find(({ sample: { stack } }) => stack.length > 0)?.sample ?? first.sample;
  return [{ ...group, sample, count: judged.length, flows: counted.sort((a, b) => b.count - a.count) }];
};

/** Whether a drop concerns the pod: its addresses, its namespace, or the interface it hangs on. */
const concerns = (evidence: WatchEvidence, { flow, situation }: Judged, inPod: (place: Place) => boolean): boolean => {
  const { pod } = evidence;
  if (!pod) return true;
  if (flow && pod.ips.some((ip) => ip === flow.source || ip === flow.destination)) return true;
  return situation.place !== undefined && inPod(situation.place);
};

const RANK = { problem: 0, warning: 1, harmless: 2 } as const;

/** What was dropped, alike with alike: what matters first, then by how much of it there is. */
export const dropGroups = (evidence: WatchEvidence): DropGroup[] => {
  const askRule = createRuleBook(evidence);
  const world = worldOf(evidence);
  const { pod } = evidence;
  const inPod = (place: Place): boolean => pod !== undefined && labelOf(place, world) === `pod ${pod.namespace}/${pod.name}`;
  const judged = evidence.result.drops
    .map((drop) => believed(evidence, drop))
    .filter(({ own }) => own)
    .map((drop) => judge(evidence, drop, askRule))
    // what passed this node and was dropped behind it is another one's of the same kernel
    .filter(({ situation, concern }) => evidence.result.ownKernel || concern.flooded || situation.place !== undefined)
    .filter((one) => concerns(evidence, one, inPod));
  return [...Map.groupBy(judged, groupKey).values()]
    .flatMap(groupOf)
    .sort((a, b) => RANK[a.concern.severity] - RANK[b.concern.severity] || b.count - a.count);
};
