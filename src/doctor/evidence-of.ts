import type { ClusterFacts } from '../cluster/facts.ts';
import { linkNamed, peerOf, placeAt, type World } from '../forwarding/world.ts';
import type { NodeSnapshot } from '../node/snapshot.ts';
import { type CrossedTo, joinDrops } from '../probe/drops/join-drops.ts';
import type { ProbeResult } from '../probe/probe.ts';
import { parseRuleTrace } from '../probe/rules/rule-trace.ts';
import { joinSightings } from '../probe/tap/join-sightings.ts';
import { probeKeys } from '../probe/tap/probe-keys.ts';
import { parseTaps, traceText } from '../probe/tap/tap-output.ts';
import { withTapTimes } from '../probe/tap/tap-times.ts';
import type { PathEvidence } from './judge-path.ts';
import type { Question } from './plan.ts';
import { isLost, type Look } from './watch.ts';

/** What a run knew before its probes, and of sizes that no capture watched. */
export interface Known {
  question: Question;
  facts: ClusterFacts;
  /** Before any probe. */
  snapshots: NodeSnapshot[];
  /** Pings of several sizes, which no capture watched. */
  sizes: ProbeResult[];
  notChecked: string[];
}

/** From device to device within a netns, or through a veth pair into the peer's. */
const crossing =
  (node: string, world: World): CrossedTo =>
  ({ netns, interface: name, direction }, device) => {
    const place = placeAt(world, node, netns);
    if (direction === 'in' || !place) return netns;
    const link = linkNamed(place.netns, name);
    const peer = link && peerOf(place, link);
    return peer?.link.name === device ? peer.place.netns.inode : undefined;
  };

/** Everything one look gave, understood and joined: what the judge reads. */
export const evidenceOf = ({ question, facts, snapshots, sizes, notChecked }: Known, { probes, raw, rules, after }: Look): PathEvidence => {
  const taps = joinSightings(
    raw.flatMap((one) => parseTaps(one)),
    probeKeys(probes),
  );
  const complete = after?.snapshots.length === snapshots.length;
  return {
    question,
    facts,
    snapshots: complete ? after.snapshots : snapshots,
    ...(complete ? { before: snapshots } : {}),
    probes: [...withTapTimes(probes, taps), ...sizes],
    taps,
    drops: isLost(probes) ? raw.map((one) => joinDrops(one.node, traceText(one), taps, crossing(one.node, { facts, snapshots }))) : [],
    ruleTraces: rules.map(parseRuleTrace),
    notChecked: [...notChecked, ...(after?.notChecked ?? [])],
  };
};
