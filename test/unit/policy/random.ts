import fc from 'fast-check';
import type { ClusterFacts, PodFacts } from '../../../src/cluster/facts.ts';
import type { BrutePod, BruteWorld, ClusterPolicy, ClusterRule, NetworkPolicy, Rule, Selector } from './brute-force.ts';

/** Small clusters in which everything is likely to meet everything: three namespaces, two keys, two values, few ports. */

const KEYS = ['app', 'tier'];
const VALUES = ['a', 'b'];
const SPACES = ['x', 'y', 'z'];
const PORTS = [80, 81, 82];
const NAMES = ['one', 'two'];
const PROTOCOLS = ['TCP', 'UDP', 'SCTP'];

const labels = fc.dictionary(fc.constantFrom(...KEYS), fc.constantFrom(...VALUES), { maxKeys: 2 });

const expression = fc.oneof(
  fc.record({
    key: fc.constantFrom(...KEYS),
    operator: fc.constantFrom('In', 'NotIn'),
    values: fc.uniqueArray(fc.constantFrom(...VALUES), { minLength: 1 }),
  }),
  fc.record({ key: fc.constantFrom(...KEYS), operator: fc.constantFrom('Exists', 'DoesNotExist') }),
);

const selector: fc.Arbitrary<Selector> = fc.oneof(
  fc.constant({}),
  labels.map((matchLabels) => ({ matchLabels })),
  fc.array(expression, { maxLength: 2 }).map((matchExpressions) => ({ matchExpressions })),
);

const cidr = fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 3 })).map(([a, b]) => `10.0.${a}.${b * 4}/30`);

const block = fc.oneof(
  cidr.map((one) => ({ cidr: one })),
  fc.constant({ cidr: '10.0.0.0/16' }),
  fc.array(cidr, { maxLength: 2 }).map((except) => ({ cidr: '10.0.0.0/16', except })),
);

const peer = fc.oneof(
  selector.map((podSelector) => ({ podSelector })),
  selector.map((namespaceSelector) => ({ namespaceSelector })),
  fc.record({ podSelector: selector, namespaceSelector: selector }),
  block.map((ipBlock) => ({ ipBlock })),
);

const port = fc.oneof(
  fc.record({ port: fc.constantFrom(...PORTS), protocol: fc.constantFrom(...PROTOCOLS) }),
  fc.record({ port: fc.constantFrom(...PORTS) }),
  fc.record({ protocol: fc.constantFrom(...PROTOCOLS) }),
  fc.record({ port: fc.constantFrom(...NAMES), protocol: fc.constantFrom(...PROTOCOLS) }),
  fc.record({ port: fc.constant(80), endPort: fc.constantFrom(80, 81, 82) }),
);

const rule = (far: 'from' | 'to'): fc.Arbitrary<Rule> =>
  fc.record({ [far]: fc.array(peer, { maxLength: 2 }), ports: fc.array(port, { maxLength: 2 }) }, { requiredKeys: [] }) as fc.Arbitrary<Rule>;

export const networkPolicy: fc.Arbitrary<NetworkPolicy> = fc
  .record({
    namespace: fc.constantFrom(...SPACES),
    podSelector: selector,
    policyTypes: fc.constantFrom(undefined, ['Ingress'], ['Egress'], ['Ingress', 'Egress']),
    ingress: fc.array(rule('from'), { maxLength: 2 }),
    egress: fc.array(rule('to'), { maxLength: 2 }),
  })
  .map(({ namespace, policyTypes, ...spec }) => ({ metadata: { name: 'p', namespace }, spec: { ...spec, ...(policyTypes ? { policyTypes } : {}) } }));

const adminPeer = (withNetworks: boolean) =>
  fc.oneof(
    selector.map((namespaces) => ({ namespaces })),
    fc.record({ namespaceSelector: selector, podSelector: selector }).map((pods) => ({ pods })),
    ...(withNetworks ? [fc.uniqueArray(cidr, { minLength: 1, maxLength: 2 }).map((networks) => ({ networks }))] : []),
  );

const protocol = fc.oneof(
  fc.constantFrom('tcp', 'udp', 'sctp').map((one) => ({ [one]: { destinationPort: { range: { start: 80, end: 81 } } } })),
  fc.tuple(fc.constantFrom('tcp', 'udp', 'sctp'), fc.constantFrom(...PORTS)).map(([one, number]) => ({ [one]: { destinationPort: { number } } })),
  fc.constantFrom(...NAMES).map((destinationNamedPort) => ({ destinationNamedPort })),
);

