import type { ApiObject } from '../cluster/facts.ts';
import type { Context } from './context.ts';
import { membersOf, rootField } from './field.ts';
import { ADMIN_TIER, BASELINE_TIER } from './kinds/admin.ts';
import { endpointsOf, type HostEndpoint } from './kinds/calico/endpoints.ts';
import { CALICO_DEFAULT_TIER, calicoRank, KUBERNETES_ORDER } from './kinds/calico/policy.ts';
import { readCalicoRules } from './kinds/calico/rule.ts';
import { type CalicoTier, GIVEN_TIERS } from './kinds/calico/tier.ts';
import { CILIUM_TIER } from './kinds/cilium/policy.ts';
import { NETWORK_POLICY_TIER } from './kinds/network-policy.ts';
import { numbered } from './kinds/traffic.ts';
import type { Policy, Rule, Tier } from './model.ts';
import type { Party } from './party.ts';

const inOrder = (policies: readonly Policy[]): Policy[] =>
  [...policies].sort((a, b) => a.order - b.order || (a.rank < b.rank ? -1 : a.rank > b.rank ? 1 : 0));

const ofTier = (policies: readonly Policy[], tier: string): Policy[] => policies.filter((policy) => policy.tier === tier);

/** Admin → NetworkPolicy → Baseline (ClusterNetworkPolicySpec.Tier). */
const kubernetes = (policies: readonly Policy[]): Tier[] => [
  { name: ADMIN_TIER, mode: 'ordered', end: 'none', policies: inOrder(ofTier(policies, ADMIN_TIER)) },
  { name: NETWORK_POLICY_TIER, mode: 'union', end: 'deny', policies: inOrder(ofTier(policies, NETWORK_POLICY_TIER)) },
  { name: BASELINE_TIER, mode: 'ordered', end: 'none', policies: inOrder(ofTier(policies, BASELINE_TIER)) },
];

const calicoTiers = ({ world }: Context, policies: readonly Policy[]): CalicoTier[] => {
  const made = world.objects
    .filter(({ kind, apiVersion }) => kind === 'Tier' && apiVersion.includes('projectcalico.org/'))
    .map((object): CalicoTier => {
      const { order, defaultAction } = specOf(object);
      return {
        name: object.metadata.name,
        order: typeof order === 'number' ? order : Number.POSITIVE_INFINITY,
        end: defaultAction === 'Pass' ? 'pass' : 'deny',
      };
    });
  const known = new Map([...GIVEN_TIERS, ...made].map((tier) => [tier.name, tier]));
  for (const { tier } of policies) if (!known.has(tier)) known.set(tier, { name: tier, order: Number.POSITIVE_INFINITY, end: 'deny' });
  return [...known.values()].sort((a, b) => a.order - b.order || (a.name < b.name ? -1 : 1));
};

const specOf = (object: ApiObject): { order?: unknown; defaultAction?: unknown } =>
  'spec' in object && typeof object.spec === 'object' && object.spec !== null ? object.spec : {};

/** Kubernetes' kinds in Calico's tiers: NetworkPolicies in its default one, at order 1000, among Calico's own. */
const amongCalicos = (policy: Policy): Policy => {
  if (policy.tier === ADMIN_TIER) return { ...policy, tier: 'kube-admin' };
  if (policy.tier === BASELINE_TIER) return { ...policy, tier: 'kube-baseline' };
  if (policy.tier !== NETWORK_POLICY_TIER) return policy;
  const rank = calicoRank({ ...policy.ref, kind: 'KubernetesNetworkPolicy' });
  return { ...policy, tier: CALICO_DEFAULT_TIER, order: KUBERNETES_ORDER, rank };
};

