import { type Engine, recompiled, selecting } from './engine.ts';
import { isMatch, matchRule, type View, viewOf } from './match.ts';
import { type Direction, type Policy, refText } from './model.ts';
import { nodeParty } from './party.ts';
import { type Assumption, flipped } from './traits.ts';
import type { Doubt, Flow, Verdict } from './verdict.ts';

type Judge = (engine: Engine, flow: Flow) => Omit<Verdict, 'doubts'>;

const DIRECTIONS: readonly Direction[] = ['egress', 'ingress'];

/** Every enforced policy that has a say in this flow. */
const speaking = ({ tiers }: Engine, view: View): Policy[] => tiers.flatMap((tier) => selecting(tier, view.direction, view.subject));

const assumptionText = (trait: Assumption, held: boolean): string => {
  const texts: Record<Assumption, [string, string]> = {
    ipBlockMatchesCluster: ['an ipBlock covers pods and nodes by their addresses', 'an ipBlock covers neither pods nor nodes (Cilium)'],
    acceptsOwnNode: ['a pod always accepts its own node', 'a pod is shielded from its own node, too'],
    reachesOwnNode: ['a pod may always send to its own node', 'what a pod sends to its own node is policed'],
    hairpinPoliced: ['traffic that comes back through a Service is policed', 'traffic that comes back through a Service is not policed (Cilium)'],
    endPort: ['endPort is known', 'endPort is not known and port alone counts'],
  };
  return texts[trait][held ? 0 : 1];
};

/** What the plugin may do another way than it was taken to, when that would change the verdict. */
const openTraits = (engine: Engine, flow: Flow, { verdict }: Omit<Verdict, 'doubts'>, judge: Judge): Doubt[] => {
  const policies = DIRECTIONS.flatMap((direction) => speaking(engine, viewOf(flow, direction)));
  if (policies.length === 0) return [];
  return engine.traits.assumed.flatMap((trait): Doubt[] => {
    const traits = flipped(engine.traits, trait);
    const rereads = trait === 'ipBlockMatchesCluster' || trait === 'endPort';
    const other = judge(rereads ? recompiled(engine, traits, policies) : { ...engine, traits }, flow);
    if (other.verdict === verdict) return [];
    const text = `depends on the network plugin: ${assumptionText(trait, engine.traits[trait])} was taken; where ${assumptionText(trait, !engine.traits[trait])}, it is ${other.verdict === 'allow' ? 'allowed' : 'denied'}`;
    return [{ text, otherwise: other.verdict }];
  });
};

/** Rules that allow as far as can be seen, with more to come; rules that may allow, if somebody else says so. */
const decidedElsewhere = (engine: Engine, flow: Flow, verdict: Omit<Verdict, 'doubts'>): Doubt[] =>
  DIRECTIONS.flatMap((direction) => {
    const view = viewOf(flow, direction);
    const side = verdict.sides.find((one) => one.direction === direction);
    if (side?.reason.is === 'exempt') return [];
    return speaking(engine, view).flatMap((policy) =>
      (policy[direction] ?? []).flatMap((rule): Doubt[] => {
        const result = matchRule(rule, view);
        const where = `${rule.at} of ${refText(policy.ref)}`;
        if (isMatch(result)) {
          const decider = rule.elsewhere ?? result.traffic?.elsewhere;
          const decides = side?.reason.is === 'rule' && side.reason.policy === policy.ref && side.reason.rule === rule.at;
          return decider === undefined || !decides ? [] : [{ text: `${where} matches by addresses and ports; ${decider}`, otherwise: 'deny' }];
        }
        if (side?.verdict !== 'deny' || rule.action !== 'allow') return [];
        const decider = rule.peers.find((peer) => peer.elsewhere !== undefined);
        return decider && view.far.kind === 'outside'
          ? [{ text: `${where} may allow it: ${decider.text}, ${decider.elsewhere}`, otherwise: 'allow' }]
          : [];
      }),
    );
  });

