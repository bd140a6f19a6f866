import type { Family, NodeSnapshot } from '../../node/snapshot.ts';
import type { Direction, PolicyRef } from '../model.ts';
import { calicoChains, calicoInterface } from './calico-names.ts';
import { type Chain, type ChainRule, chainsOf, isDenial, packetsBefore } from './chains.ts';
import type { Carried, Programmed, Wanted } from './programmed.ts';

const POLICY = /^cali-p[io]-/;
const GROUP = /^cali-g[io]-/;

/** `KubernetesNetworkPolicy demo/web ingress`, before 3.32 `Policy demo/knp.default.web ingress`: the comment of a policy's rules. */
const OWNER = /^((?:\S*Policy) \S+) (?:in|e)gress$/;

const jumps = (chain: Chain | undefined, pattern: RegExp): string[] =>
  chain?.rules.flatMap(({ target }) => (target !== undefined && pattern.test(target) ? [target] : [])) ?? [];

const named = (chains: readonly Chain[], name: string, like?: Chain): Chain | undefined =>
  chains.find((chain) => chain.name === name && (like === undefined || chain.table === like.table));

/** Policies of one selector share a chain of their own (felix: policy groups). */
const policyChains = (chains: readonly Chain[], workload: Chain): string[] => [
  ...new Set([...jumps(workload, POLICY), ...jumps(workload, GROUP).flatMap((group) => jumps(named(chains, group, workload), POLICY))]),
];

/** By the name that kubectl knows: Calico has names of its own for Kubernetes' kind. */
const kubernetesName = (said: string): string =>
  said.replace(/^KubernetesNetworkPolicy /, 'NetworkPolicy ').replace(/^Policy (\S+)\/knp\.default\.(\S+)$/, 'NetworkPolicy $1/$2');

const saidBy = (chain: Chain | undefined): string | undefined =>
  chain?.rules
    .flatMap(({ comments }) => comments.flatMap((comment) => OWNER.exec(comment)?.[1] ?? []))
    .map(kubernetesName)
    .at(0);

interface Tiered {
  ref: PolicyRef;
  tier: string;
}

const tiersOf = ({ side, selecting }: Wanted): Tiered[] => {
  const tiers = new Map(side.steps.map(({ policy, tier }) => [policy, tier]));
  return selecting.map((ref) => ({ ref, tier: tiers.get(ref) ?? 'default' }));
};

/** The rule at the end of a tier, or behind all of them, that drops what nobody allowed. */
const atEnd = ({ comments }: ChainRule, tier: string | undefined): boolean =>
  comments.some((text) =>
    /^End of tier (\S+)\. /.test(text)
      ? tier === undefined || text.startsWith(`End of tier ${tier}. `)
      : /^Drop if no (policies passed packet|profiles matched)/.test(text),
  );

/** A rule that only ends what another one marked has no words of its own: those of its chain tell whose it is. */
const wordsOf = ({ comments, target = '' }: ChainRule, chain: Chain): string =>
  comments.filter((text) => !text.startsWith('cali:')).join('; ') || saidBy(chain) || target;

/** Of several that may have done it, the one that counted something. */
const mostCounted = (found: { chain: Chain; rule: ChainRule }[], before: readonly Chain[]): { chain: Chain; rule: ChainRule } | undefined => {
  const risen = ({ chain, rule }: { chain: Chain; rule: ChainRule }): number => rule.packets - (packetsBefore(before, chain, rule) ?? 0);
  return [...found].sort((a, b) => risen(b) - risen(a))[0];
};

/** How Felix carries out the policies of a pod: `cali-tw-` into it, `cali-fw-` out of it (felix/rules: rule_defs.go). */
export const calicoRule = (wanted: Wanted, hostInterface?: string): Programmed | undefined => {
  const { snapshot, before, direction, subject, side } = wanted;
  const { pod, address } = subject;
  if (!pod) return undefined;
  const family = address?.family ?? 4;
  const [chains, earlier] = [chainsOf(snapshot, family), chainsOf(before, family)];
  const prefix = direction === 'ingress' ? 'cali-tw-' : 'cali-fw-';
  const interfaces = [hostInterface, calicoInterface(pod.namespace, pod.name)].filter((name) => name !== undefined);
  const workload = interfaces.map((name) => named(chains, prefix + name)).find((chain) => chain !== undefined);
  if (!workload) return undefined;
  const known = tiersOf(wanted).map(({ ref, tier }) => ({ ref, names: new Set(calicoChains(ref, tier, direction)) }));
  const carried = policyChains(chains, workload).map((place): Carried => {
    const ref = known.find(({ names }) => names.has(place))?.ref;
    const said = saidBy(named(chains, place, workload));
    return { place, ...(ref ? { ref } : {}), ...(said === undefined ? {} : { said }) };
  });
  const { reason } = side;
  const tier = reason.is === 'tier-default' ? reason.tier : undefined;
  const denying =
    reason.is === 'rule' ? carried.filter(({ ref }) => ref === reason.policy).flatMap(({ place }) => named(chains, place, workload) ?? []) : [];
  const inPolicy = denying.flatMap((chain) => chain.rules.filter(isDenial).map((rule) => ({ chain, rule })));
  const inWorkload = workload.rules.filter((rule) => isDenial(rule) && atEnd(rule, tier)).map((rule) => ({ chain: workload, rule }));
  const found = mostCounted(inPolicy.length > 0 ? inPolicy : inWorkload, earlier);
  if (!found) return undefined;
  const { chain, rule } = found;
  const past = packetsBefore(earlier, chain, rule);
  return {
    node: snapshot.node,
    place: `${chain.table} ${chain.name} ${rule.at}`,
    text: wordsOf(rule, chain),
    interface: workload.name.slice(prefix.length),
    counter: { ...(past === undefined ? {} : { before: past }), after: rule.packets },
    carried,
    complete: true,
    notes: [],
  };
};

/** Felix drops whatever comes from or goes to an interface that it has not programmed yet. */
export const calicoUnknownInterface = (
  snapshot: NodeSnapshot,
  before: NodeSnapshot | undefined,
  direction: Direction,
  family: Family,
): Programmed | undefined => {
  const [chains, earlier] = [chainsOf(snapshot, family), chainsOf(before, family)];
  const dispatch = direction === 'ingress' ? 'cali-to-wl-dispatch' : 'cali-from-wl-dispatch';
  for (const chain of chains.filter(({ name }) => name.startsWith(dispatch))) {
    const rule = chain.rules.find((one) => isDenial(one) && one.comments.includes('Unknown interface'));
    if (!rule) continue;
    const past = packetsBefore(earlier, chain, rule);
    return {
      node: snapshot.node,
      place: `${chain.table} ${chain.name} ${rule.at}`,
      text: 'Unknown interface',
      counter: { ...(past === undefined ? {} : { before: past }), after: rule.packets },
      carried: [],
      complete: true,
      notes: [],
    };
  }
  return undefined;
};
