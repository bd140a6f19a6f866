import type { ApiObject, ClusterFacts, NamespaceFacts, NodeFacts, PodFacts } from '../../src/cluster/facts.ts';

/** A cluster of the size and the habits of a large one: teams own namespaces, each isolates itself and opens what its applications need. */

const APPS = ['web', 'api', 'db', 'cache', 'worker'];
const TEAMS = 40;
const PODS_PER_NODE = 100;

const address = (number: number): string => `10.${128 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}`;

const podOf = (number: number, namespace: string): PodFacts => {
  const app = APPS[number % APPS.length] ?? 'web';
  return {
    namespace,
    name: `${app}-${number}`,
    uid: `uid-${number}`,
    node: `node${Math.floor(number / PODS_PER_NODE)}`,
    ips: [address(number)],
    hostNetwork: false,
    phase: 'Running',
    ready: true,
    deleting: false,
    labels: { app, tier: app === 'db' || app === 'cache' ? 'data' : 'front', 'pod-template-hash': `${number % 7}f${number % 13}` },
    annotations: {},
    owner: `ReplicaSet/${app}-${number % 7}f`,
    containers: [{ name: 'main', ready: true, restarts: 0, ports: [{ name: 'http', port: 8000 + (number % 5), protocol: 'tcp' }] }],
  };
};

const policy = (namespace: string, name: string, spec: object): ApiObject & { spec: object } => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { namespace, name },
  spec,
});

const inApp = (app: string): object => ({ podSelector: { matchLabels: { app } } });

/** Four policies of one namespace: isolation, the way through its tiers, a neighbour's way in, and the way out. */
const policiesOf = (index: number, namespace: string, neighbour: string): ApiObject[] => [
  policy(namespace, 'default-deny', { podSelector: {}, policyTypes: ['Ingress', 'Egress'] }),
  policy(namespace, 'tiers', {
    podSelector: { matchLabels: { tier: 'data' } },
    policyTypes: ['Ingress'],
    ingress: [
      { from: [inApp('api'), inApp('worker')], ports: [{ port: 5432 }, { port: 6379 }] },
      {
        from: [{ namespaceSelector: { matchLabels: { team: `team${index % TEAMS}` } }, podSelector: { matchLabels: { app: 'api' } } }],
        ports: [{ port: 'http' }],
      },
    ],
  }),
  policy(namespace, 'front', {
    podSelector: { matchExpressions: [{ key: 'app', operator: 'In', values: ['web', 'api'] }] },
    policyTypes: ['Ingress'],
    ingress: [
      { from: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': neighbour } } }], ports: [{ port: 8000, endPort: 8100 }] },
      { from: [{ ipBlock: { cidr: `172.${16 + (index % 16)}.0.0/16`, except: [`172.${16 + (index % 16)}.9.0/24`] } }] },
    ],
  }),
  policy(namespace, 'out', {
    podSelector: {},
    policyTypes: ['Egress'],
    egress: [
      { to: [{ namespaceSelector: {} }] },
      { to: [{ ipBlock: { cidr: '0.0.0.0/0', except: ['10.0.0.0/8', '169.254.0.0/16'] } }], ports: [{ port: 443 }] },
    ],
  }),
];

export const largeCluster = ({ pods, namespaces }: { pods: number; namespaces: number }): ClusterFacts => {
  const names = Array.from({ length: namespaces }, (_, index) => `ns${index}`);
  const spaces: NamespaceFacts[] = names.map((name, index) => ({
    name,
    labels: { team: `team${index % TEAMS}`, stage: index % 3 === 0 ? 'prod' : 'test' },
  }));
  const nodes: NodeFacts[] = Array.from({ length: Math.ceil(pods / PODS_PER_NODE) }, (_, index) => ({
    name: `node${index}`,
    ips: [`192.168.${index >> 8}.${index & 255}`],
    podCidrs: [],
    ready: true,
    os: 'linux',
    arch: 'amd64',
    kernel: '6.12.0',
    labels: {},
    annotations: {},
    unschedulable: false,
    taints: [],
  }));
  return {
    pods: Array.from({ length: pods }, (_, number) => podOf(number, names[Math.floor((number * namespaces) / pods)] ?? 'ns0')),
    nodes,
    services: [],
    endpoints: [],
    configMaps: {},
    policies: {
      namespaces: spaces,
      serviceAccounts: [],
      objects: names.flatMap((name, index) => policiesOf(index, name, names[(index + 1) % namespaces] ?? 'ns0')),
    },
    notRead: [],
  };
};
