import { expect } from 'chai';
import { engineOf } from '../../../src/policy/engine.ts';
import { type ClusterOf, factsOf, misses, nodeOf, verdictOf } from './world.ts';

const PODS = [
  'shop/web app=web statefulset.kubernetes.io/pod-name=web @node1 10.0.0.1 ~front',
  'shop/db app=db :sql=5432/tcp @node2 10.0.1.1',
  'ops/web app=web @node1 10.0.0.2 ~front',
];

const WEB_TO_DB = 'shop/web → shop/db tcp 5432';

const cnp = (spec: string, name = 'p'): string =>
  `---\napiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: ${name}, namespace: shop}\nspec: ${spec}\n`;

const ccnp = (spec: string): string => `---\napiVersion: cilium.io/v2\nkind: CiliumClusterwideNetworkPolicy\nmetadata: {name: p}\nspec: ${spec}\n`;

const API_SERVER = [
  {
    service: { namespace: 'default', name: 'kubernetes' },
    ip: '172.16.0.1',
    ports: [{ name: 'https', port: 6443, protocol: 'tcp' as const }],
    ready: true,
    serving: true,
    terminating: false,
  },
];

const world = (policies: string, more: Partial<ClusterOf> = {}) =>
  factsOf({ pods: PODS, namespaces: ['shop: team=a', 'ops: team=b'], policies, endpoints: API_SERVER, ...more });

const is = (policies: string, expected: Record<string, 'allow' | 'deny'>, more: Partial<ClusterOf> = {}) => {
  const engine = engineOf(world(policies, more), 'cilium');
  expect(engine.unreadable).to.deep.equal([]);
  const got = Object.fromEntries(Object.keys(expected).map((question) => [question, verdictOf(engine, question).verdict]));
  expect(got).to.deep.equal(expected);
};

const into = (rule: string): string => cnp(`{endpointSelector: {matchLabels: {app: db}}, ingress: [${rule}]}`);
const out = (rule: string): string => cnp(`{endpointSelector: {matchLabels: {app: web}}, egress: [${rule}]}`);

describe("Cilium's selectors of endpoints", () => {
  it('are limited to the own namespace unless they say which', () => {
    is(into('{fromEndpoints: [{matchLabels: {app: web}}]}'), { [WEB_TO_DB]: 'allow', 'ops/web → shop/db tcp 1': 'deny' });
    is(into('{fromEndpoints: [{matchLabels: {app: web, k8s:io.kubernetes.pod.namespace: ops}}]}'), {
      [WEB_TO_DB]: 'deny',
      'ops/web → shop/db tcp 1': 'allow',
    });
    is(into('{fromEndpoints: [{matchLabels: {io.cilium.k8s.namespace.labels.team: b}}]}'), { [WEB_TO_DB]: 'deny' });
    is(into('{fromEndpoints: [{matchLabels: {"k8s:io.cilium.k8s.namespace.labels.team": b}}]}'), {
      [WEB_TO_DB]: 'deny',
      'ops/web → shop/db tcp 1': 'allow',
    });
  });

  it('take a label of any source, or of the one they name', () => {
    for (const key of ['app', 'k8s:app', 'any:app']) is(into(`{fromEndpoints: [{matchLabels: {"${key}": web}}]}`), { [WEB_TO_DB]: 'allow' });
    is(into('{fromEndpoints: [{matchLabels: {"container:app": web}}]}'), { [WEB_TO_DB]: 'deny' });
  });

  it('see service accounts and reserved identities', () => {
    is(into('{fromEndpoints: [{matchLabels: {io.cilium.k8s.policy.serviceaccount: front}}]}'), { [WEB_TO_DB]: 'allow' });
    is(into('{fromEndpoints: [{matchLabels: {"reserved:remote-node": ""}}]}'), { 'node1 → shop/db tcp 1': 'allow', [WEB_TO_DB]: 'deny' });
  });

  it('do not see labels that make no identity, in NetworkPolicies neither', () => {
    is(into('{fromEndpoints: [{matchExpressions: [{key: statefulset.kubernetes.io/pod-name, operator: Exists}]}]}'), { [WEB_TO_DB]: 'deny' });
    const knp = `apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: k, namespace: shop}\nspec: {podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {statefulset.kubernetes.io/pod-name: web}}}]}]}\n`;
    is(knp, { [WEB_TO_DB]: 'deny' });
    expect(verdictOf(world(knp), WEB_TO_DB, { plugin: 'antrea' }).verdict).to.equal('allow');
  });

  it('of a clusterwide policy are of every namespace', () =>
    is(ccnp('{endpointSelector: {matchLabels: {app: db}}, ingress: [{fromEndpoints: [{matchLabels: {app: web}}]}]}'), {
      [WEB_TO_DB]: 'allow',
      'ops/web → shop/db tcp 1': 'allow',
      '1.2.3.4 → shop/db tcp 1': 'deny',
    }));
});

