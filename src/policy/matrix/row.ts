import type { Engine } from '../engine.ts';
import { exemption } from '../exemption.ts';
import type { Direction, Peer, Policy, Rule, Tier } from '../model.ts';
import { namedPorts } from '../party.ts';
import { ANYTHING, type PortSet, unite } from '../port-set.ts';
import { type Taken, through, trafficOf } from '../reach.ts';
import type { PartyClass } from './classes.ts';
import { FULL, type PortSets } from './port-sets.ts';

/** A rule of the policies that select a subject, in the order in which they are asked. */
interface Asked {
  rule: Rule;
  tier: number;
}

interface Plan {
  tiers: { tier: Tier; isolating: boolean }[];
  asked: Asked[];
  /** What some rule takes differs from destination to destination. */
  perDestination: boolean;
}

/** Finds the policies that select somebody without asking all of them. */
export const selectors = (engine: Engine, direction: Direction): ((subject: PartyClass) => { tier: Tier; policies: Policy[] }[]) => {
  const tiers = engine.tiers.map((tier) => {
    const speaking = tier.policies.map((policy, position) => ({ policy, position })).filter(({ policy }) => policy[direction] !== undefined);
    const byNamespace = Map.groupBy(speaking, ({ policy }) => policy.subject.namespace ?? '');
    return { tier, byNamespace };
  });
  return ({ party }) =>
    tiers.flatMap(({ tier, byNamespace }) => {
      const wide = byNamespace.get('') ?? [];
      const own = party.namespace === undefined ? [] : (byNamespace.get(party.namespace.name) ?? []);
      const candidates = wide.length > 0 && own.length > 0 ? [...own, ...wide].sort((a, b) => a.position - b.position) : [...own, ...wide];
      const policies = candidates.flatMap(({ policy }) => (policy.subject.matches(party) ? [policy] : []));
      return policies.length > 0 ? [{ tier, policies }] : [];
    });
};

const differs = ({ rule }: Asked): boolean => rule.traffic.some(({ perDestination }) => perDestination === true);

const planFor = (found: { tier: Tier; policies: Policy[] }[], direction: Direction): Plan => {
  const asked = found.flatMap(({ policies }, tier) =>
    policies.flatMap((policy) => (policy[direction] ?? []).filter(({ action }) => action !== 'log').map((rule) => ({ rule, tier }))),
  );
  return {
    tiers: found.map(({ tier, policies }) => ({ tier, isolating: policies.some(({ isolates }) => isolates[direction]) })),
    asked,
    perDestination: direction === 'egress' && asked.some(differs),
  };
};

const judgePlan = ({ tiers, asked }: Plan, taken: (rule: Rule) => PortSet, matched: (position: number) => boolean): PortSet => {
  let allowed: PortSet | undefined;
  let left: PortSet = ANYTHING;
  for (const [number, { tier, isolating }] of tiers.entries()) {
    const rules: Taken[] = [];
    for (const [position, { rule, tier: own }] of asked.entries())
      if (own === number && matched(position)) rules.push({ action: rule.action, ports: taken(rule) });
    const passage = through(tier, rules, isolating, left);
    allowed = allowed ? unite(allowed, passage.allowed) : passage.allowed;
    left = passage.left;
  }
  return allowed ? unite(allowed, left) : left;
};

/** Which classes a peer matches, found once for all rules that have it. */
export const peerFinder = (classes: readonly PartyClass[]): ((peer: Peer, subject: PartyClass) => readonly number[]) => {
  const known = new Map<string, readonly number[]>();
  const spaces = [...Map.groupBy([...classes.keys()], (position) => classes[position]?.party.namespace)].map(([namespace, members]) => ({
    namespace,
    members,
  }));
  const find = (peer: Peer, subject: PartyClass): number[] =>
    spaces
      .filter(({ namespace }) => peer.spaces === undefined || (namespace !== undefined && peer.spaces(namespace)))
      .flatMap(({ members }) => members.filter((position) => peer.matches((classes[position] as PartyClass).party, subject.party)));
  return (peer, subject) => {
    if (peer.key === undefined) return find(peer, subject);
    const hit = known.get(peer.key);
    if (hit) return hit;
    const found = find(peer, subject);
    known.set(peer.key, found);
    return found;
  };
};