const clusterRule = (far: 'from' | 'to'): fc.Arbitrary<ClusterRule> =>
  fc
    .record({
      action: fc.constantFrom('Accept', 'Deny', 'Pass'),
      peers: fc.array(adminPeer(far === 'to'), { minLength: 1, maxLength: 2 }),
      protocols: fc.option(fc.array(protocol, { minLength: 1, maxLength: 2 }), { nil: undefined }),
    })
    .map(({ action, peers, protocols }) => {
      // networks have no named ports
      const nameless = peers.some((one) => 'networks' in one);
      const kept = protocols?.filter((one) => !nameless || !('destinationNamedPort' in one));
      return { action, [far]: peers, ...(kept && kept.length > 0 ? { protocols: kept } : {}) } as ClusterRule;
    });

const clusterPolicy: fc.Arbitrary<ClusterPolicy> = fc
  .record({
    tier: fc.constantFrom('Admin' as const, 'Baseline' as const),
    subject: adminPeer(false),
    ingress: fc.array(clusterRule('from'), { maxLength: 2 }),
    egress: fc.array(clusterRule('to'), { maxLength: 2 }),
  })
  .map((spec) => ({ metadata: { name: 'c' }, spec: { ...spec, priority: 0 } }));

const pod: fc.Arbitrary<BrutePod> = fc
  .record({
    namespace: fc.constantFrom(...SPACES),
    labels,
    ports: fc.uniqueArray(fc.record({ name: fc.constantFrom(...NAMES), port: fc.constantFrom(...PORTS), protocol: fc.constantFrom(...PROTOCOLS) }), {
      maxLength: 2,
      selector: ({ name, protocol: own }) => `${name} ${own}`,
    }),
    at: fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 15 })),
  })
  .map(({ at, ...rest }) => ({ ...rest, ip: `10.0.${at[0]}.${at[1]}` }));

export interface RandomCluster {
  world: BruteWorld;
  pods: BrutePod[];
}

const renamed = <Policy extends { metadata: { name: string } }>(policies: Policy[]): Policy[] =>
  policies.map((policy, index) => ({ ...policy, metadata: { ...policy.metadata, name: `${policy.metadata.name}${index}` } }));

export const cluster: fc.Arbitrary<RandomCluster> = fc
  .record({
    pods: fc.array(pod, { minLength: 2, maxLength: 8 }),
    spaces: fc.array(labels, { minLength: 3, maxLength: 3 }),
    networkPolicies: fc.array(networkPolicy, { maxLength: 4 }),
    clusterPolicies: fc.array(clusterPolicy, { maxLength: 3 }),
    priorities: fc.uniqueArray(fc.integer({ min: 0, max: 1000 }), { minLength: 3, maxLength: 3 }),
  })
  .map(({ pods, spaces, networkPolicies, clusterPolicies, priorities }) => ({
    pods,
    world: {
      namespaces: Object.fromEntries(SPACES.map((name, index) => [name, spaces[index] ?? {}])),
      networkPolicies: renamed(networkPolicies),
      clusterPolicies: renamed(clusterPolicies).map((policy, index) => ({
        ...policy,
        spec: { ...policy.spec, priority: priorities[index] ?? index },
      })),
    },
  }));

const podFacts = ({ namespace, labels: own, ip, ports }: BrutePod, index: number): PodFacts => ({
  namespace,
  name: `pod${index}`,
  uid: `uid${index}`,
  ips: [ip],
  hostNetwork: false,
  phase: 'Running',
  ready: true,
  deleting: false,
  labels: own,
  annotations: {},
  containers: [
    {
      name: 'main',
      ready: true,
      restarts: 0,
      ports: ports.map((one) => ({ ...one, protocol: one.protocol.toLowerCase() as 'tcp' | 'udp' | 'sctp' })),
    },
  ],
});

export const factsOfCluster = ({ world, pods }: RandomCluster): ClusterFacts => ({
  pods: pods.map(podFacts),
  nodes: [],
  services: [],
  endpoints: [],
  configMaps: {},
  policies: {
    namespaces: Object.entries(world.namespaces).map(([name, own]) => ({ name, labels: own })),
    serviceAccounts: [],
    objects: [
      ...world.networkPolicies.map((policy) => ({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', ...policy })),
      ...world.clusterPolicies.map((policy) => ({ apiVersion: 'policy.networking.k8s.io/v1alpha2', kind: 'ClusterNetworkPolicy', ...policy })),
    ],
  },
  notRead: [],
});

export const points: { protocol: string; port: number }[] = PROTOCOLS.flatMap((one) =>
  [79, ...PORTS].map((number) => ({ protocol: one, port: number })),
);
