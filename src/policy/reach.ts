import { type Engine, selecting } from './engine.ts';
import { exemption } from './exemption.ts';
import type { Direction, Policy, Rule, Tier } from './model.ts';
import type { Party } from './party.ts';
import { ANYTHING, intersect, isNothing, NOTHING, type PortSet, subtract, unite } from './port-set.ts';

/** A rule with the traffic it takes between two given ends. */
export interface Taken {
  action: Rule['action'];
  ports: PortSet;
}

/** What one tier does to the traffic that reaches it. */
interface Passage {
  allowed: PortSet;
  /** What the next tier gets to see. */
  left: PortSet;
}

const throughOrdered = ({ end }: Pick<Tier, 'end'>, rules: readonly Taken[], arriving: PortSet): Passage => {
  let open = arriving;
  let allowed = NOTHING;
  let passed = NOTHING;
  for (const { action, ports } of rules) {
    if (action === 'log') continue;
    const taken = intersect(open, ports);
    if (isNothing(taken)) continue;
    if (action === 'allow') allowed = unite(allowed, taken);
    if (action === 'pass') passed = unite(passed, taken);
    open = subtract(open, taken);
  }
  return { allowed, left: end === 'deny' ? passed : unite(passed, open) };
};

const all = (rules: readonly Taken[], action: Rule['action']): PortSet =>
  rules.reduce<PortSet>((set, rule) => (rule.action === action ? unite(set, rule.ports) : set), NOTHING);

/**
 * The same judgement as judge.ts makes of one packet, made of all packets between two ends at once.
 * @param rules of the selecting policies, in order, with what each takes
 */
export const through = (tier: Pick<Tier, 'mode' | 'end'>, rules: readonly Taken[], isolating: boolean, arriving: PortSet): Passage => {
  if (tier.mode === 'ordered') return throughOrdered(tier, rules, arriving);
  const allow = all(rules, 'allow');
  if (tier.mode === 'union') return { allowed: intersect(arriving, allow), left: NOTHING };
  const deny = all(rules, 'deny');
  const open = subtract(arriving, deny);
  return { allowed: intersect(open, allow), left: isolating ? NOTHING : subtract(open, allow) };
};

export const trafficOf = ({ traffic }: Rule, destination: Party): PortSet =>
  traffic.length === 0 ? ANYTHING : traffic.reduce<PortSet>((set, one) => unite(set, one.ports(destination)), NOTHING);

/** Whether a rule is about these two at all, whatever the traffic. */
const concerns = (rule: Rule, subject: Party, far: Party): boolean => {
  const family = (far.address ?? subject.address)?.family;
  if (rule.family !== undefined && family !== undefined && rule.family !== family) return false;
  if (rule.own && !rule.own.matches(subject, far)) return false;
  return rule.peers.length === 0 || rule.peers.some((peer) => peer.matches(far, subject));
};

const rulesBetween = (policies: readonly Policy[], direction: Direction, subject: Party, far: Party, destination: Party): Taken[] =>
  policies.flatMap((policy) =>
    (policy[direction] ?? []).flatMap((rule) => (concerns(rule, subject, far) ? [{ action: rule.action, ports: trafficOf(rule, destination) }] : [])),
  );

/** What rules deny even of what is exempt otherwise: a node, where a rule that denies is asked first (Cilium). */
const denied = ({ tiers }: Engine, direction: Direction, from: Party, to: Party): PortSet => {
  const [subject, far] = direction === 'ingress' ? [to, from] : [from, to];
  if (far.kind !== 'node') return NOTHING;
  const first = tiers.filter(({ mode }) => mode === 'deny-first');
  return all(
    first.flatMap((tier) => rulesBetween(selecting(tier, direction, subject), direction, subject, far, to)),
    'deny',
  );
};

/** All that one end's policies let through between the two. */
export const reachOf = (engine: Engine, direction: Direction, from: Party, to: Party): PortSet => {
  const [subject, far] = direction === 'ingress' ? [to, from] : [from, to];
  if (exemption(engine.traits, { direction, subject, far, hairpin: false }) !== undefined)
    return subtract(ANYTHING, denied(engine, direction, from, to));
  let allowed = NOTHING;
  let left = ANYTHING;
  for (const tier of engine.tiers) {
    const policies = selecting(tier, direction, subject);
    if (policies.length === 0) continue;
    const isolating = policies.some(({ isolates }) => isolates[direction]);
    const passage = through(tier, rulesBetween(policies, direction, subject, far, to), isolating, left);
    allowed = unite(allowed, passage.allowed);
    left = passage.left;
  }
  return unite(allowed, left);
};

/** What both ends' policies let through. */
export const reach = (engine: Engine, from: Party, to: Party): PortSet =>
  intersect(reachOf(engine, 'egress', from, to), reachOf(engine, 'ingress', from, to));
