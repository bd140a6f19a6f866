import { type PolicyRef, refText } from '../../policy/model.ts';
import { type Programmed, rose } from '../../policy/programmed/programmed.ts';
import type { Side } from '../../policy/verdict.ts';
import { listText, packetText, reasonText } from '../../policy/words.ts';
import { passes, unanswered } from '../../probe/probe.ts';
import type { Cause, Draft } from '../cause.ts';
import { probeWords } from '../draft.ts';
import { passedBy } from '../drops/queue-rules.ts';
import { endOf, type PacketEnd } from '../end.ts';
import { type Evidence, failingLegs, legOf, mainProbe } from '../evidence.ts';
import { DROPS_ALLOWED, FOLLOWS, LEFTOVER, PASSES_DENIED } from '../policy/codes.ts';
import { deniers } from '../policy/denial.ts';
import { countedWords, hasCounted, isInChain, isPolicyPlace } from '../policy/place.ts';
import { probeVerdict } from '../policy/probe-verdict.ts';
import { endsOf, type JudgedLeg, judgeLeg, type PolicyView, policyView, programmedFor, selectingRefs } from '../policy/view.ts';
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
    const lost = unanswered(leg.probe);
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
    const unjudged = passedBy(evidence, first.leg.there?.hops ?? []);
    const missing = programmed ? missingLines(missingOn(programmed, view, first, side), side, programmed.node) : [];
    return {
      severity: 'warning',
      confidence: 'certain',
      title: `${deniers(side) || 'A network policy'} should deny ${flowWords(first)}, and it passes.`,
      place: { ...(subject.nodeName === undefined ? {} : { node: subject.nodeName }) },
      evidence: [
        probeWords(first.leg),
        `${side.subject}, ${side.direction}: ${reasonText(side.reason, side.verdict)}`,
        ...(missing.length + unjudged.length > 0
          ? [...missing, ...unjudged]
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