describe("Cilium's rules that deny", () => {
  it('win over every one that allows, of whatever kind', () => {
    const deny = cnp(
      '{endpointSelector: {}, ingress: [{fromEntities: [all]}], ingressDeny: [{fromEndpoints: [{matchLabels: {app: web}}], toPorts: [{ports: [{port: "5432", protocol: TCP}]}]}]}',
    );
    is(deny, { [WEB_TO_DB]: 'deny', 'shop/web → shop/db tcp 80': 'allow', 'shop/web → shop/db icmp': 'allow' });
    const { sides } = verdictOf(world(deny), WEB_TO_DB, { plugin: 'cilium' });
    expect(sides[1].reason).to.deep.include({ is: 'rule', rule: 'ingressDeny[0]' });
  });
});

describe("Cilium's entities", () => {
  it('are relative to the node of the pod', () => {
    is(into('{fromEntities: [remote-node]}'), { 'node1 → shop/db tcp 1': 'allow', [WEB_TO_DB]: 'deny' });
    is(into('{fromEntities: [world]}'), { 'node1 → shop/db tcp 1': 'deny', '1.2.3.4 → shop/db tcp 1': 'allow', 'node2 → shop/db tcp 1': 'allow' });
    is(out('{toEntities: [host]}'), { 'shop/web → node1 tcp 1': 'allow', 'shop/web → node2 tcp 1': 'deny' });
    is(out('{toEntities: [cluster]}'), { 'shop/web → node2 tcp 1': 'allow', [WEB_TO_DB]: 'allow', 'shop/web → 1.2.3.4 tcp 1': 'deny' });
    is(out('{toEntities: [kube-apiserver]}'), { 'shop/web → 172.16.0.1 tcp 6443': 'allow', 'shop/web → 1.2.3.4 tcp 6443': 'deny' });
    is(out('{toEntities: [none]}'), { [WEB_TO_DB]: 'deny' });
  });

  it('are refused when there are none of that name', () =>
    expect(engineOf(world(out('{toEntities: [moon]}')), 'cilium').unreadable).to.have.length(1));
});

describe("Cilium's networks", () => {
  it('are of the world outside only', () => {
    is(out('{toCIDR: [10.0.0.0/8, 1.0.0.0/8]}'), { 'shop/web → 1.2.3.4 tcp 1': 'allow', [WEB_TO_DB]: 'deny', 'shop/web → node2 tcp 1': 'deny' });
    is(out('{toCIDRSet: [{cidr: 1.0.0.0/8, except: [1.2.0.0/16]}]}'), { 'shop/web → 1.2.3.4 tcp 1': 'deny', 'shop/web → 1.3.3.4 tcp 1': 'allow' });
    expect(misses(verdictOf(world(out('{toCIDR: [10.0.0.0/8]}')), WEB_TO_DB, { plugin: 'cilium' }))).to.deep.equal([
      'p: a CIDR is for the world outside, and shop/db is in the cluster',
    ]);
  });

  it('may be named as groups', () => {
    const group =
      '---\napiVersion: cilium.io/v2\nkind: CiliumCIDRGroup\nmetadata: {name: g, labels: {kind: good}}\nspec: {externalCIDRs: [1.2.3.0/24]}\n';
    is(group + out('{toCIDRSet: [{cidrGroupRef: g}]}'), { 'shop/web → 1.2.3.4 tcp 1': 'allow', 'shop/web → 1.2.4.4 tcp 1': 'deny' });
    is(group + out('{toCIDRSet: [{cidrGroupSelector: {matchLabels: {kind: good}}}]}'), { 'shop/web → 1.2.3.4 tcp 1': 'allow' });
  });
});

