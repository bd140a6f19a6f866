import { refText } from '../../policy/model.ts';
import { whereElse } from '../../policy/programmed/find.ts';
import type { Programmed } from '../../policy/programmed/programmed.ts';
import { suggest } from '../../policy/suggest/suggest.ts';
import type { Flow, Side } from '../../policy/verdict.ts';
import { listText, packetText, policiesOf, questionText, reasonText } from '../../policy/words.ts';
import { answered } from '../../probe/probe.ts';
import type { Cause, Draft } from '../cause.ts';
import { probeWords } from '../draft.ts';
import { endOf, type PacketEnd } from '../end.ts';
import { type Evidence, failingLegs } from '../evidence.ts';
import { FOLLOWS, POLICY_DENIES } from '../policy/codes.ts';
import { deniers, OPEN_CONNECTIONS, remedy, trail } from '../policy/denial.ts';
import { countedWords, hasCounted, isInChain, isPolicyPlace } from '../policy/place.ts';
import { probeVerdict } from '../policy/probe-verdict.ts';
import { endsOf, type JudgedLeg, judgeLeg, type PolicyView, policyView, programmedFor } from '../policy/view.ts';

/** A failing leg that policies deny, with what its node has of that. */
interface Denied {
  judged: JudgedLeg;
  side: Side;
  /** Other endpoints of the Service that are denied and fail, too. */
  others: string[];
  programmed?: Programmed;
  /** Where its packets really end, when that is known. */
  end?: PacketEnd;
}

const othersDenied = (evidence: Evidence, view: PolicyView, { flow }: JudgedLeg): string[] => {
  const judged = failingLegs(evidence).flatMap((leg) => judgeLeg(evidence, view, leg));
  const labels = judged.filter(({ verdict }) => verdict.verdict === 'deny').map(({ flow: { to } }) => to.label);
  return [...new Set(labels)].filter((label) => label !== flow.to.label);
};

/** Behind a Service some endpoints may be allowed: a loss of everything is then none of the policies'. */
const denialOf = (evidence: Evidence, view: PolicyView): Denied | undefined => {
  for (const leg of failingLegs(evidence)) {
    const judged = judgeLeg(evidence, view, leg);
    const denied = judged.filter(({ verdict }) => verdict.verdict === 'deny');
    const [first] = denied;
    const side = first?.verdict.sides.find(({ verdict }) => verdict === 'deny');
    const some = answered(leg.probe) > 0;
    const fits = some ? denied.length < judged.length : denied.length === judged.length && probeVerdict(leg.probe).got !== 'allow';
    if (!first || !side || !fits) continue;
    const programmed = programmedFor(evidence, view, first, side);
    const end = endOf(evidence, leg);
    return { judged: first, side, others: othersDenied(evidence, view, first), ...(programmed ? { programmed } : {}), ...(end ? { end } : {}) };
  }
  return undefined;
};

/** Half a sentence that names the policies and what they lack. */
const whyWords = ({ flow }: JudgedLeg, side: Side): string => {
  const { subject, far } = endsOf(flow, side);
  const packet = packetText(flow);
  if (side.reason.is === 'rule')
    return `${reasonText(side.reason, side.verdict).replace(/ it$/, '')} ${flow.from.label} → ${flow.to.label} ${packet}`;
  return policiesOf(side.reason).length > 1
    ? `${deniers(side)} select ${subject.label}, and none has a rule for ${far.label} at ${packet}`
    : `${deniers(side)} selects ${subject.label} and has no rule for ${far.label} at ${packet}`;
};

const nodeLines = ({ programmed, end, side }: Denied, plugin: string): string[] => {
  if (!programmed) return [];
  const { node, place, text, carried } = programmed;
  const counted = countedWords(end, programmed);
  const known = carried.flatMap(({ ref, place: where }) => (ref ? [`${refText(ref)} (${where})`] : []));
  return [
    `${plugin} on ${node} denies it by ${place}: "${text}"${counted.length > 0 ? `; ${counted.join('; ')}` : ''}`,
    ...(known.length > 0 ? [`what ${node} has for ${side.subject}, ${side.direction}: ${known.join(', ')}`] : []),
  ];
};

/** Probes of a Service go to all its endpoints; the rules of one of them are shown. */
const otherLines = ({ others }: Denied): string[] =>
  others.length === 0 ? [] : [`policies deny it at the Service's other endpoints, too: ${listText(others)}`];

const VIP = "That a Service's own address answers a ping proves nothing: where kube-proxy uses IPVS, every node has that address itself.";

/** A Service leads there, so that somebody will have tried its address. */
const vipNote = ({ to, facts }: Evidence, { to: party }: Flow): string[] =>
  to.kind === 'service' || facts.endpoints.some(({ ip }) => ip === party.addressText) ? [VIP] : [];

/** What a node sends may have another address than its own, such as its tunnel's: then policies know it by that one. */
const askedFrom = ({ from }: Evidence, { from: { kind, addressText } }: Flow): string =>
  kind === 'node' && addressText !== undefined && !from.ips.includes(addressText) ? addressText : from.label;

const draftOf = (evidence: Evidence, { engine, enforcer }: PolicyView, denied: Denied): Draft => {
  const { judged, side, programmed, end } = denied;
  const { flow, leg } = judged;
  const { protocol, port } = leg.probe.request;
  const plugin = engine.traits.name;
  const elsewhere = end !== undefined && !isPolicyPlace(end);
  const proven = !elsewhere && programmed !== undefined && (hasCounted(programmed) || (end !== undefined && isInChain(end, programmed)));
  const suggestion = suggest({ facts: evidence.facts, plugin: enforcer.plugin, flow });
  const asked = questionText(askedFrom(evidence, flow), evidence.to.label, { protocol, ...(port === undefined ? {} : { port }) });
  const { fix, manifest, notes } = remedy({ suggestion, asked });
  const where = programmed?.interface === undefined ? '' : ` before ${programmed.interface}`;
  const hint = programmed === undefined ? whereElse(plugin) : undefined;
  const why = whyWords(judged, side);
  return {
    severity: elsewhere ? 'warning' : 'problem',
    confidence: elsewhere ? 'possible' : proven ? 'certain' : 'likely',
    title: elsewhere
      ? `A network policy would deny it, too: ${why}.`
      : proven && programmed
        ? `Dropped on ${programmed.node}${where} by policy: ${why}.`
        : `${why.charAt(0).toUpperCase()}${why.slice(1)}.`,
    ...(end && !elsewhere && end.direction === 'there' && leg.probe.request.purpose === 'main' ? { hop: end.index } : {}),
    ...(programmed ? { place: { node: programmed.node, ...(programmed.interface === undefined ? {} : { interface: programmed.interface }) } } : {}),
    evidence: [probeWords(leg), ...nodeLines(denied, plugin), ...trail(side), ...otherLines(denied)],
    fix,
    ...(manifest === undefined ? {} : { manifest }),
    notes: [
      ...notes,
      ...(programmed?.notes ?? []),
      ...(hint === undefined ? [] : [hint]),
      ...judged.verdict.doubts.map(({ text }) => text),
      OPEN_CONNECTIONS,
      ...vipNote(evidence, flow),
    ],
  };
};

export const policyDenies: Cause = {
  ...POLICY_DENIES,
  implies: FOLLOWS,
  recognise: (evidence) => {
    const view = policyView(evidence);
    const denied = view && denialOf(evidence, view);
    return denied && draftOf(evidence, view, denied);
  },
};
