import { familyOf } from '../../forwarding/address.ts';
import type { Netns, NodeSnapshot } from '../../node/snapshot.ts';
import type { Drop } from '../../probe/observation.ts';
import type { Evidence, Leg } from '../evidence.ts';
import { countedExactly, type LostPackets, type Raised, raisedCounters } from './counters.ts';
import type { ObservedDrop } from './observed.ts';

/** The rule that dropped, by its counter. */
export interface Culprit extends Raised {
  /** The probes whose packets are exactly what it counted; absent where others' packets met it, too. */
  counted?: LostPackets[];
}

const netnsOf = (snapshots: NodeSnapshot[] | undefined, { node, netns }: Drop): Netns | undefined =>
  snapshots?.find((snapshot) => snapshot.node === node)?.namespaces.find(({ inode }) => inode === netns);

/** Bytes as the rule at that place counts them: of the tunnel's packet where it is still wrapped. */
const lengthOf = ({ tunnelled, wireLength, packet }: Drop): number => (tunnelled ? wireLength : (packet.length ?? wireLength));

const sameEnd = (one: Drop, other: Drop): boolean =>
  one.node === other.node && one.netns === other.netns && one.function === other.function && one.what === other.what;

/** What each probe lost there. */
const lostPackets = ({ drops }: Pick<Evidence, 'drops'>, { drop }: ObservedDrop): LostPackets[] => {
  const here = drops.flatMap((result) => result.drops).filter((candidate) => sameEnd(candidate, drop));
  return [...Map.groupBy(here, ({ probe }) => probe)].map(([probe, group]) => ({
    probe,
    packets: group.length,
    bytes: group.reduce((sum, one) => sum + lengthOf(one), 0),
  }));
};

/** The one rule that counted exactly what was lost, else the only one that can have. Between readings of the node something else may have met it. */
export const culpritOf = (evidence: Evidence, { probe }: Leg, observed: ObservedDrop): Culprit | undefined => {
  const { drop } = observed;
  const [before, after] = [netnsOf(evidence.before, drop), netnsOf(evidence.snapshots, drop)];
  if (!before || !after) return undefined;
  const family = drop.tunnelled ? undefined : familyOf(drop.packet.destination);
  const raised = (family === undefined ? ([4, 6] as const) : [family])
    .flatMap((one) => raisedCounters(before, after, one))
    .filter(({ does, packets }) => does !== 'other' && packets >= observed.times);
  const groups = lostPackets(evidence, observed);
  const exact = raised.flatMap((rule): Culprit[] => {
    const counted = countedExactly(rule, groups, probe.request.id);
    return counted ? [{ ...rule, counted }] : [];
  });
  const [only, ...others] = exact.length > 0 ? exact : raised;
  return exact.length > 0 || others.length === 0 ? only : undefined;
};

/** `its counter rose by exactly the 5 probes: 5 packets, 300 bytes` */
export const culpritWords = ({ packets, bytes, counted }: Culprit, total: number, main: string): string => {
  if (!counted) return `its counter rose by ${packets} packets, ${bytes} bytes while the probes ran`;
  const own = counted.find(({ probe }) => probe === main)?.packets ?? 0;
  const others = counted.length > 1 ? ' and the checks beside them' : '';
  const again = own > total ? `${total} probes, some sent twice` : `${own} lost probes`;
  return `its counter rose by exactly the ${again}${others}: ${packets} packets, ${bytes} bytes`;
};
