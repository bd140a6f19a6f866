import { doubtsOf } from './doubts.ts';
import { type Engine, selecting } from './engine.ts';
import { exemption } from './exemption.ts';
import { firstMatch, isMatch, type Match, matchRule, missOf, type View, viewOf } from './match.ts';
import type { Policy, PolicyRef, Rule, Tier } from './model.ts';
import type { Flow, Reason, Side, Step, Verdict } from './verdict.ts';

interface TierVerdict {
  steps: Step[];
  /** Absent: it is the next tier's turn. */
  decision?: { verdict: 'allow' | 'deny'; reason: Reason };
}

const matched = (tier: Tier, policy: Policy, { rule, peer, traffic }: Match): Step => ({
  tier: tier.name,
  policy: policy.ref,
  outcome: rule.action,
  rule: rule.at,
  ...(rule.name === undefined ? {} : { ruleName: rule.name }),
  ...(peer === undefined ? {} : { peer }),
  ...(traffic === undefined ? {} : { port: traffic.index }),
});

const missed = (tier: Tier, policy: Policy, view: View): Step => ({
  tier: tier.name,
  policy: policy.ref,
  outcome: 'no-match',
  ...missOf(policy, view),
});

const byRule = (policy: Policy, rule: Rule): Reason => ({
  is: 'rule',
  policy: policy.ref,
  rule: rule.at,
  ...(rule.name === undefined ? {} : { ruleName: rule.name }),
});

const refs = (policies: readonly Policy[]): PolicyRef[] => policies.map(({ ref }) => ref);

const rulesOf = (policy: Policy, { direction }: View): readonly Rule[] => policy[direction] ?? [];

/** Rules in order; the first that matches decides, but for those that only take note. */
const judgeOrdered = (tier: Tier, policies: readonly Policy[], view: View): TierVerdict => {
  const steps: Step[] = [];
  for (const policy of policies) {
    const rules = rulesOf(policy, view);
    const noted = rules.filter(({ action }) => action === 'log').flatMap((rule) => firstMatch([rule], view) ?? []);
    const result = firstMatch(
      rules.filter(({ action }) => action !== 'log'),
      view,
    );
    const decisive = result && isMatch(result) ? result : undefined;
    for (const note of noted) if (isMatch(note) && (!decisive || note.rule.index < decisive.rule.index)) steps.push(matched(tier, policy, note));
    if (!decisive) {
      steps.push(missed(tier, policy, view));
      continue;
    }
    steps.push(matched(tier, policy, decisive));
    const { action } = decisive.rule;
    if (action === 'allow' || action === 'deny') return { steps, decision: { verdict: action, reason: byRule(policy, decisive.rule) } };
    return { steps };
  }
  if (policies.length === 0 || tier.end !== 'deny') return { steps };
  return { steps, decision: { verdict: 'deny', reason: { is: 'tier-default', tier: tier.name, policies: refs(policies) } } };
};

const isolated = (policies: readonly Policy[]): NonNullable<TierVerdict['decision']> => ({
  verdict: 'deny',
  reason: { is: 'isolated', policies: refs(policies) },
});

/** Whoever allows, allows; there is no order among them. */
const judgeUnion = (tier: Tier, policies: readonly Policy[], view: View): TierVerdict => {
  const steps = policies.map((policy) => {
    const result = firstMatch(rulesOf(policy, view), view);
    return result && isMatch(result) ? { step: matched(tier, policy, result), policy, match: result } : { step: missed(tier, policy, view), policy };
  });
  const ordered = [...steps.filter(({ match }) => match), ...steps.filter(({ match }) => !match)].map(({ step }) => step);
  if (policies.length === 0) return { steps: [] };
  const allowing = steps.find(({ match }) => match);
  if (!allowing?.match) return { steps: ordered, decision: isolated(policies) };
  return { steps: ordered, decision: { verdict: 'allow', reason: byRule(allowing.policy, allowing.match.rule) } };
};

