import { familyOf } from '../../forwarding/address.ts';
import type { Packet, RuleRef, StopReason } from '../../forwarding/hop.ts';
import { walk } from '../../forwarding/walk.ts';
import type { Place } from '../../forwarding/world.ts';
import type { KernelDrop } from '../../probe/watch/kernel-drop.ts';
import { type Raised, raisedCounters } from '../drops/counters.ts';
import { canBe } from '../drops/culprit.ts';
import type { Hook, Meaning } from '../drops/meaning.ts';
import { type WatchEvidence, worldOf } from './evidence.ts';
import type { Situation } from './situate.ts';

/** The rule or chain policy that dropped. */
export interface RuleFound {
  ref: RuleRef;
  does: 'drop' | 'reject' | 'queue';
  /** What its counter rose by between the two readings of the node. */
  raised?: { packets: number; bytes: number };
  /** Its counter and the model agree, or it is the only one whose counter rose. */
  sure: boolean;
}

const sameRule = (one: RuleRef, other: RuleRef): boolean =>
  one.backend === other.backend && one.table === other.table && one.chain === other.chain && one.number === other.number;

/** Counters of rules of one namespace, whatever they do; read once per run. */
const raisedIn = (evidence: WatchEvidence, inode: string, family: 4 | 6): Raised[] => {
  const [before, after] = [evidence.before, evidence.snapshot].map((snapshot) => snapshot?.namespaces.find((netns) => netns.inode === inode));
  return before && after ? raisedCounters(before, after, family) : [];
};

/** The hooks a chain can be reached from are not in the counters; its name says it for those the kernel calls. */
const reaches = ({ ref: { chain } }: Raised, hook: Hook | undefined): boolean =>
  hook === undefined || !['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'].includes(chain.toUpperCase()) || chain.toUpperCase() === hook;

const BACKENDS = ['iptables-nft', 'iptables-legacy', 'nft'] as const;

const isBackend = (text: string | undefined): text is RuleRef['backend'] => BACKENDS.some((backend) => backend === text);

const DOES: Partial<Record<StopReason, RuleFound['does']>> = { rule: 'drop', policy: 'drop', reject: 'reject', queue: 'queue' };

/** What the model says of such a packet that comes in there, or is sent from there. */
const predicted = (evidence: WatchEvidence, place: Place, packet: Packet, iif: string | undefined): Omit<RuleFound, 'sure'> | undefined => {
  const start = { node: place.snapshot.node, netns: place.netns.inode, ...(iif === undefined ? {} : { iif }) };
  const isFirst = packet.protocol !== 'tcp' || packet.tcpFlags === undefined || (packet.tcpFlags.includes('SYN') && !packet.tcpFlags.includes('ACK'));
  const { hops } = walk(packet, start, worldOf(evidence), { connection: isFirst ? 'new' : 'established' });
  const stop = hops.find((hop) => hop.stop)?.stop;
  const does = stop && DOES[stop.reason];
  if (!stop || !does) return undefined;
  const { backend, table = '', chain = '', number } = stop.facts;
  if (!isBackend(backend)) return undefined;
  const ref = { backend, table, chain, ...(number === undefined ? {} : { number: Number(number) }), text: stop.decidedBy ?? '' };
  return { ref, does };
};

const found = (rule: Raised, sure: boolean): RuleFound => ({
  ref: rule.ref,
  does: rule.does === 'other' ? 'drop' : rule.does,
  raised: { packets: rule.packets, bytes: rule.bytes },
  sure,
});

/** Which rule dropped a packet: by what the model makes of it and by the counters that rose; undefined when neither tells. */
export const ruleFor = (
  evidence: WatchEvidence,
  drop: KernelDrop,
  { place, interface: name, direction }: Situation,
  packet: Packet | undefined,
  { kinds, hook }: Meaning,
): RuleFound | undefined => {
  if (!place) return undefined;
  const families: (4 | 6)[] = packet ? [familyOf(packet.destination)] : [drop.ethertype === 0x86dd ? 6 : 4];
  const raised = families
    .flatMap((family) => raisedIn(evidence, place.netns.inode, family))
    .filter((rule) => canBe(rule.does, kinds) && reaches(rule, hook));
  const guess = packet && predicted(evidence, place, packet, direction === 'in' ? name : undefined);
  const model = guess && canBe(guess.does, kinds) ? guess : undefined;
  const counted = model && raised.find(({ ref }) => sameRule(ref, model.ref));
  if (counted) return found(counted, true);
  const [only, ...others] = raised;
  if (only && others.length === 0) return found(only, true);
  // a counter that did not rise would have, had it been this rule; one without a counter may be
  if (model && raised.length === 0) return { ...model, sure: false };
  const [most] = [...raised].sort((a, b) => b.packets - a.packets);
  return most && found(most, false);
};
