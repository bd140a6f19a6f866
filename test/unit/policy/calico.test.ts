import { expect } from 'chai';
import { engineOf } from '../../../src/policy/engine.ts';
import { parseCalicoSelector } from '../../../src/policy/selector/calico-selector.ts';
import { type ClusterOf, factsOf, misses, nodeOf, verdictOf } from './world.ts';

const PODS = [
  'shop/web app=web @node1 10.0.0.1 ~front',
  'shop/db app=db :sql=5432/tcp @node2 10.0.1.1 ~back',
  'ops/web app=web @node1 10.0.0.2 ~front',
];

const WEB_TO_DB = 'shop/web → shop/db tcp 5432';

const V3 = 'projectcalico.org/v3';

const object = (kind: string, name: string, spec: string, more = ''): string =>
  `---\napiVersion: ${V3}\nkind: ${kind}\nmetadata: {name: ${name}${more}}\nspec: ${spec}\n`;

const np = (name: string, spec: string): string => object('NetworkPolicy', name, spec, ', namespace: shop');
const gnp = (name: string, spec: string): string => object('GlobalNetworkPolicy', name, spec);
const tier = (name: string, order: number, action = 'Deny'): string => object('Tier', name, `{order: ${order}, defaultAction: ${action}}`);

const knp = (spec: string): string =>
  `---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: knp, namespace: shop}\nspec: ${spec}\n`;

const world = (policies: string, more: Partial<ClusterOf> = {}) =>
  factsOf({ pods: PODS, namespaces: ['shop: team=a', 'ops: team=b'], policies, ...more });

const is = (policies: string, expected: Record<string, 'allow' | 'deny'>, more: Partial<ClusterOf> = {}) => {
  const engine = engineOf(world(policies, more), 'calico');
  expect(engine.unreadable).to.deep.equal([]);
  const got = Object.fromEntries(Object.keys(expected).map((question) => [question, verdictOf(engine, question).verdict]));
  expect(got).to.deep.equal(expected);
};

describe('a selector of Calico', () => {
  const labels = { app: 'web', 'k8s.io/tier': 'front', in: 'x' };
  const holds: [text: string, selected: boolean][] = [
    ['', true],
    ['all()', true],
    ['app == "web"', true],
    ["app == 'db'", false],
    ['app != "db"', true],
    ['missing != "db"', true],
    ['app in {"db", "web"}', true],
    ['app not in {"db"}', true],
    ['missing notin {"db"}', true],
    ['has(k8s.io/tier)', true],
    ['!has(missing)', true],
    ['!!has(missing)', false],
    ['k8s.io/tier contains "ron"', true],
    ['app starts with "w" && app ends with "b"', true],
    ['app == "db" || has(app) && !has(missing)', true],
    ['(app == "db" || has(app)) && has(missing)', false],
    ['in in {"x"}', true],
  ];
  for (const [text, selected] of holds)
    it(`${text || 'that is empty'} ${selected ? 'selects' : 'does not select'}`, () =>
      expect(parseCalicoSelector(text).matches(labels)).to.equal(selected));

  for (const text of [
    'app',
    'app =',
    'app = "x"',
    'app == web',
    'has(app',
    '(app == "x"',
    'app == "x" "y"',
    'app in {"x"',
    '$',
    'app == "x',
    '&& app',
  ])
    it(`${text} is refused`, () => expect(() => parseCalicoSelector(text)).to.throw());

  it('says why it does not select', () => {
    expect(parseCalicoSelector('app == "db" && has(x)').miss(labels)).to.equal('label app=web, wanted db');
    expect(parseCalicoSelector('!has(app)').miss(labels)).to.equal('what must not hold of app holds');
  });
});

