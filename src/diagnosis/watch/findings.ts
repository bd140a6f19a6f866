import { familyOf, hostPort } from '../../forwarding/address.ts';
import { labelOf } from '../../forwarding/world.ts';
import type { DropKind } from '../drops/meaning.ts';
import { queuesIn, queueWords } from '../drops/packet-queues.ts';
import type { Finding } from '../finding.ts';
import { inPlace, onNode } from '../remedy.ts';
import { ruleName, ruleOwnerNote, ruleRemoval } from '../rule-words.ts';
import type { WatchEvidence } from './evidence.ts';
import type { Flow } from './flow.ts';
import { wordsFor } from './kinds.ts';
import type { DropGroup } from './rows.ts';

/** More findings than these are a table's job. */
const MOST_FINDINGS = 10;

const MOST_FLOWS = 4;

const flowWords = ({ source, destination, protocol, sourcePort, destinationPort }: Flow): string =>
  `${hostPort(source, sourcePort)} → ${hostPort(destination, destinationPort)} ${protocol}`;

/** `12.0 packets/s` */
const rateWords = (perSecond: number): string => `${perSecond >= 100 ? Math.round(perSecond) : perSecond.toFixed(1)} packets/s`;

/** `NETFILTER_DROP in nft_do_chain(), at the FORWARD hook` */
const kernelWords = ({ reason, function: place, hook }: DropGroup): string => {
  const why = reason === undefined || reason === 'NOT_SPECIFIED' ? '' : `${reason} `;
  return `the kernel: ${why}in ${place}()${hook === undefined ? '' : `, at the ${hook} hook`}`;
};

const placeWords = ({ situation: { where, interface: name, direction } }: DropGroup): string => {
  if (name === undefined) return where;
  return `${where}${where === '' ? '' : ', '}${direction === 'out' ? 'behind' : 'after it came in by'} ${name}`;
};

const removalOf = (node: string, { rule, flows, situation, sample }: DropGroup): string[] => {
  if (!rule) return [onNode(node, 'nft -a list ruleset')];
  const [flow] = flows;
  const command = ruleRemoval(rule.ref, flow ? familyOf(flow.destination) : sample.ethertype === 0x86dd ? 6 : 4);
  return [inPlace(node, situation.place?.netns, command)];
};

/** Kinds that a rule decides. */
const OF_RULES = new Set<DropKind>(['rule', 'policy', 'reject', 'queue']);

/** Who reads the queue that the rule hands packets to. */
const readerEvidence = ({ before }: WatchEvidence, { kind, rule, situation }: DropGroup): string[] => {
  const netns = situation.place?.netns;
  const range = rule && queuesIn(rule.ref.text);
  const earlier = before?.namespaces.find(({ inode }) => inode === netns?.inode);
  return kind === 'queue' && range ? queueWords(range, netns, earlier) : [];
};

const ruleEvidence = ({ rule, kind }: DropGroup): string[] => {
  if (!OF_RULES.has(kind)) return [];
  if (!rule) return [`which rule is not known: none that ${kind === 'queue' ? 'queues' : 'drops or rejects'} and has a counter counted anything`];
  const counter = rule.raised
    ? [`its counter rose by ${rule.raised.packets} packets, ${rule.raised.bytes} bytes`]
    : ['it has no counter; the packets look like what it drops'];
  return [`rule: ${rule.ref.text}`, ...counter];
};

/** Addresses nobody answers for now, in the namespaces that were read. */
const silentNeighbours = ({ snapshot, facts }: WatchEvidence): string[] => {
  const silent = snapshot.namespaces.flatMap((netns) =>
    netns.neighbours
      .filter(({ state }) => state === 'FAILED' || state === 'INCOMPLETE')
      .map(({ address, device }) => `${address} on ${device} (${labelOf({ snapshot, netns }, { snapshots: [snapshot], facts })})`),
  );
  return silent.length === 0 ? [] : [`nobody answers for ${silent.slice(0, MOST_FLOWS).join(', ')}${silent.length > MOST_FLOWS ? ', …' : ''}`];
};

const titleOf = (node: string, { kind, rule, count }: DropGroup, seconds: number): string =>
  `${node} drops ${rateWords(count / seconds)} ${wordsFor(kind, rule?.ref.text).title}${rule ? `: ${ruleName(rule.ref)}` : ''}.`;

const confidenceOf = ({ rule, kind, flows }: DropGroup): Finding['confidence'] => {
  if (OF_RULES.has(kind)) return rule?.sure && flows.length > 0 ? 'certain' : 'likely';
  return kind === 'other' ? 'likely' : 'certain';
};

const findingOf = (evidence: WatchEvidence, group: DropGroup): Finding => {
  const { node } = evidence.snapshot;
  const { seconds } = evidence.result;
  const { flows, kind, concern, rule, situation, count } = group;
  const words = wordsFor(kind, rule?.ref.text);
  const more = flows.length > MOST_FLOWS ? [`and ${flows.length - MOST_FLOWS} more kinds of traffic`] : [];
  return {
    code: words.code,
    severity: concern.severity === 'problem' ? 'problem' : 'warning',
    confidence: confidenceOf(group),
    title: titleOf(node, group, seconds),
    place: { node, ...(situation.interface === undefined ? {} : { interface: situation.interface }) },
    evidence: [
      ...ruleEvidence(group),
      ...readerEvidence(evidence, group),
      ...flows.slice(0, MOST_FLOWS).map((flow) => `${flow.count} of ${count}: ${flowWords(flow)}`),
      ...more,
      ...(kind === 'no-neighbour' ? silentNeighbours(evidence) : []),
      ...(flows.length === 0 ? ['whose packets they are could not be seen'] : []),
      [kernelWords(group), placeWords(group)].filter((part) => part !== '').join('; '),
      ...(concern.why === undefined ? [] : [concern.why]),
    ],
    fix: OF_RULES.has(kind) && words.advice.length === 0 ? removalOf(node, group) : words.advice,
    notes: rule ? ruleOwnerNote(rule.ref.chain) : [],
  };
};

/** A finding for each group that matters. */
export const watchFindings = (evidence: WatchEvidence, groups: DropGroup[]): Finding[] =>
  groups
    .filter(({ concern }) => concern.severity !== 'harmless')
    .slice(0, MOST_FINDINGS)
    .map((group) => findingOf(evidence, group));