describe("Cilium's ports", () => {
  const ports = (list: string): string => into(`{toPorts: [{ports: [${list}]}]}`);

  it('are of any protocol unless said, never of ICMP; zero is every port', () => {
    is(ports('{port: "5432"}'), { [WEB_TO_DB]: 'allow', 'shop/web → shop/db udp 5432': 'allow', 'shop/web → shop/db icmp': 'deny' });
    is(ports('{port: "0", protocol: UDP}'), { 'shop/web → shop/db udp 9': 'allow', [WEB_TO_DB]: 'deny' });
    is(ports('{port: "80", endPort: 90, protocol: TCP}'), { 'shop/web → shop/db tcp 90': 'allow', 'shop/web → shop/db tcp 91': 'deny' });
    is(ports('{port: sql, protocol: TCP}'), { [WEB_TO_DB]: 'allow', 'shop/web → shop/db tcp 80': 'deny' });
  });

  it('of ICMP are types', () => {
    is(into('{icmps: [{fields: [{type: 8, family: IPv4}]}]}'), { 'shop/web → shop/db icmp': 'allow', [WEB_TO_DB]: 'deny' });
    is(into('{icmps: [{fields: [{type: EchoRequest, family: IPv6}]}]}'), { 'shop/web → shop/db icmp': 'deny' });
  });
});

describe('what Cilium decides elsewhere', () => {
  it('is said of layer 7', () => {
    const { verdict, doubts } = verdictOf(
      world(into('{toPorts: [{ports: [{port: "5432", protocol: TCP}], rules: {http: [{method: GET}]}}]}')),
      WEB_TO_DB,
      { plugin: 'cilium' },
    );
    expect([verdict, doubts.map(({ otherwise }) => otherwise)]).to.deep.equal(['allow', ['deny']]);
  });

  it('is said of names in DNS and of groups of a cloud', () => {
    for (const rule of ['{toFQDNs: [{matchName: example.org}]}', '{toGroups: [{aws: {region: x}}]}']) {
      const { verdict, doubts } = verdictOf(world(out(rule)), 'shop/web → 1.2.3.4 tcp 443', { plugin: 'cilium' });
      expect([verdict, doubts.map(({ otherwise }) => otherwise)], rule).to.deep.equal(['deny', ['allow']]);
    }
  });
});

describe('Services in rules of Cilium', () => {
  const service = (selector: Record<string, string>) => ({
    namespace: 'shop',
    name: 'db',
    type: 'ClusterIP',
    clusterIps: ['10.96.0.9'],
    externalIps: [],
    selector,
    ports: [],
    internalTrafficPolicy: 'Cluster',
    sessionAffinity: 'None',
  });
  const rule = out('{toServices: [{k8sService: {serviceName: db, namespace: shop}}]}');

  it('are the pods they pick, or the addresses somebody wrote', () => {
    is(rule, { [WEB_TO_DB]: 'allow', 'shop/web → ops/web tcp 1': 'deny' }, { services: [service({ app: 'db' })] });
    const endpoints = [{ ...API_SERVER[0], service: { namespace: 'shop', name: 'db' }, ip: '1.2.3.4' }] as typeof API_SERVER;
    is(rule, { 'shop/web → 1.2.3.4 tcp 1': 'allow', [WEB_TO_DB]: 'deny' }, { services: [service({})], endpoints });
  });
});

describe('nodes as subjects and peers of Cilium', () => {
  const nodes = [{ ...nodeOf('node1', '192.168.0.1'), labels: { role: 'edge' } }, nodeOf('node2', '192.168.0.2')];

  it('are chosen by clusterwide policies', () =>
    is(
      ccnp('{nodeSelector: {matchLabels: {role: edge}}, ingress: [{fromEntities: [cluster]}]}'),
      {
        '1.2.3.4 → node1 tcp 1': 'deny',
        'shop/db → node1 tcp 1': 'allow',
        '1.2.3.4 → node2 tcp 1': 'allow',
      },
      { nodes },
    ));

  it('are chosen by labels', () =>
    is(into('{fromNodes: [{matchLabels: {role: edge}}]}'), { 'node1 → shop/db tcp 1': 'allow', [WEB_TO_DB]: 'deny' }, { nodes }));
});