describe("Calico's policies", () => {
  it('isolate what they select, in the directions of their types', () => {
    is(np('p', '{selector: app == "db"}'), { [WEB_TO_DB]: 'deny', 'shop/db → shop/web tcp 1': 'allow' });
    is(np('p', '{selector: app == "db", egress: [{action: Allow, destination: {nets: [1.0.0.0/8]}}]}'), {
      [WEB_TO_DB]: 'allow',
      'shop/db → shop/web tcp 1': 'deny',
      'shop/db → 1.2.3.4 tcp 1': 'allow',
    });
  });

  it('let the first rule that matches decide; Log only takes note', () => {
    const rules = '[{action: Log}, {action: Deny, source: {selector: app == "web"}}, {action: Allow}]';
    is(np('p', `{selector: app == "db", ingress: ${rules}}`), {
      [WEB_TO_DB]: 'deny',
      '1.2.3.4 → shop/db tcp 1': 'allow',
      'ops/web → shop/db tcp 1': 'allow',
    });
    const { sides } = verdictOf(world(np('p', `{selector: app == "db", ingress: ${rules}}`)), WEB_TO_DB, { plugin: 'calico' });
    expect(sides[1].steps.map(({ outcome, rule }) => [outcome, rule])).to.deep.equal([
      ['log', 'ingress[0]'],
      ['deny', 'ingress[1]'],
    ]);
  });

  it('go by their order, then by name; without one they come last', () => {
    is(np('b', '{selector: all(), order: 1, ingress: [{action: Deny}]}') + np('a', '{selector: all(), order: 2, ingress: [{action: Allow}]}'), {
      [WEB_TO_DB]: 'deny',
    });
    is(np('b', '{selector: all(), order: 1, ingress: [{action: Deny}]}') + np('a', '{selector: all(), order: 1, ingress: [{action: Allow}]}'), {
      [WEB_TO_DB]: 'allow',
    });
    is(np('a', '{selector: all(), ingress: [{action: Deny}]}') + np('b', '{selector: all(), order: 9999, ingress: [{action: Allow}]}'), {
      [WEB_TO_DB]: 'allow',
    });
  });

  it("stand among Kubernetes' own at order 1000", () => {
    const allow = knp('{ingress: [{from: [{podSelector: {}}]}]}');
    is(allow + np('p', '{selector: all(), order: 999, ingress: [{action: Deny}]}'), { [WEB_TO_DB]: 'deny' });
    is(allow + np('p', '{selector: all(), order: 1001, ingress: [{action: Deny}]}'), { [WEB_TO_DB]: 'allow' });
    is(knp('{}') + np('p', '{selector: all(), order: 1001, ingress: [{action: Allow}]}'), { [WEB_TO_DB]: 'allow' });
  });
});

