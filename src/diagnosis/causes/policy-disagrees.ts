import type { PodFacts } from '../../cluster/facts.ts';
import { sameAddress } from '../../forwarding/address.ts';
import { type PolicyRef, refText } from '../../policy/model.ts';
import { calicoUnknownInterface } from '../../policy/programmed/calico.ts';
import { calicoInterface } from '../../policy/programmed/calico-names.ts';
import { type Programmed, rose } from '../../policy/programmed/programmed.ts';
import type { Side } from '../../policy/verdict.ts';
import { listText, packetText, reasonText } from '../../policy/words.ts';
import { passes } from '../../probe/probe.ts';
import type { Cause, Draft } from '../cause.ts';
import { probeWords } from '../draft.ts';
import { endOf, type PacketEnd, packetEnd } from '../end.ts';
import { type Evidence, failingLegs, legOf, mainProbe, podNamed, podsOf, snapshotOf } from '../evidence.ts';
import { DROPS_ALLOWED, LEFTOVER, NOT_PROGRAMMED, PASSES_DENIED } from '../policy/codes.ts';
import { deniers } from '../policy/denial.ts';
import { countedWords, hasCounted, isInChain, isPolicyPlace } from '../policy/place.ts';
import { probeVerdict } from '../policy/probe-verdict.ts';
import { endsOf, hostInterfaceOf, type JudgedLeg, judgeLeg, type PolicyView, policyView, programmedFor, selectingRefs } from '../policy/view.ts';
import { restartAgent } from '../remedy.ts';

/** Drops of a policy's rules, of a flow that the policies of the API allow. */
interface Stale {
  judged: JudgedLeg;
  side: Side;
  programmed: Programmed;
  end?: PacketEnd;
  /** Policies that select the pod, and that the node has not. */
  missing: PolicyRef[];
  /** What the node has, and no policy is. */
  leftover: Programmed['carried'];
}

/** In the rule of this side, by where the packets end; else, where nothing tells that (OVS, BPF), by a counter that rose by no fewer than were lost. */
const isCulprit = (programmed: Programmed, end: PacketEnd | undefined, lost: number): boolean => {
  if (end && !isPolicyPlace(end)) return false;
  if (end?.stop.facts.chain !== undefined) return isInChain(end, programmed);
  return hasCounted(programmed) && programmed.counter !== undefined && rose(programmed.counter) >= lost;
};

const staleOf = (evidence: Evidence): Stale | undefined => {
  const view = policyView(evidence);
  if (!view) return undefined;
  for (const leg of failingLegs(evidence)) {
    if (probeVerdict(leg.probe).got === 'allow') continue;
    const end = endOf(evidence, leg);
    const lost = leg.probe.attempts.filter(({ outcome }) => outcome !== 'answered').length;
    for (const judged of judgeLeg(evidence, view, leg)) {
      if (judged.verdict.verdict === 'deny') continue;
      const found = sideAtFault(evidence, view, judged, end, lost);
      if (found) return { judged, ...found, ...(end ? { end } : {}) };
    }
  }
  return undefined;
};

/** Policies that select the pod and that the node has no rules of, where all of its rules can be told. */
const missingOn = ({ carried, complete }: Programmed, view: PolicyView, { flow }: JudgedLeg, side: Side): PolicyRef[] =>
  complete ? selectingRefs(view, side.direction, endsOf(flow, side).subject).filter((ref) => !carried.some((one) => one.ref === ref)) : [];

const sideAtFault = (
  evidence: Evidence,
  view: PolicyView,
  judged: JudgedLeg,
  end: PacketEnd | undefined,
  lost: number,
): Pick<Stale, 'side' | 'programmed' | 'missing' | 'leftover'> | undefined => {
  for (const side of judged.verdict.sides) {
    const programmed = programmedFor(evidence, view, judged, side);
    if (!programmed || !isCulprit(programmed, end, lost)) continue;
    const { carried, complete } = programmed;
    return {
      side,
      programmed,
      missing: missingOn(programmed, view, judged, side),
      leftover: complete ? carried.filter(({ ref }) => ref === undefined) : [],
    };
  }
  return undefined;
};

const missingLines = (missing: readonly PolicyRef[], { subject, direction }: Side, node: string): string[] =>
  missing.map((ref) => `${refText(ref)} selects ${subject} for ${direction}, and ${node} has no rules of it`);

const evidenceLines = ({ judged, side, programmed, end, missing, leftover }: Stale): string[] => [
  probeWords(judged.leg),
  ...judged.verdict.sides.map((one) => `${one.subject}, ${one.direction}: ${reasonText(one.reason, one.verdict)}`),
  `${programmed.node} drops it by ${programmed.place}: "${programmed.text}"${countedWords(end, programmed)
    .map((words) => `; ${words}`)
    .join('')}`,
  ...missingLines(missing, side, programmed.node),
  ...leftover.map(({ place, said }) => `${place}${said === undefined ? '' : ` (${said})`} on ${programmed.node} belongs to no policy that exists`),
];

const staleDraft = (evidence: Evidence, { judged, programmed, end }: Stale, title: string, lines: string[], plugin: string): Draft => ({
  severity: 'problem',
  confidence: hasCounted(programmed) || end !== undefined ? 'certain' : 'likely',
  title,
  ...(end?.direction === 'there' && judged.leg.probe.request.purpose === 'main' ? { hop: end.index } : {}),
  place: { node: programmed.node, ...(programmed.interface === undefined ? {} : { interface: programmed.interface }) },
  evidence: lines,
  fix: restartAgent(evidence.facts, plugin, programmed.node),
  notes: ['If policies were changed a moment ago, ask again: a node may take seconds to follow.', ...programmed.notes],
});