/** A rule that denies wins, wherever it stands; without one, whoever allows; without that, isolation where some policy asks for it. */
const judgeDenyFirst = (tier: Tier, policies: readonly Policy[], view: View): TierVerdict => {
  const ask = (action: 'deny' | 'allow'): { policy: Policy; match: Match }[] =>
    policies.flatMap((policy) => {
      const result = firstMatch(
        rulesOf(policy, view).filter((rule) => rule.action === action),
        view,
      );
      return result && isMatch(result) ? [{ policy, match: result }] : [];
    });
  const [denying, allowing] = [ask('deny'), ask('allow')];
  const [decisive] = [...denying, ...allowing];
  const said = new Set([...denying, ...allowing].map(({ policy }) => policy));
  const steps = [
    ...[...denying, ...allowing].map(({ policy, match }) => matched(tier, policy, match)),
    ...policies.filter((policy) => !said.has(policy)).map((policy) => missed(tier, policy, view)),
  ];
  if (decisive)
    return {
      steps,
      decision: { verdict: denying.length > 0 ? 'deny' : 'allow', reason: byRule(decisive.policy, decisive.match.rule) },
    };
  const isolating = policies.filter(({ isolates }) => isolates[view.direction]);
  return isolating.length > 0 ? { steps, decision: isolated(isolating) } : { steps };
};

const JUDGES = { ordered: judgeOrdered, union: judgeUnion, 'deny-first': judgeDenyFirst };

const idleSteps = ({ idle }: Engine, view: View): Step[] =>
  selecting({ policies: idle }, view.direction, view.subject).map((policy) => ({
    tier: policy.tier,
    policy: policy.ref,
    outcome: 'not-enforced',
    why: { kind: 'not-enforced', text: policy.notEnforced ?? '' },
  }));

/** Cilium lets a pod's own node in unless some rule denies it: that is asked before the exemption. */
const deniesNode = ({ tiers }: Engine, view: View): boolean =>
  view.far.kind === 'node' &&
  tiers.some(
    (tier) =>
      tier.mode === 'deny-first' &&
      selecting(tier, view.direction, view.subject).some((policy) =>
        rulesOf(policy, view).some((rule) => rule.action === 'deny' && isMatch(matchRule(rule, view))),
      ),
  );

/** The policies of one end, tier by tier. */
const judgeSide = (engine: Engine, flow: Flow, direction: Side['direction']): Side => {
  const view = viewOf(flow, direction);
  const side = { direction, subject: view.subject.label };
  const exempt = exemption(engine.traits, { ...view, hairpin: flow.hairpin ?? false });
  if (exempt !== undefined && !deniesNode(engine, view)) return { ...side, verdict: 'allow', reason: { is: 'exempt', text: exempt }, steps: [] };
  const steps: Step[] = [];
  for (const tier of engine.tiers) {
    const said = JUDGES[tier.mode](tier, selecting(tier, direction, view.subject), view);
    steps.push(...said.steps);
    if (said.decision) return { ...side, ...said.decision, steps: [...steps, ...idleSteps(engine, view)] };
  }
  const text =
    steps.length > 0
      ? 'no policy that selects it decides: what nobody denies is allowed'
      : `no policy selects ${view.subject.label} for ${direction}`;
  return { ...side, verdict: 'allow', reason: { is: 'default', text }, steps: [...steps, ...idleSteps(engine, view)] };
};

export const judgeBoth = (engine: Engine, flow: Flow): Omit<Verdict, 'doubts'> => {
  const sides: [Side, Side] = [judgeSide(engine, flow, 'egress'), judgeSide(engine, flow, 'ingress')];
  return { verdict: sides.every(({ verdict }) => verdict === 'allow') ? 'allow' : 'deny', sides };
};

/** May it, and which policy says so. */
export const judge = (engine: Engine, flow: Flow): Verdict => {
  const verdict = judgeBoth(engine, flow);
  return { ...verdict, doubts: doubtsOf(engine, flow, verdict, judgeBoth) };
};