describe("Calico's tiers", () => {
  it('come before the default one by their order, and Pass hands on', () => {
    const first =
      tier('first', 50) +
      gnp('first.a', '{tier: first, selector: app == "db", ingress: [{action: Deny, source: {selector: app == "web"}}, {action: Pass}]}');
    is(first, { [WEB_TO_DB]: 'deny', '1.2.3.4 → shop/db tcp 1': 'allow' });
    is(first + knp('{}'), { '1.2.3.4 → shop/db tcp 1': 'deny' });
  });

  it('deny at their end only what one of their policies selects', () => {
    const first = tier('first', 50) + gnp('first.a', '{tier: first, selector: app == "db", types: [Ingress]}');
    is(first, { [WEB_TO_DB]: 'deny', 'shop/db → shop/web tcp 1': 'allow' });
    is(tier('first', 50, 'Pass') + gnp('first.a', '{tier: first, selector: app == "db", types: [Ingress]}'), { [WEB_TO_DB]: 'allow' });
    const { sides } = verdictOf(world(first), WEB_TO_DB, { plugin: 'calico' });
    expect(sides[1].reason).to.deep.include({ is: 'tier-default', tier: 'first' });
  });

  it("hold the administrators' policies, which one of lower order may beat", () => {
    const cnp = (priority: number, action: string): string =>
      `---\napiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {name: c}\nspec: {tier: Admin, priority: ${priority}, subject: {namespaces: {}}, ingress: [{action: ${action}, from: [{namespaces: {}}]}]}\n`;
    is(cnp(10, 'Deny'), { [WEB_TO_DB]: 'deny' });
    is(cnp(10, 'Deny') + gnp('kube-admin.a', '{tier: kube-admin, order: 5, selector: all(), ingress: [{action: Allow}]}'), { [WEB_TO_DB]: 'allow' });
    is(cnp(10, 'Deny') + gnp('kube-admin.a', '{tier: kube-admin, order: 15, selector: all(), ingress: [{action: Allow}]}'), { [WEB_TO_DB]: 'deny' });
  });

  it('skip staged policies, and the tier of nothing but such', () => {
    const staged = tier('first', 50) + object('StagedGlobalNetworkPolicy', 'first.s', '{tier: first, selector: all(), types: [Ingress]}');
    is(staged, { [WEB_TO_DB]: 'allow' });
    const { sides } = verdictOf(world(staged), WEB_TO_DB, { plugin: 'calico' });
    expect(sides[1].steps).to.deep.equal([
      {
        tier: 'first',
        policy: { apiVersion: V3, kind: 'StagedGlobalNetworkPolicy', name: 'first.s' },
        outcome: 'not-enforced',
        why: { kind: 'not-enforced', text: 'it is staged' },
      },
    ]);
    is(object('StagedKubernetesNetworkPolicy', 's', '{podSelector: {}, stagedAction: Set}', ', namespace: shop'), { [WEB_TO_DB]: 'allow' });
    is(object('StagedNetworkPolicy', 's', '{selector: all()}', ', namespace: shop'), { [WEB_TO_DB]: 'allow' });
  });
});