/** Two policies of one priority that say different things: "the implementation can apply any of the matching policies". */
const ambiguous = (engine: Engine, flow: Flow, { sides }: Omit<Verdict, 'doubts'>): Doubt[] => {
  if (engine.traits.pipeline !== 'kubernetes') return [];
  return sides.flatMap(({ direction, steps }) => {
    const view = viewOf(flow, direction);
    return engine.tiers
      .filter(({ mode }) => mode === 'ordered')
      .flatMap((tier): Doubt[] => {
        const matching = selecting(tier, direction, view.subject).flatMap((policy) => {
          const rule = (policy[direction] ?? []).find((one) => isMatch(matchRule(one, view)));
          return rule ? [{ policy, rule }] : [];
        });
        const decisive = matching.find(({ policy }) => steps.some((step) => step.policy === policy.ref && step.outcome !== 'no-match'));
        const rivals = matching.filter(
          ({ policy, rule }) => decisive && policy.order === decisive.policy.order && rule.action !== decisive.rule.action,
        );
        if (!decisive || rivals.length === 0) return [];
        const others = rivals.map(({ policy, rule }) => `${refText(policy.ref)} (${rule.action})`).join(', ');
        return [{ text: `${refText(decisive.policy.ref)} (${decisive.rule.action}) and ${others} have the same priority: either may win` }];
      });
  });
};

/** A pod that has no address yet is in no block. */
const unknownAddresses = (engine: Engine, flow: Flow): Doubt[] =>
  DIRECTIONS.flatMap((direction): Doubt[] => {
    const view = viewOf(flow, direction);
    if (view.far.address !== undefined || view.far.kind === 'outside') return [];
    const byAddress = speaking(engine, view).filter((policy) =>
      (policy[direction] ?? []).some(({ peers }) => peers.some(({ key, matches }) => key?.startsWith('block') && !matches(view.far, view.subject))),
    );
    if (byAddress.length === 0) return [];
    return [{ text: `${view.far.label} has no address here, and ${byAddress.map(({ ref }) => refText(ref)).join(', ')} selects by address` }];
  });

/** Policies of host endpoints may act on what their nodes forward as well: they can take away, and never add. */
const onTheWay = (engine: Engine, { from, to }: Flow, { verdict }: Omit<Verdict, 'doubts'>): Doubt[] => {
  if (verdict === 'deny') return [];
  const passed = [from, to]
    .filter(({ kind }) => kind === 'pod')
    .flatMap(({ node }) => (node && from.nodeName !== to.nodeName ? [nodeParty(node)] : []));
  return passed.flatMap((node) =>
    engine.tiers
      .flatMap(({ policies }) => policies)
      .filter(({ onForward, subject }) => onForward && subject.matches(node))
      .map(({ ref }): Doubt => ({ text: `${refText(ref)} acts on what ${node.label} forwards, too, which is not judged`, otherwise: 'deny' })),
  );
};

const unread = ({ unreadable, unjudged }: Engine): Doubt[] => [
  ...unreadable.map(({ policy, problems }): Doubt => ({ text: `${refText(policy)} could not be read (${problems[0]?.reason}) and was left out` })),
  ...unjudged.map(
    ({ count, kind, apiVersion }): Doubt => ({ text: `${count} ${kind} (${apiVersion}) may decide otherwise: this kind is not judged` }),
  ),
];

/** Everything that could make the verdict another one. */
export const doubtsOf = (engine: Engine, flow: Flow, verdict: Omit<Verdict, 'doubts'>, judge: Judge): Doubt[] => [
  ...openTraits(engine, flow, verdict, judge),
  ...decidedElsewhere(engine, flow, verdict),
  ...ambiguous(engine, flow, verdict),
  ...unknownAddresses(engine, flow),
  ...onTheWay(engine, flow, verdict),
  ...unread(engine),
];