const flowWords = ({ flow }: JudgedLeg): string => `${flow.from.label} → ${flow.to.label} ${packetText(flow)}`;

/** What the rule or program that drops is for has been said by these. */
const FOLLOWS = ['ND3002', 'ND3003', 'ND3004', 'ND3011', 'ND3015'];

export const dropsAllowed: Cause = {
  ...DROPS_ALLOWED,
  implies: FOLLOWS,
  recognise: (evidence) => {
    const stale = staleOf(evidence);
    if (!stale || stale.leftover.length > 0) return undefined;
    const plugin = policyView(evidence)?.engine.traits.name ?? '';
    const title = `The policies allow ${flowWords(stale.judged)}, and ${plugin} on ${stale.programmed.node} drops it by their rules: what it has programmed is not what the policies say.`;
    return staleDraft(evidence, stale, title, evidenceLines(stale), plugin);
  },
};

export const leftoverDrops: Cause = {
  ...LEFTOVER,
  implies: FOLLOWS,
  recognise: (evidence) => {
    const stale = staleOf(evidence);
    if (!stale || stale.leftover.length === 0) return undefined;
    const plugin = policyView(evidence)?.engine.traits.name ?? '';
    const names = listText(stale.leftover.map(({ said, place }) => said ?? place));
    const title = `${plugin} on ${stale.programmed.node} still has rules of ${names}, which ${stale.leftover.length === 1 ? 'does' : 'do'} not exist, and drops ${flowWords(stale.judged)} by them.`;
    return staleDraft(evidence, stale, title, evidenceLines(stale), plugin);
  },
};

/** The pod that a packet came from or goes to where it was dropped. */
const forgottenPod = (evidence: Evidence, { leg, hop }: PacketEnd, direction: Side['direction']): PodFacts | undefined => {
  const { source, destination } = hop.packet;
  return podsOf(evidence, leg).find(({ ips }) => ips.some((ip) => sameAddress(ip, direction === 'ingress' ? destination : source)));
};

export const notProgrammed: Cause = {
  ...NOT_PROGRAMMED,
  implies: [...FOLLOWS, DROPS_ALLOWED.code, 'ND5001'],
  recognise: (evidence) => {
    const end = packetEnd(evidence, 'rule', 'reject');
    const { chain = '' } = end?.stop.facts ?? {};
    if (!end || !/^(filter-)?cali-(to|from)-wl-dispatch/.test(chain)) return undefined;
    const direction = chain.includes('-to-') ? 'ingress' : 'egress';
    const snapshot = snapshotOf(evidence, end.hop.node);
    const before = evidence.before?.find(({ node }) => node === end.hop.node);
    const family = end.hop.packet.destination.includes(':') ? 6 : 4;
    const rule = snapshot && calicoUnknownInterface(snapshot, before, direction, family);
    if (!rule) return undefined;
    const pod = forgottenPod(evidence, end, direction);
    const name = pod ? (hostInterfaceOf(evidence, pod) ?? calicoInterface(pod.namespace, pod.name)) : end.hop.interface;
    const whose = pod ? `${name}, the interface of ${podNamed(pod)},` : "a pod's interface";
    return {
      severity: 'problem',
      confidence: hasCounted(rule) ? 'certain' : 'likely',
      title: `Calico on ${rule.node} has no rules for ${whose} and drops all that comes from it or goes to it.`,
      ...(end.direction === 'there' && end.leg.probe.request.purpose === 'main' ? { hop: end.index } : {}),
      place: { node: rule.node, ...(name === '' ? {} : { interface: name }) },
      evidence: [
        probeWords(end.leg),
        `${rule.place}: "${rule.text}"${countedWords(end, rule)
          .map((words) => `; ${words}`)
          .join('')}`,
      ],
      fix: restartAgent(evidence.facts, 'calico', rule.node),
      notes: ['A pod that has just started may be a second ahead of its rules: if it goes away, it was that.'],
    };
  },
};

/** Nobody can be sure that what passed was denied while something may make the verdict another one. */
export const passesDenied: Cause = {
  ...PASSES_DENIED,
  recognise: (evidence) => {
    const view = policyView(evidence);
    const main = mainProbe(evidence);
    if (!view?.enforcer.plugin || view.engine.traits.enforces.size === 0 || !main || !passes(main)) return undefined;
    const judged = judgeLeg(evidence, view, legOf(evidence, main));
    const [first] = judged;
    if (!first || judged.some(({ verdict }) => verdict.verdict === 'allow' || verdict.doubts.length > 0)) return undefined;
    const side = first.verdict.sides.find(({ verdict }) => verdict === 'deny');
    if (!side) return undefined;
    const programmed = programmedFor(evidence, view, first, side);
    const { subject } = endsOf(first.flow, side);
    const plugin = view.engine.traits.name;
    const missing = programmed ? missingLines(missingOn(programmed, view, first, side), side, programmed.node) : [];
    return {
      severity: 'warning',
      confidence: 'certain',
      title: `${deniers(side) || 'A network policy'} should deny ${flowWords(first)}, and it passes.`,
      place: { ...(subject.nodeName === undefined ? {} : { node: subject.nodeName }) },
      evidence: [
        probeWords(first.leg),
        `${side.subject}, ${side.direction}: ${reasonText(side.reason, side.verdict)}`,
        ...(missing.length > 0
          ? missing
          : [
              programmed
                ? `${programmed.node} has ${programmed.place} for it ("${programmed.text}"), which these packets did not meet`
                : `no rule of it was found on ${subject.nodeName ?? 'the node'}`,
            ]),
      ],
      fix: subject.nodeName === undefined ? [] : restartAgent(evidence.facts, plugin, subject.nodeName),
      notes: ['The probes are new connections, so that it is none that was open before.'],
    };
  },
};