describe("the ends of Calico's rules", () => {
  const from = (source: string): string => np('p', `{selector: app == "db", ingress: [{action: Allow, source: ${source}}]}`);
  const globally = (source: string): string => gnp('p', `{selector: app == "db", ingress: [{action: Allow, source: ${source}}]}`);

  it("are of the policy's own namespace unless it says which, and of all of them in a global policy", () => {
    is(from('{selector: app == "web"}'), { [WEB_TO_DB]: 'allow', 'ops/web → shop/db tcp 1': 'deny' });
    is(from('{selector: app == "web", namespaceSelector: team == "b"}'), { [WEB_TO_DB]: 'deny', 'ops/web → shop/db tcp 1': 'allow' });
    is(from('{namespaceSelector: all()}'), { 'ops/web → shop/db tcp 1': 'allow', '1.2.3.4 → shop/db tcp 1': 'deny' });
    is(from('{namespaceSelector: projectcalico.org/name == "ops"}'), { 'ops/web → shop/db tcp 1': 'allow', [WEB_TO_DB]: 'deny' });
    is(globally('{selector: app == "web"}'), { [WEB_TO_DB]: 'allow', 'ops/web → shop/db tcp 1': 'allow' });
    is(globally('{selector: projectcalico.org/namespace == "ops"}'), { [WEB_TO_DB]: 'deny', 'ops/web → shop/db tcp 1': 'allow' });
    is(globally('{selector: pcns.team == "a"}'), { [WEB_TO_DB]: 'allow', 'ops/web → shop/db tcp 1': 'deny' });
  });

  it('are told apart by negation inside and outside of the selector', () => {
    is(globally('{selector: "!has(missing)"}'), { [WEB_TO_DB]: 'allow', '1.2.3.4 → shop/db tcp 1': 'deny' });
    is(globally('{notSelector: has(missing)}'), { [WEB_TO_DB]: 'allow', '1.2.3.4 → shop/db tcp 1': 'allow' });
    is(globally('{notSelector: app == "web"}'), { [WEB_TO_DB]: 'deny', '1.2.3.4 → shop/db tcp 1': 'allow' });
  });

  it('are in networks and not in others', () => {
    is(from('{nets: [10.0.0.0/16], notNets: [10.0.0.2/32]}'), {
      [WEB_TO_DB]: 'allow',
      'ops/web → shop/db tcp 1': 'deny',
      '1.2.3.4 → shop/db tcp 1': 'deny',
    });
  });

  it('are in network sets by their labels, of the own namespace or of none', () => {
    const set = object('NetworkSet', 's', '{nets: [1.2.3.0/24]}', ', namespace: shop, labels: {list: good}');
    const everywhere = object('GlobalNetworkSet', 'g', '{nets: [9.9.0.0/16]}', ', labels: {list: good}');
    is(set + everywhere + from('{selector: list == "good"}'), { '1.2.3.4 → shop/db tcp 1': 'allow', '9.9.9.9 → shop/db tcp 1': 'deny' });
    is(set + everywhere + from('{selector: list == "good", namespaceSelector: global()}'), {
      '1.2.3.4 → shop/db tcp 1': 'deny',
      '9.9.9.9 → shop/db tcp 1': 'allow',
    });
    is(set + everywhere + globally('{selector: list == "good"}'), { '1.2.3.4 → shop/db tcp 1': 'allow', '9.9.9.9 → shop/db tcp 1': 'allow' });
  });

  it('are judged by each that an address belongs to: what one of them is taken out for, another may still be', () => {
    const everywhere = object('GlobalNetworkSet', 'g', '{nets: [10.0.0.0/8]}', ', labels: {list: good}');
    const notWeb = globally('{selector: all(), notSelector: app == "web"}');
    is(notWeb, { [WEB_TO_DB]: 'deny', 'shop/db → shop/db tcp 1': 'allow' });
    is(everywhere + notWeb, { [WEB_TO_DB]: 'allow' });
    is(everywhere + globally('{notSelector: list == "good"}'), { [WEB_TO_DB]: 'deny' });
  });

  it('have ports with names only by themselves, not by a network set', () => {
    const pods = ['shop/web app=web @node1 10.0.0.1', 'shop/db app=db @node1 10.0.0.3 :sql=5432/tcp'];
    const set = object('GlobalNetworkSet', 'g', '{nets: [10.0.0.0/8]}', ', labels: {list: good}');
    const at = (selector: string) =>
      gnp('p', `{selector: app == "db", ingress: [{action: Allow, protocol: TCP, destination: {selector: ${selector}, ports: [sql, 80]}}]}`);
    const verdicts = (selector: string, byName: 'allow' | 'deny', byNumber: 'allow' | 'deny') =>
      is(set + at(selector), { 'shop/web → shop/db tcp 5432': byName, 'shop/web → shop/db tcp 80': byNumber }, { pods });
    verdicts('has(app)', 'allow', 'allow');
    verdicts('has(list)', 'deny', 'allow');
    verdicts('has(missing)', 'deny', 'deny');
  });

  it('are known by service account, its name or its labels', () => {
    const accounts = [{ namespace: 'shop', name: 'front', labels: { role: 'ui' } }];
    is(from('{serviceAccounts: {names: [front]}}'), { [WEB_TO_DB]: 'allow', 'ops/web → shop/db tcp 1': 'deny' }, { accounts });
    is(globally('{serviceAccounts: {names: [front]}}'), { [WEB_TO_DB]: 'allow', 'ops/web → shop/db tcp 1': 'allow' }, { accounts });
    is(globally('{serviceAccounts: {selector: role == "ui"}}'), { [WEB_TO_DB]: 'allow', 'ops/web → shop/db tcp 1': 'deny' }, { accounts });
    is(np('p', '{serviceAccountSelector: role == "ui"}'), { 'shop/db → shop/web tcp 1': 'deny', [WEB_TO_DB]: 'allow' }, { accounts });
  });

  it("are a Service's backends, at their ports", () => {
    const endpoints = [
      {
        service: { namespace: 'shop', name: 'db' },
        ip: '10.0.1.1',
        ports: [{ name: 'sql', port: 5432, protocol: 'tcp' as const }],
        ready: true,
        serving: true,
        terminating: false,
      },
    ];
    const out = np('p', '{selector: app == "web", types: [Egress], egress: [{action: Allow, destination: {services: {name: db}}}]}');
    is(out, { [WEB_TO_DB]: 'allow', 'shop/web → shop/db tcp 80': 'deny', 'shop/web → ops/web tcp 5432': 'deny' }, { endpoints });
  });
});

