import type { ApiObject, ClusterFacts, Protocol } from '../../cluster/facts.ts';
import type { Finding } from '../../diagnosis/finding.ts';
import { ENFORCES_NONE, POLICY_DENIES } from '../../diagnosis/policy/codes.ts';
import { denialDraft } from '../../diagnosis/policy/denial.ts';
import { unenforcedDraft, unenforcedPolicies } from '../../diagnosis/policy/unenforced.ts';
import type { End } from '../../policy/end.ts';
import { type Engine, engineOf } from '../../policy/engine.ts';
import { type FlowCase, flowsOf } from '../../policy/flows.ts';
import { judge } from '../../policy/judge.ts';
import { withObject, withObjects } from '../../policy/objects.ts';
import { portSetText } from '../../policy/port-set.ts';
import { reach } from '../../policy/reach.ts';
import { type Suggestion, suggest } from '../../policy/suggest/suggest.ts';
import type { Flow, Side, Verdict } from '../../policy/verdict.ts';
import { questionText, reasonText } from '../../policy/words.ts';
import type { Between, Enforcement, FlowReport, PolicyEnd, PolicyReport } from '../../report/policy/reports.ts';
import { podsOfEnd } from './ends.ts';
import { engineNotes } from './notes.ts';

/** A question about two ends, its words found and its port chosen. */
export interface PairQuestion {
  from: Exclude<End, { is: 'service' }>;
  to: End;
  protocol: Protocol;
  port?: number;
}

interface Judged extends FlowCase {
  verdict: Verdict;
  allowed: string;
}

const endReport = (end: End): PolicyEnd => ({
  label: end.label,
  kind: end.is,
  ...('pods' in end ? { pods: end.pods.length } : {}),
  ...(end.note === undefined ? {} : { note: end.note }),
});

/** `10.0.0.4 → 10.0.0.9`; nothing where manifests give none, and no address twice that is its own name. */
const addressesOf = ({ from, to }: Flow): string[] => {
  const known = [from, to].flatMap(({ addressText, label }) => (addressText === undefined || addressText === label ? [] : [addressText]));
  return known.length === 0 ? [] : [known.join(' → ')];
};

const betweenOf = ({ flow, sources, destinations }: Judged): Between => ({
  from: flow.from.label,
  to: flow.to.label,
  addresses: addressesOf(flow),
  sources,
  destinations,
  ...(flow.hairpin ? { hairpin: true } : {}),
});

/** Two addresses of one pair that are judged alike need not be told apart. */
const sameEnds = (one: Between, other: Between): boolean => one.from === other.from && one.to === other.to && one.hairpin === other.hairpin;

const withBetween = (all: readonly Between[], next: Between): Between[] => {
  const known = all.find((one) => sameEnds(one, next));
  if (!known) return [...all, next];
  return all.map((one) => (one === known ? { ...one, addresses: [...new Set([...one.addresses, ...next.addresses])] } : one));
};

/** Flows that are judged alike, step by step, are shown once. */
const likeness = ({ verdict: { sides, doubts }, allowed, flow }: Judged): string =>
  JSON.stringify([sides.map(({ subject: _, ...side }) => side), doubts, allowed, flow.port]);

const reportsOf = (judged: readonly Judged[]): FlowReport[] =>
  [...Map.groupBy(judged, likeness).values()].flatMap((alike): FlowReport[] => {
    const [first] = alike;
    if (!first) return [];
    const { verdict, sides, doubts } = first.verdict;
    return [
      {
        between: alike.map(betweenOf).reduce<Between[]>(withBetween, []),
        verdict: verdict === 'allow' ? 'allowed' : 'denied',
        protocol: first.flow.protocol,
        ...(first.flow.port === undefined ? {} : { port: first.flow.port }),
        sides,
        doubts,
        allowed: first.allowed,
      },
    ];
  });

/** `shop/web-0 shop/svc/db --port 5432 --protocol udp`: the question as it can be typed anywhere. */
const askedText = ({ from, to, protocol, port }: PairQuestion): string =>
  questionText(from.label, to.label, { protocol, ...(port === undefined ? {} : { port }) });