describe('several rules in one object of Cilium', () => {
  it('all count, and are named by their place', () => {
    const policies =
      '---\napiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: p, namespace: shop}\nspecs: [{endpointSelector: {}, ingress: [{}]}, {endpointSelector: {matchLabels: {app: db}}, ingress: [{fromEndpoints: [{}]}]}]\n';
    is(policies, { [WEB_TO_DB]: 'allow', 'shop/db → shop/web tcp 1': 'deny' });
    expect(verdictOf(world(policies), WEB_TO_DB, { plugin: 'cilium' }).sides[1].reason).to.deep.include({ rule: 'specs[1].ingress[0]' });
  });
});

describe('what policies of Cilium demand besides', () => {
  const demand = into('{fromRequires: [{matchLabels: {team: red}}]}').replace('name: p', 'name: demand');
  const pods = [...PODS, 'shop/api app=api team=red @node1 10.0.0.3'];

  it('allows nothing', () => is(demand, { [WEB_TO_DB]: 'deny', 'shop/api → shop/db tcp 1': 'deny' }, { pods }));

  it('narrows the labels of every policy of the same pods, and nothing else', () => {
    is(into('{fromEndpoints: [{}]}') + demand, { [WEB_TO_DB]: 'deny', 'shop/api → shop/db tcp 1': 'allow' }, { pods });
    is(into('{fromEntities: [cluster]}') + demand, { [WEB_TO_DB]: 'allow' }, { pods });
    expect(misses(verdictOf(world(into('{fromEndpoints: [{}]}') + demand, { pods }), WEB_TO_DB, { plugin: 'cilium' }))).to.include(
      'p: fromRequires: no label team, wanted red',
    );
  });

  it('but not where the policy that demands it is refused', () => {
    const refused = into('{fromRequires: [{matchLabels: {team: red}}]}, {toPorts: [{ports: [{port: "99999"}]}]}').replace('name: p', 'name: demand');
    expect(verdictOf(world(into('{fromEndpoints: [{}]}') + refused, { pods }), WEB_TO_DB, { plugin: 'cilium' }).verdict).to.equal('allow');
  });
});

describe('policies that Cilium refuses', () => {
  it('isolate nobody', () => {
    const engine = engineOf(world(into('{fromEndpoints: [{}], fromCIDR: [10.0.0.0/8]}')), 'cilium');
    expect(engine.unreadable.map(({ policy }) => policy.name)).to.deep.equal(['p']);
    const { verdict, doubts } = verdictOf(engine, 'ops/web → shop/db tcp 1');
    expect([verdict, doubts.map(({ text }) => text)]).to.deep.equal([
      'allow',
      [
        'CiliumNetworkPolicy shop/p could not be read (fromEndpoints and fromCIDR in one rule are not allowed: two rules are expected) and was left out',
      ],
    ]);
  });

  it('may be those that select nodes, which is said', () => {
    const { doubts } = verdictOf(world(into('{fromNodes: [{}]}')), 'node1 → shop/db tcp 1', { plugin: 'cilium' });
    expect(doubts.map(({ otherwise }) => otherwise)).to.deep.equal(['deny']);
  });
});