describe("the traffic of Calico's rules", () => {
  const rule = (text: string): string => np('p', `{selector: app == "db", ingress: [{action: Allow, ${text}}]}`);

  it('is of a protocol, or of any other', () => {
    is(rule('protocol: TCP'), { [WEB_TO_DB]: 'allow', 'shop/web → shop/db udp 1': 'deny' });
    is(rule('protocol: 17'), { 'shop/web → shop/db udp 1': 'allow', [WEB_TO_DB]: 'deny' });
    is(rule('notProtocol: TCP'), { [WEB_TO_DB]: 'deny', 'shop/web → shop/db udp 1': 'allow', 'shop/web → shop/db icmp': 'allow' });
  });

  it('is at ports, ranges and names, or not at them', () => {
    const at = (ports: string): string => rule(`protocol: TCP, destination: {${ports}}`);
    is(at('ports: [80, "90:95", sql]'), {
      'shop/web → shop/db tcp 80': 'allow',
      'shop/web → shop/db tcp 95': 'allow',
      [WEB_TO_DB]: 'allow',
      'shop/web → shop/db tcp 96': 'deny',
    });
    is(at('notPorts: [sql]'), { [WEB_TO_DB]: 'deny', 'shop/web → shop/db tcp 80': 'allow' });
  });

  it('is at ports by name of whatever protocol the name is', () =>
    is(rule('destination: {ports: [sql]}'), {
      [WEB_TO_DB]: 'allow',
      'shop/web → shop/db udp 5432': 'deny',
      'shop/web → shop/db tcp 80': 'deny',
      'shop/web → shop/db icmp': 'deny',
    }));

  it('is ICMP of a type, of one family', () => {
    is(rule('protocol: ICMP'), { 'shop/web → shop/db icmp': 'allow', [WEB_TO_DB]: 'deny' });
    is(rule('protocol: ICMP, icmp: {type: 8}'), { 'shop/web → shop/db icmp': 'allow' });
    is(rule('protocol: ICMP, icmp: {type: 3}'), { 'shop/web → shop/db icmp': 'deny' });
    is(rule('protocol: ICMPv6'), { 'shop/web → shop/db icmp': 'deny' });
    is(rule('ipVersion: 6'), { [WEB_TO_DB]: 'deny' });
  });

  it('is a ping by another number in the other family', () => {
    const pods = ['shop/web app=web fd00::1', 'shop/db app=db fd00::2'];
    const ping = 'shop/web → shop/db icmp';
    is(rule('protocol: ICMP, icmp: {type: 128}'), { [ping]: 'deny' });
    is(rule('protocol: ICMPv6, icmp: {type: 128}'), { [ping]: 'allow' }, { pods });
    is(rule('protocol: ICMPv6, icmp: {type: 8}'), { [ping]: 'deny' }, { pods });
    is(rule('notProtocol: ICMP'), { [ping]: 'deny' });
    is(rule('notProtocol: ICMP'), { [ping]: 'allow' }, { pods });
    is(rule('protocol: ICMP, notICMP: {}'), { [ping]: 'allow' });
    is(rule('protocol: ICMP, notICMP: {type: 8}'), { [ping]: 'deny' });
  });

  it('is limited by what the rule says of its own end', () => {
    const near = gnp('p', '{selector: all(), types: [Ingress], ingress: [{action: Allow, destination: {selector: app == "db"}}]}');
    is(near, { [WEB_TO_DB]: 'allow', 'shop/db → shop/web tcp 1': 'deny' });
    expect(misses(verdictOf(world(near), 'shop/db → shop/web tcp 1', { plugin: 'calico' }))).to.deep.equal(['p: shop/web: label app=web, wanted db']);
  });

  it('is decided further by Envoy where HTTP is matched', () => {
    const { verdict, doubts } = verdictOf(world(rule('protocol: TCP, http: {methods: [GET]}')), WEB_TO_DB, { plugin: 'calico' });
    expect([verdict, doubts.map(({ text }) => text)]).to.deep.equal([
      'allow',
      ['ingress[0] of NetworkPolicy shop/p matches by addresses and ports; its HTTP match, which Envoy decides'],
    ]);
  });
});