/** What would allow this flow, for all the pods that were asked about. */
const suggestFor = (question: PairQuestion, facts: ClusterFacts, enforcement: Enforcement, { flow }: FlowCase): Suggestion =>
  suggest({ facts, plugin: enforcement.plugin, flow, sources: podsOfEnd(question.from), destinations: podsOfEnd(question.to) });

/** What would allow all of it, flow by flow; each is judged with what the others have added already. */
export const suggestPair = (question: PairQuestion, facts: ClusterFacts, enforcement: Enforcement): Suggestion | undefined => {
  const { from, to, protocol, port } = question;
  const flows = flowsOf(engineOf(facts, enforcement.plugin), facts, from, to, { protocol, ...(port === undefined ? {} : { port }) });
  if (flows.length === 0) return undefined;
  let objects: ApiObject[] = [];
  const notes = new Set<string>();
  for (const one of flows) {
    const more = suggestFor(question, withObjects(facts, objects), enforcement, one);
    if ('impossible' in more) return more;
    objects = more.objects.reduce(withObject, objects);
    for (const note of more.notes) notes.add(note);
  }
  return { objects, notes: [...notes] };
};

const denials = (question: PairQuestion, facts: ClusterFacts, enforcement: Enforcement, judged: readonly Judged[]): Finding[] => {
  const denied = judged.flatMap((one) => one.verdict.sides.flatMap((side) => (side.verdict === 'deny' ? [{ one, side }] : [])));
  const alike = ({ side }: { side: Side }): string => `${side.direction} ${reasonText(side.reason, side.verdict)}`;
  return [...Map.groupBy(denied, alike).values()].flatMap(([first]): Finding[] => {
    if (!first) return [];
    const { one, side } = first;
    const suggestion = suggestFor(question, facts, enforcement, one);
    return [
      { code: POLICY_DENIES.code, ...denialDraft({ flow: one.flow, side, doubts: one.verdict.doubts, suggestion, asked: askedText(question) }) },
    ];
  });
};

const unenforced = (engine: Engine, judged: readonly Judged[], { signs }: Enforcement): Finding[] => {
  const refs = unenforcedPolicies(
    engine,
    judged.flatMap(({ flow }) => [flow.from, flow.to]),
  );
  return refs.length === 0 ? [] : [{ code: ENFORCES_NONE.code, ...unenforcedDraft(refs, engine.traits.name, signs, 'problem') }];
};

/** Sources outside that come through a Service are not always who they were. */
const sourceNotes = ({ from, to }: PairQuestion): string[] =>
  from.is === 'outside' && to.is === 'service' && to.service.externalTrafficPolicy !== 'Local'
    ? [`how it comes in: with externalTrafficPolicy Cluster a node may put its own address in place of ${from.label}, and policies see that one`]
    : [];

/** Facts → report, pure. Undefined: nothing would be sent, as there is no pod behind the Service, or no address family in common. */
export const judgePair = (
  question: PairQuestion,
  facts: ClusterFacts,
  enforcement: Enforcement,
  time: string,
): Omit<PolicyReport, 'timings'> | undefined => {
  const { from, to, protocol, port } = question;
  const engine = engineOf(facts, enforcement.plugin);
  const judged = flowsOf(engine, facts, from, to, { protocol, ...(port === undefined ? {} : { port }) }).map(
    (one): Judged => ({
      ...one,
      verdict: judge(engine, one.flow),
      allowed: portSetText(reach(engine, one.flow.from, one.flow.to)),
    }),
  );
  if (judged.length === 0) return undefined;
  const count = judged.filter(({ verdict }) => verdict.verdict === 'allow').length;
  return {
    kind: 'PolicyReport',
    time,
    from: endReport(from),
    to: endReport(to),
    protocol,
    ...(port === undefined ? {} : { port }),
    enforcement,
    verdict: count === judged.length ? 'allowed' : count === 0 ? 'denied' : 'mixed',
    flows: reportsOf(judged),
    findings: [...denials(question, facts, enforcement, judged), ...unenforced(engine, judged, enforcement)],
    notChecked: [...facts.notRead, ...sourceNotes(question), ...engineNotes(engine, enforcement)],
  };
};