/** Ports that stay open on host endpoints, whatever policies say (felix/config, FailsafeInboundHostPorts, FailsafeOutboundHostPorts). */
const FAILSAFE = {
  ingress: [
    numbered(0, 'tcp', 22),
    numbered(1, 'udp', 68),
    ...[179, 2379, 2380, 5473, 6443, 6666, 6667].map((port, at) => numbered(at + 2, 'tcp', port)),
  ],
  egress: [
    numbered(0, 'udp', 53),
    numbered(1, 'udp', 67),
    ...[179, 2379, 2380, 5473, 6443, 6666, 6667].map((port, at) => numbered(at + 2, 'tcp', port)),
  ],
};

const hostPolicy = (context: Context, name: string, kind: string, governs: (host: HostEndpoint) => boolean): Omit<Policy, 'tier'> => ({
  ref: { apiVersion: 'projectcalico.org/v3', kind, name },
  order: 0,
  rank: name,
  subject: {
    text: `host endpoints of ${name}`,
    matches: (party: Party) => party.kind === 'node' && endpointsOf(context).hosts.some((host) => host.node === party.nodeName && governs(host)),
    miss: ({ label }) => `${label} is no host endpoint of it`,
  },
  isolates: { ingress: true, egress: true },
});

/** Host endpoints deny what no policy and no profile of theirs allows; pods have a profile that allows everything, their namespace's. */
const hostTiers = (context: Context): { before: Tier[]; after: Tier[] } => {
  const { hosts } = endpointsOf(context);
  if (hosts.length === 0) return { before: [], after: [] };
  const rule = (direction: 'ingress' | 'egress'): Rule[] => [
    { index: 0, at: direction, name: 'failsafe ports', action: 'allow', peers: [], traffic: FAILSAFE[direction] },
  ];
  const failsafe = { ...hostPolicy(context, 'default', 'FelixConfiguration', () => true), tier: 'failsafe' };
  const profiles = context.world.objects
    .filter(({ kind, apiVersion }) => kind === 'Profile' && apiVersion.includes('projectcalico.org/'))
    .map((object): Policy => {
      const { spec } = membersOf(rootField(object, []), ['spec']);
      const members = membersOf(spec, ['ingress', 'egress', 'labelsToApply']);
      return {
        ...hostPolicy(context, object.metadata.name, 'Profile', (host) => host.profiles.includes(object.metadata.name)),
        tier: 'profiles',
        ingress: readCalicoRules(context, members.ingress, 'ingress', undefined),
        egress: readCalicoRules(context, members.egress, 'egress', undefined),
      };
    });
  const bare = hosts.map((host) => ({
    ...hostPolicy(context, host.name, 'HostEndpoint', (one) => one.name === host.name),
    tier: 'profiles',
    order: 1,
    ingress: [],
    egress: [],
  }));
  return {
    before: [{ name: 'failsafe', mode: 'ordered', end: 'none', policies: [{ ...failsafe, ingress: rule('ingress'), egress: rule('egress') }] }],
    after: [{ name: 'profiles', mode: 'ordered', end: 'deny', policies: inOrder([...profiles, ...bare]) }],
  };
};

const calico = (context: Context, policies: readonly Policy[]): Tier[] => {
  const placed = policies.map(amongCalicos);
  const { before, after } = hostTiers(context);
  const between = calicoTiers(context, placed).map(
    ({ name, end }): Tier => ({ name, mode: 'ordered', end, policies: inOrder(ofTier(placed, name)) }),
  );
  return [...before, ...between, ...after];
};

/** One for all kinds: a rule that denies wins over every one that allows. */
const cilium = (policies: readonly Policy[]): Tier[] => [
  {
    name: CILIUM_TIER,
    mode: 'deny-first',
    end: 'deny',
    policies: inOrder(policies.filter(({ tier }) => tier === CILIUM_TIER || tier === NETWORK_POLICY_TIER)),
  },
];

/** The policies of a cluster in the order in which its plugin lets them speak; tiers without policies are left out. */
export const arrange = (context: Context, policies: readonly Policy[]): Tier[] => {
  const { pipeline } = context.traits;
  const tiers = pipeline === 'calico' ? calico(context, policies) : pipeline === 'cilium' ? cilium(policies) : kubernetes(policies);
  return tiers.filter((tier) => tier.policies.length > 0);
};