/** Classes are told apart, as they come along the rules, by which of them matched so far: each different history is one node of a tree. */
const histories = (): { next: (node: number, rule: number) => number; rulesOf: (node: number) => Set<number> } => {
  const children = new Map<number, number>();
  const from: { node: number; rule: number }[] = [];
  const WIDE = 1 << 20;
  return {
    next: (node, rule) => {
      const key = node * WIDE + rule;
      const known = children.get(key);
      if (known !== undefined) return known;
      const made = from.push({ node, rule });
      children.set(key, made);
      return made;
    },
    rulesOf: (node) => {
      const rules = new Set<number>();
      for (let at = node; at > 0; ) {
        const { node: before, rule } = from[at - 1] as { node: number; rule: number };
        rules.add(rule);
        at = before;
      }
      return rules;
    },
  };
};

export interface RowContext {
  engine: Engine;
  classes: readonly PartyClass[];
  sets: PortSets;
  find: ReturnType<typeof peerFinder>;
}

const portsSignature = ({ party }: PartyClass): string =>
  namedPorts(party)
    .map(({ name, port, protocol }) => `${name}:${protocol}:${port}`)
    .sort()
    .join() + (party.addressText ?? '');

const matching = ({ rule }: Asked, subject: PartyClass, { classes, find }: RowContext): readonly number[] | 'all' => {
  if (rule.own && !rule.own.matches(subject.party, subject.party)) return [];
  const found = rule.peers.length === 0 ? 'all' : rule.peers.length === 1 ? find(rule.peers[0] as Peer, subject) : union(rule.peers, subject, find);
  if (rule.family === undefined) return found;
  const inFamily = (position: number): boolean => {
    const address = classes[position]?.party.address ?? subject.party.address;
    return address === undefined || address.family === rule.family;
  };
  return (found === 'all' ? [...classes.keys()] : found).filter(inFamily);
};

const union = (peers: readonly Peer[], subject: PartyClass, find: RowContext['find']): number[] => [
  ...new Set(peers.flatMap((peer) => find(peer, subject))),
];

/** What one class's policies let through from or to each other class, by the numbers of the sets; written into `row`. */
export const fillRow = (
  row: Uint16Array,
  direction: Direction,
  subject: PartyClass,
  found: { tier: Tier; policies: Policy[] }[],
  context: RowContext,
): void => {
  const { classes, sets, engine } = context;
  if (found.length === 0) {
    row.fill(FULL);
    return;
  }
  const plan = planFor(found, direction);
  const always = new Set<number>();
  const { next, rulesOf } = histories();
  const history = new Int32Array(classes.length);
  for (const [position, asked] of plan.asked.entries()) {
    const members = matching(asked, subject, context);
    if (members === 'all') always.add(position);
    else for (const member of members) history[member] = next(history[member] as number, position);
  }
  const answers = new Map<string | number, number>();
  for (const [position, far] of classes.entries()) {
    const node = history[position] as number;
    const key = plan.perDestination ? `${node} ${portsSignature(far)}` : node;
    let answer = answers.get(key);
    if (answer === undefined) {
      const rules = rulesOf(node);
      const destination = direction === 'ingress' ? subject.party : far.party;
      answer = sets.numberOf(
        judgePlan(
          plan,
          (rule) => trafficOf(rule, destination),
          (one) => always.has(one) || rules.has(one),
        ),
      );
      answers.set(key, answer);
    }
    row[position] = answer;
  }
  exempt(row, direction, subject, classes, engine);
};

/** Nodes are the only far ends that some plugins exempt by rule. */
const exempt = (row: Uint16Array, direction: Direction, subject: PartyClass, classes: readonly PartyClass[], { traits }: Engine): void => {
  for (const [position, { party }] of classes.entries()) {
    if (party.kind !== 'node') continue;
    if (exemption(traits, { direction, subject: subject.party, far: party, hairpin: false }) !== undefined) row[position] = FULL;
  }
};
