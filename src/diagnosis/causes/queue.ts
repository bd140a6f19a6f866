import { answered } from '../../probe/probe.ts';
import type { Cause, Draft } from '../cause.ts';
import { counterWords, nameOfRule, netnsOfEnd, removalOf } from '../decided-rule.ts';
import { draftOf } from '../draft.ts';
import { lostOf, type QueueRange, type QueueReadings, queuesIn, queueWords, readingsIn, unservedOf } from '../drops/packet-queues.ts';
import { queueRuleAt } from '../drops/queue-rules.ts';
import { type PacketEnd, packetEnd } from '../end.ts';
import { DIRECTIONS, type Evidence, failingLegs } from '../evidence.ts';
import { onNode } from '../remedy.ts';
import { ruleOwnerNote } from '../rule-words.ts';
import { type QueueOwner, queueOwner } from './queue-owner.ts';

interface Queued {
  end: PacketEnd;
  /** Absent where the rule computes the queue's number, or no rule is known. */
  range?: QueueRange;
  readings: QueueReadings[];
}

const readingsOf = (evidence: Evidence, end: PacketEnd, range: QueueRange | undefined): QueueReadings[] => {
  const { before, after } = netnsOfEnd(evidence, end);
  return range ? readingsIn(range, after, before) : [];
};

/** The kernel drops it itself: its own word, or the model's. */
const dropped = (evidence: Evidence): Queued | undefined => {
  const end = packetEnd(evidence, 'queue');
  if (!end) return undefined;
  const range = end.stop.decidedBy === undefined ? undefined : queuesIn(end.stop.decidedBy);
  return { end, ...(range ? { range } : {}), readings: readingsOf(evidence, end, range) };
};

/** Nobody dropped it, and it did not come out of the queue again: packets wait there that did not before. */
const kept = (evidence: Evidence): Queued | undefined => {
  for (const leg of failingLegs(evidence).filter(({ probe }) => answered(probe) === 0)) {
    for (const direction of DIRECTIONS) {
      const walk = leg[direction];
      for (const [index, hop] of walk?.hops.entries() ?? []) {
        const ref = queueRuleAt(evidence, hop)?.ref;
        const range = ref && queuesIn(ref.text);
        if (!walk || !ref || !range) continue;
        const { backend, table, chain, number = 0 } = ref;
        const facts = { backend, table, chain, number: `${number}` };
        const stop = { reason: 'queue' as const, message: 'no program let it go on', decidedBy: ref.text, facts };
        const end: PacketEnd = { leg, walk, direction, hop, index, stop };
        const readings = readingsOf(evidence, end, range).filter((reading) => unservedOf(reading) > 0);
        if (readings.length > 0) return { end, range, readings };
      }
    }
  }
  return undefined;
};

type State = 'unread' | 'partly' | 'mute' | 'slow' | 'gone' | 'kept';

const stateOf = ({ range, readings }: Queued, isDropped: boolean): State => {
  if (readings.some((reading) => lostOf(reading) > 0)) return 'slow';
  if (!isDropped) return 'kept';
  if (readings.length === 0) return 'unread';
  if (readings.every(({ now }) => now.copies === 'none')) return 'mute';
  return range && readings.length <= range.last - range.first ? 'partly' : 'gone';
};

/** What is the matter with the queue. */
const FAULT: Record<State, string> = {
  unread: 'which no program reads: the kernel drops it',
  partly: 'not all of which a program reads: the kernel drops it',
  mute: 'whose program never said what it wants to see: the kernel drops it',
  slow: 'whose program does not keep up: the kernel drops it',
  gone: 'whose program was not there when it came: the kernel dropped it',
  kept: 'whose program lets nothing go on: it waits there',
};

const queueName = ({ range, readings }: Queued, state: State): string => {
  const [only, ...others] = readings;
  if (only && others.length === 0 && state !== 'partly') return `queue ${only.now.number}`;
  if (!range) return 'a queue';
  return range.first === range.last ? `queue ${range.first}` : `one of queues ${range.first}-${range.last}`;
};

const failOpen = ({ stop }: PacketEnd): string =>
  `To let packets pass while no program reads the queue (fail open), the rule has to say ${stop.facts.backend === 'nft' ? 'flags bypass' : '--queue-bypass'}; that does not help where the program is there and too slow.`;

const restartSomebody = ({ end, readings }: Queued): string[] => {
  const what = readings.length === 0 ? 'Start the program again that reads the queue' : 'Look at the program that reads the queue, and restart it';
  return [
    `${what}: whoever wrote the rule knows it (a policy agent, an IPS such as Suricata). Queues that are read, and by whom:`,
    onNode(end.hop.node, 'cat /proc/net/netfilter/nfnetlink_queue'),
  ];
};

const fix = (evidence: Evidence, queued: Queued, owner: QueueOwner | undefined): string[] => {
  const { end } = queued;
  return [
    ...(owner?.restart ?? restartSomebody(queued)),
    ...(end.stop.decidedBy === undefined
      ? []
      : ['Or take the rule away; nothing judges these packets then:', removalOf(evidence, end), failOpen(end)]),
  ];
};

const draft = (evidence: Evidence, queued: Queued, isDropped: boolean): Draft => {
  const { end, range } = queued;
  const { node } = end.hop;
  const state = stateOf(queued, isDropped);
  const owner = queueOwner(evidence, end);
  const { before, after } = netnsOfEnd(evidence, end);
  const { decidedBy, facts } = end.stop;
  const hook = facts.hook === undefined ? '' : ` at the ${facts.hook} hook`;
  return draftOf(evidence, end, {
    title: `A rule on ${node} hands it to ${queueName(queued, state)}, ${FAULT[state]}.`,
    evidence: [
      ...(decidedBy === undefined ? [`which rule${hook} is not known`] : [`${nameOfRule(end)}, rule: ${decidedBy}`, ...counterWords(evidence, end)]),
      ...(range ? queueWords(range, after, before) : []),
      ...(owner?.ill ?? []),
    ],
    fix: fix(evidence, queued, owner),
    notes: [...(owner ? [owner.note] : []), ...ruleOwnerNote(facts.chain ?? '')],
  });
};

/** As many as were lost wait there now: nothing but the probes has to be assumed to come by. */
const keptConfidence = ({ end, readings }: Queued, seen: Draft['confidence']): Draft['confidence'] =>
  readings.reduce((sum, reading) => sum + unservedOf(reading), 0) >= end.leg.probe.attempts.length ? seen : 'likely';

export const queueUnread: Cause = {
  code: 'ND3018',
  summary: 'A rule hands the packet to a queue (NFQUEUE, nft queue) that no program reads, or not fast enough: it is lost.',
  recognise: (evidence) => {
    const lost = dropped(evidence);
    if (lost) return draft(evidence, lost, true);
    const waiting = kept(evidence);
    if (!waiting) return undefined;
    const said = draft(evidence, waiting, false);
    return { ...said, confidence: keptConfidence(waiting, said.confidence) };
  },
};