describe("what Cilium's fields mean when they are empty", () => {
  it('a direction without rules is left alone, whatever the default', () =>
    is(cnp('{endpointSelector: {}, ingress: [{fromEntities: [all]}], enableDefaultDeny: {egress: true}}'), { [WEB_TO_DB]: 'allow' }));

  it('types of ICMP without any are none', () =>
    is(into('{fromEndpoints: [{}], icmps: [{}]}'), { 'shop/web → shop/db icmp': 'deny', [WEB_TO_DB]: 'deny' }));

  it('lists of names, of Services and of groups say nothing', () => {
    const port = 'toPorts: [{ports: [{port: "5432"}]}]';
    is(out(`{toFQDNs: [], ${port}}`), { [WEB_TO_DB]: 'allow' });
    is(out(`{toServices: [], ${port}}`), { [WEB_TO_DB]: 'allow' });
    is(out(`{toEndpoints: [], ${port}}`), { [WEB_TO_DB]: 'deny' });
  });

  it("another namespace in a policy's own selector is passed over", () =>
    is(cnp('{endpointSelector: {matchLabels: {"k8s:io.kubernetes.pod.namespace": ops}}, ingress: [{}]}'), { [WEB_TO_DB]: 'deny' }));
});

describe('a NetworkPolicy on Cilium', () => {
  const np = (spec: string): string =>
    `---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: n, namespace: shop}\nspec: ${spec}\n`;
  const from = (peer: string): string => np(`{podSelector: {matchLabels: {app: db}}, ingress: [{from: [${peer}]}]}`);

  it('has rules of a direction that its types leave out, and they count', () => {
    const egress = np('{podSelector: {}, policyTypes: [Egress], ingress: [{from: [{podSelector: {}}]}], egress: [{}]}');
    is(egress, { [WEB_TO_DB]: 'allow', 'ops/web → shop/db tcp 1': 'deny' });
    expect(verdictOf(world(egress), 'ops/web → shop/db tcp 1', { plugin: 'calico' }).verdict).to.equal('allow');
  });

  it('knows nodes by no address', () => {
    is(from('{ipBlock: {cidr: 192.168.0.0/16}}'), { 'node1 → shop/db tcp 1': 'deny', '192.168.9.9 → shop/db tcp 1': 'allow' });
    expect(misses(verdictOf(world(from('{ipBlock: {cidr: 192.168.0.0/16}}')), 'node1 → shop/db tcp 1', { plugin: 'cilium' }))).to.deep.equal([
      'n: cilium does not match an ipBlock against nodes, which node node1 is',
    ]);
  });

  it('that says only which namespaces are not meant means everything without namespaces, too', () => {
    const not = from('{namespaceSelector: {matchExpressions: [{key: team, operator: NotIn, values: [a]}]}}');
    is(not, { 'ops/web → shop/db tcp 1': 'allow', [WEB_TO_DB]: 'deny', 'node1 → shop/db tcp 1': 'allow', '1.2.3.4 → shop/db tcp 1': 'allow' });
    expect(verdictOf(world(not), '1.2.3.4 → shop/db tcp 1', { plugin: 'calico' }).verdict).to.equal('deny');
    is(from('{namespaceSelector: {}}'), { '1.2.3.4 → shop/db tcp 1': 'deny', 'ops/web → shop/db tcp 1': 'allow' });
  });
});

describe('what only Cilium does', () => {
  it('lets rules that deny shut out even the own node', () => {
    const deny = cnp('{endpointSelector: {}, ingressDeny: [{toPorts: [{ports: [{port: "5432", protocol: TCP}]}]}]}');
    is(deny, { 'node2 → shop/db tcp 5432': 'deny', 'node2 → shop/db tcp 80': 'allow', [WEB_TO_DB]: 'deny' });
  });

  it('takes type 0 of ICMP for every type', () =>
    is(into('{icmps: [{fields: [{type: 0}]}]}'), { 'shop/web → shop/db icmp': 'allow', [WEB_TO_DB]: 'deny' }));

  it('begins a range at a port by name', () =>
    is(into('{toPorts: [{ports: [{port: sql, endPort: 5440, protocol: TCP}]}]}'), {
      'shop/web → shop/db tcp 5440': 'allow',
      'shop/web → shop/db tcp 5441': 'deny',
    }));

  it('refuses all of an object for one part of it', () => {
    const twofold =
      '---\napiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: p, namespace: shop}\nspecs: [{endpointSelector: {}}, {endpointSelector: {}, ingress: [{}]}]\n';
    expect(verdictOf(world(twofold), WEB_TO_DB, { plugin: 'cilium' }).verdict).to.equal('allow');
  });
});