describe('host endpoints', () => {
  const host = (spec = ''): string =>
    object('HostEndpoint', 'h', `{node: node1, interfaceName: eth0, expectedIPs: [192.168.0.1]${spec}}`, ', labels: {role: edge}');
  const nodes = [nodeOf('node1', '192.168.0.1'), nodeOf('node2', '192.168.0.2')];

  it('deny what no policy and no profile allows, but for failsafe ports', () => {
    is(host(), { '1.2.3.4 → node1 tcp 80': 'deny', '1.2.3.4 → node1 tcp 22': 'allow', '1.2.3.4 → node2 tcp 80': 'allow' }, { nodes });
    is(
      host(', profiles: [open]') + object('Profile', 'open', '{ingress: [{action: Allow}], egress: [{action: Allow}]}'),
      { '1.2.3.4 → node1 tcp 80': 'allow' },
      { nodes },
    );
  });

  it('are selected by global policies, as peers too', () => {
    is(
      host() + gnp('p', '{selector: role == "edge", ingress: [{action: Allow, protocol: TCP, destination: {ports: [80]}}]}'),
      { '1.2.3.4 → node1 tcp 80': 'allow', '1.2.3.4 → node1 tcp 81': 'deny' },
      { nodes },
    );
    is(
      host() +
        gnp('p', '{selector: app == "db", ingress: [{action: Allow, source: {selector: role == "edge"}}]}') +
        gnp('q', '{selector: role == "edge", egress: [{action: Allow}]}'),
      { 'node1 → shop/db tcp 1': 'allow', [WEB_TO_DB]: 'deny' },
      { nodes },
    );
  });

  it('leave what their node and its own pods send each other alone', () =>
    is(
      host() + gnp('p', '{selector: role == "edge", ingress: [{action: Deny}], egress: [{action: Deny}]}'),
      { 'node1 → shop/web tcp 80': 'allow', 'shop/web → node1 tcp 80': 'allow', 'node1 → shop/db tcp 80': 'deny', 'shop/db → node1 tcp 80': 'deny' },
      { nodes },
    ));

  it('may have policies that act on what their node forwards, which is said', () => {
    const policies = host() + gnp('p', '{selector: role == "edge", applyOnForward: true, ingress: [{action: Deny}]}');
    const textsOf = (question: string): string[] =>
      verdictOf(world(policies, { nodes }), question, { plugin: 'calico' }).doubts.map(({ text }) => text);
    expect(textsOf(WEB_TO_DB)).to.deep.equal(['GlobalNetworkPolicy p acts on what node node1 forwards, too, which is not judged']);
    expect(textsOf('shop/web → ops/web tcp 80')).to.deep.equal([]);
  });

  it('alone are meant by preDNAT and doNotTrack', () =>
    is(gnp('p', '{selector: all(), preDNAT: true, applyOnForward: true, ingress: [{action: Deny}]}'), { [WEB_TO_DB]: 'allow' }));
});

describe("what Calico's API server shows twice", () => {
  it('counts once', () =>
    is(object('NetworkPolicy', 'knp.default.x', '{selector: all(), ingress: [{action: Allow}]}', ', namespace: shop') + knp('{}'), {
      [WEB_TO_DB]: 'deny',
    }));
});
