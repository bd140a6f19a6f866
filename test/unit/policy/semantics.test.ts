import { expect } from 'chai';
import { engineOf } from '../../../src/policy/engine.ts';
import { type ClusterOf, factsOf, misses, nodeOf, partyOf, verdictOf } from './world.ts';

const PODS = [
  'shop/web app=web @node1 10.0.0.1',
  'shop/db app=db tier=data :sql=5432/tcp :sql-udp=5432/udp @node2 10.0.1.1',
  'shop/cache app=cache tier=data @node2 10.0.1.2',
  'ops/web app=web @node1 10.0.0.2',
  'ops/db app=db :sql=6000/tcp @node2 10.0.1.3',
];

const SPACES = ['shop: team=a', 'ops: team=b stage=prod'];

const shop = (spec: string, name = 'p', namespace = 'shop'): string =>
  `---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: ${name}, namespace: ${namespace}}\nspec: ${spec}\n`;

const cnp = (name: string, spec: string): string =>
  `---\napiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {name: ${name}}\nspec: ${spec}\n`;

const world = (policies: string, more: Partial<ClusterOf> = {}) => factsOf({ pods: PODS, namespaces: SPACES, policies, ...more });

const is = (
  policies: string,
  expected: Record<string, 'allow' | 'deny'>,
  ask: Parameters<typeof verdictOf>[2] = {},
  more: Partial<ClusterOf> = {},
) => {
  const engine = engineOf(world(policies, more), ask.plugin === 'unknown' ? undefined : (ask.plugin ?? 'antrea'));
  expect(engine.unreadable).to.deep.equal([]);
  const got = Object.fromEntries(Object.keys(expected).map((question) => [question, verdictOf(engine, question, ask).verdict]));
  expect(got).to.deep.equal(expected);
};

const WEB_TO_DB = 'shop/web → shop/db tcp 5432';

describe('empty and missing (1)', () => {
  it('without policies everything is allowed', () => is('', { [WEB_TO_DB]: 'allow', '1.2.3.4 → shop/db udp 53': 'allow' }));

  for (const rules of ['', ', ingress: []', ', ingress: null'])
    it(`ingress ${rules === '' ? 'missing' : rules.slice(11)} denies`, () =>
      is(shop(`{podSelector: {}, policyTypes: [Ingress]${rules}}`), { [WEB_TO_DB]: 'deny', 'shop/db → ops/web tcp 80': 'allow' }));

  it('ingress with an empty rule allows everything', () =>
    is(shop('{podSelector: {}, policyTypes: [Ingress], ingress: [{}]}'), { [WEB_TO_DB]: 'allow', '1.2.3.4 → shop/db udp 53': 'allow' }));

  for (const from of ['', 'from: [], ', 'from: null, '])
    it(`"${from}" is any source`, () =>
      is(shop(`{podSelector: {}, policyTypes: [Ingress], ingress: [{${from}ports: [{port: 5432}]}]}`), {
        [WEB_TO_DB]: 'allow',
        '1.2.3.4 → shop/db tcp 5432': 'allow',
        'shop/web → shop/db tcp 80': 'deny',
      }));

  it('empty ports are any port', () =>
    is(shop('{podSelector: {}, ingress: [{from: [{podSelector: {}}], ports: []}]}'), {
      'shop/web → shop/db sctp 9': 'allow',
      'shop/web → shop/db icmp': 'allow',
      'ops/web → shop/db tcp 5432': 'deny',
    }));

  it('an empty podSelector is all pods of the namespace, an empty namespaceSelector all namespaces, and no address outside', () => {
    is(shop('{ingress: [{from: [{podSelector: {}}]}]}'), { [WEB_TO_DB]: 'allow', 'ops/web → shop/db tcp 1': 'deny' });
    is(shop('{ingress: [{from: [{namespaceSelector: {}}]}]}'), { 'ops/web → shop/db tcp 1': 'allow', '1.2.3.4 → shop/db tcp 1': 'deny' });
  });

  it('a peer that names nobody is not valid', () => {
    const engine = engineOf(world(shop('{podSelector: {}, ingress: [{from: [{}]}]}')));
    expect(engine.unreadable.map(({ problems }) => problems[0]?.reason)).to.deep.equal([
      'a peer is expected: podSelector, namespaceSelector or ipBlock',
    ]);
  });
});

describe("Cilium's rules are empty the other way round (2)", () => {
  const rule = (spec: string): string =>
    `apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: p, namespace: shop}\nspec: {endpointSelector: {}, ${spec}}\n`;
  const on = { plugin: 'cilium' };

  it('an empty rule denies by default', () => is(rule('ingress: [{}]'), { [WEB_TO_DB]: 'deny', 'shop/db → ops/web tcp 1': 'allow' }, on));

  it('no rules are no policy: Cilium refuses it', () =>
    expect(verdictOf(world(rule('ingress: []')), WEB_TO_DB, on)).to.deep.include({ verdict: 'allow' }));

  it('an empty endpoint selector is all pods of the namespace', () =>
    is(rule('ingress: [{fromEndpoints: [{}]}]'), { [WEB_TO_DB]: 'allow', 'ops/web → shop/db tcp 1': 'deny' }, on));

  it('an empty list of endpoints is nobody, with ports too', () =>
    is(rule('ingress: [{fromEndpoints: [], toPorts: [{ports: [{port: "5432"}]}]}]'), { [WEB_TO_DB]: 'deny' }, on));

  it('ports alone are for everybody', () =>
    is(rule('ingress: [{toPorts: [{ports: [{port: "5432", protocol: TCP}]}]}]'), { [WEB_TO_DB]: 'allow', 'ops/web → shop/db tcp 80': 'deny' }, on));

  it('default deny is per direction and can be switched off', () => {
    is(rule('egress: [{toEntities: [world]}]'), { [WEB_TO_DB]: 'deny', 'ops/web → shop/db tcp 1': 'allow', 'shop/db → 1.2.3.4 tcp 1': 'allow' }, on);
    is(
      rule('enableDefaultDeny: {ingress: false}, ingressDeny: [{fromEndpoints: [{matchLabels: {app: cache}}]}]'),
      {
        [WEB_TO_DB]: 'allow',
        'shop/cache → shop/db tcp 1': 'deny',
      },
      on,
    );
  });
});

describe('AND and OR of peers (3)', () => {
  it('one item with both selectors means both', () =>
    is(shop('{ingress: [{from: [{namespaceSelector: {matchLabels: {team: b}}, podSelector: {matchLabels: {app: web}}}]}]}'), {
      'ops/web → shop/db tcp 1': 'allow',
      'ops/db → shop/db tcp 1': 'deny',
      [WEB_TO_DB]: 'deny',
    }));

  it('two items mean either, and a podSelector alone is of the own namespace', () =>
    is(shop('{ingress: [{from: [{namespaceSelector: {matchLabels: {team: b}}}, {podSelector: {matchLabels: {app: web}}}]}]}'), {
      'ops/db → shop/db tcp 1': 'allow',
      [WEB_TO_DB]: 'allow',
      'shop/cache → shop/db tcp 1': 'deny',
    }));

  it('says which of the two failed', () => {
    const policy = shop('{ingress: [{from: [{namespaceSelector: {matchLabels: {team: b}}, podSelector: {matchLabels: {app: db}}}]}]}');
    expect(misses(verdictOf(world(policy), 'ops/web → shop/db tcp 1'))).to.deep.equal(['p: label app=web, wanted db']);
    expect(misses(verdictOf(world(policy), WEB_TO_DB))).to.deep.equal(['p: namespace shop: label team=a, wanted b']);
  });
});

describe('the scope of a policy (4)', () => {
  it('is its own namespace', () => is(shop('{podSelector: {}}'), { 'shop/web → ops/db tcp 1': 'allow', 'ops/db → shop/web tcp 1': 'deny' }));
});

describe('policyTypes (5)', () => {
  it('are Ingress, and Egress only where there are egress rules', () => {
    is(shop('{podSelector: {}}'), { 'shop/web → ops/db tcp 1': 'allow' });
    is(shop('{podSelector: {}, egress: []}'), { 'shop/web → ops/db tcp 1': 'allow' });
    is(shop('{podSelector: {}, egress: [{to: [{podSelector: {}}]}]}'), { 'shop/web → ops/db tcp 1': 'deny', 'ops/db → shop/web tcp 1': 'deny' });
  });

  it('of Egress alone leave ingress open, whatever ingress rules say', () =>
    is(shop('{podSelector: {}, policyTypes: [Egress], ingress: [{from: [{podSelector: {}}]}]}'), {
      'ops/db → shop/web tcp 1': 'allow',
      'shop/web → ops/db tcp 1': 'deny',
    }));
});

describe('the union of policies (6)', () => {
  it('any policy that allows, allows', () =>
    is(shop('{podSelector: {}}', 'deny') + shop('{podSelector: {matchLabels: {app: db}}, ingress: [{ports: [{port: 5432}]}]}', 'allow'), {
      [WEB_TO_DB]: 'allow',
      'shop/web → shop/cache tcp 5432': 'deny',
    }));
});

describe('both ends (7)', () => {
  const egress = shop(
    '{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {app: db}}}]}]}',
    'out',
  );

  it('must allow', () => {
    is(egress, { [WEB_TO_DB]: 'allow', 'shop/web → shop/cache tcp 1': 'deny' });
    is(egress + shop('{podSelector: {matchLabels: {app: db}}}', 'in'), { [WEB_TO_DB]: 'deny' });
  });
});

describe('protocols (8)', () => {
  it('default to TCP, and a port left out is every port of the protocol', () => {
    is(shop('{ingress: [{ports: [{port: 53}]}]}'), { 'shop/web → shop/db tcp 53': 'allow', 'shop/web → shop/db udp 53': 'deny' });
    is(shop('{ingress: [{ports: [{protocol: UDP}]}]}'), { 'shop/web → shop/db udp 9999': 'allow', 'shop/web → shop/db tcp 53': 'deny' });
    is(shop('{ingress: [{ports: [{}]}]}'), { 'shop/web → shop/db tcp 9999': 'allow', 'shop/web → shop/db udp 53': 'deny' });
  });

  it('of SCTP alone still isolate TCP', () =>
    is(shop('{ingress: [{ports: [{protocol: SCTP, port: 80}]}]}'), { 'shop/web → shop/db sctp 80': 'allow', 'shop/web → shop/db tcp 80': 'deny' }));
});

describe('named ports (9)', () => {
  const byName = (name: string, more = ''): string => shop(`{ingress: [{ports: [{port: ${name}${more}}]}]}`);

  it("are the destination pod's own, by name and protocol", () => {
    is(byName('sql'), { [WEB_TO_DB]: 'allow', 'shop/web → shop/db udp 5432': 'deny', 'shop/web → shop/cache tcp 5432': 'deny' });
    is(byName('sql-udp', ', protocol: UDP'), { 'shop/web → shop/db udp 5432': 'allow', [WEB_TO_DB]: 'deny' });
  });

  it('may mean another number on another pod', () =>
    is(shop('{podSelector: {}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {}}], ports: [{port: sql}]}]}'), {
      [WEB_TO_DB]: 'allow',
      'shop/web → ops/db tcp 6000': 'allow',
      'shop/web → ops/db tcp 5432': 'deny',
    }));

  it('match no address outside', () =>
    is(shop('{podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: sql}]}]}'), {
      'shop/web → 1.2.3.4 tcp 5432': 'deny',
      [WEB_TO_DB]: 'allow',
    }));

  it('say when the pod has none of that name, and which number it has', () => {
    expect(misses(verdictOf(world(byName('http')), WEB_TO_DB))).to.deep.equal(['p: the peer matches, shop/db has no port named http']);
    expect(misses(verdictOf(world(byName('sql')), 'shop/web → shop/db tcp 80'))).to.deep.equal([
      'p: the peer matches, sql is TCP 5432 on shop/db, not 80',
    ]);
  });
});

describe('endPort (10)', () => {
  const range = shop('{ingress: [{ports: [{port: 80, endPort: 90}]}]}');
  it('is the last of its range', () =>
    is(range, { 'shop/web → shop/db tcp 90': 'allow', 'shop/web → shop/db tcp 91': 'deny', 'shop/web → shop/db tcp 79': 'deny' }));

  it('is not known to every plugin', () => {
    is(range, { 'shop/web → shop/db tcp 80': 'allow', 'shop/web → shop/db tcp 90': 'deny' }, { plugin: 'weave' });
    const { verdict, doubts } = verdictOf(world(range), 'shop/web → shop/db tcp 90', { plugin: 'unknown' });
    expect([verdict, doubts[0]?.otherwise]).to.deep.equal(['allow', 'deny']);
  });
});

describe('ipBlock (11)', () => {
  const block = (cidr: string, except: string, more = ''): string =>
    shop(`{ingress: [{from: [{ipBlock: {cidr: ${cidr}, except: [${except}]}}${more}]}]}`);

  it('takes what except names out of its own item only', () => {
    is(block('1.2.0.0/16', '1.2.3.0/24'), {
      '1.2.4.4 → shop/db tcp 1': 'allow',
      '1.2.3.4 → shop/db tcp 1': 'deny',
      '1.3.0.1 → shop/db tcp 1': 'deny',
    });
    is(block('1.2.0.0/16', '1.2.3.0/24', ', {ipBlock: {cidr: 1.2.3.4/32}}'), {
      '1.2.3.4 → shop/db tcp 1': 'allow',
      '1.2.3.5 → shop/db tcp 1': 'deny',
    });
  });

  it('covers pods by their addresses on most plugins, on Cilium never; both verdicts are given where nobody knows', () => {
    const policy = block('10.0.0.0/16', '');
    is(policy, { [WEB_TO_DB]: 'allow' });
    is(policy, { [WEB_TO_DB]: 'deny', '10.0.9.9 → shop/db tcp 1': 'allow' }, { plugin: 'cilium' });
    const { verdict, doubts } = verdictOf(world(policy), WEB_TO_DB, { plugin: 'unknown' });
    expect({ verdict, doubts }).to.deep.equal({
      verdict: 'allow',
      doubts: [
        {
          text: 'depends on the network plugin: an ipBlock covers pods and nodes by their addresses was taken; where an ipBlock covers neither pods nor nodes (Cilium), it is denied',
          otherwise: 'deny',
        },
      ],
    });
  });

  it('says what it misses', () => {
    expect(misses(verdictOf(world(block('1.2.0.0/16', '1.2.3.0/24')), '1.2.3.4 → shop/db tcp 1'))).to.deep.equal([
      'p: 1.2.3.4 is excepted by 1.2.3.0/24',
    ]);
    expect(misses(verdictOf(world(block('1.2.0.0/16', '')), '9.9.9.9 → shop/db tcp 1'))).to.deep.equal(['p: 9.9.9.9 is not in 1.2.0.0/16']);
  });

  it('of a pod without an address is open, but for the whole of a family', () => {
    const pods = ['shop/web app=web Unknown', 'shop/db app=db 10.0.1.1'];
    const { verdict, doubts } = verdictOf(world(block('10.0.0.0/16', ''), { pods }), WEB_TO_DB);
    expect([verdict, doubts.map(({ text }) => text)]).to.deep.equal([
      'deny',
      ['shop/web has no address here, and NetworkPolicy shop/p selects by address'],
    ]);
    is(block('0.0.0.0/0', ''), { [WEB_TO_DB]: 'allow' }, {}, { pods });
  });
});

describe("networks of the administrators' policies (12)", () => {
  it('cover pods, too', () =>
    is(cnp('no-way-out', '{tier: Admin, priority: 1, subject: {namespaces: {}}, egress: [{action: Deny, to: [{networks: ["0.0.0.0/0"]}]}]}'), {
      [WEB_TO_DB]: 'deny',
      'shop/web → 1.2.3.4 tcp 1': 'deny',
    }));
});

describe('addresses that are translated (13)', () => {
  it('are judged as they arrive: the endpoint behind a Service, the node that took the source away', () => {
    const policy = shop('{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {}}, {ipBlock: {cidr: 192.168.0.1/32}}]}]}');
    is(policy, { '192.168.0.1 → shop/db tcp 1': 'allow', 'node1 → shop/db tcp 1': 'allow', '1.2.3.4 → shop/db tcp 1': 'deny' });
  });
});

describe('pods on the host network (14)', () => {
  const pods = [...PODS, 'shop/agent app=agent @node1 192.168.0.1 hostNetwork'];

  it('are their node: no selector reaches them, their address does', () => {
    is(
      shop('{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {}}]}]}'),
      { 'shop/agent → shop/db tcp 1': 'deny' },
      {},
      { pods },
    );
    is(
      shop('{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{ipBlock: {cidr: 192.168.0.0/16}}]}]}'),
      { 'shop/agent → shop/db tcp 1': 'allow' },
      {},
      { pods },
    );
  });

  it('are subject to no policy', () => is(shop('{podSelector: {}}'), { 'ops/web → shop/agent tcp 1': 'allow' }, {}, { pods }));

  it('are not in the subject of a ClusterNetworkPolicy', () =>
    is(
      cnp('deny', '{tier: Admin, priority: 1, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}]}]}'),
      {
        'ops/web → shop/agent tcp 1': 'allow',
        'shop/agent → shop/db tcp 1': 'allow',
        [WEB_TO_DB]: 'deny',
      },
      {},
      { pods },
    ));

  it('say so', () =>
    expect(misses(verdictOf(world(shop('{ingress: [{from: [{podSelector: {}}]}]}'), { pods }), 'shop/agent → shop/db tcp 1'))).to.deep.equal([
      'p: shop/agent is on the host network: to policies it is its node',
    ]));
});

describe("a pod's own node (15)", () => {
  const deny = shop('{podSelector: {}}');

  it('is always let in, another one is not', () => is(deny, { 'node2 → shop/db tcp 1': 'allow', 'node1 → shop/db tcp 1': 'deny' }));

  it('may be shut out where the plugin is not known', () => {
    const { verdict, doubts } = verdictOf(world(deny), 'node2 → shop/db tcp 1', { plugin: 'unknown' });
    expect([verdict, doubts.map(({ otherwise }) => otherwise)]).to.deep.equal(['allow', ['deny']]);
  });

  it('is policed on the way there, as the API says nothing else', () => {
    const out = shop('{podSelector: {}, policyTypes: [Egress]}');
    is(out, { 'shop/db → node2 tcp 10250': 'deny', 'shop/db → node1 tcp 10250': 'deny' });
    const { doubts } = verdictOf(world(out), 'shop/db → node2 tcp 10250', { plugin: 'unknown' });
    expect(doubts.map(({ otherwise }) => otherwise)).to.deep.equal(['allow']);
  });
});

describe('what a pod sends to itself (16)', () => {
  const deny = shop('{podSelector: {}, policyTypes: [Ingress, Egress]}');
  const toItself = 'shop/db → shop/db tcp 1';

  it('never leaves it by its own address', () => is(deny, { [toItself]: 'allow' }));

  it('is policed when a Service sends it back, but not on Cilium', () => {
    is(deny, { [toItself]: 'deny' }, { plugin: 'calico', hairpin: true });
    is(deny, { [toItself]: 'allow' }, { plugin: 'cilium', hairpin: true });
    expect(verdictOf(world(deny), toItself, { plugin: 'unknown', hairpin: true }).doubts.map(({ otherwise }) => otherwise)).to.deep.equal(['allow']);
  });
});

describe('pods that are over (17)', () => {
  it('hold no address, so that what had it is somebody else', () => {
    const pods = ['shop/job app=web 10.0.0.1 Succeeded', 'shop/db app=db 10.0.1.1'];
    is(shop('{ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]}'), { '10.0.0.1 → shop/db tcp 1': 'deny' }, {}, { pods });
  });
});

describe('replies (18)', () => {
  it('need no rule of their own', () =>
    is(shop('{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress, Egress], ingress: [{from: [{podSelector: {}}]}]}'), {
      [WEB_TO_DB]: 'allow',
      'shop/db → shop/web tcp 1': 'deny',
    }));
});

describe('tiers (19)', () => {
  const rule = (action: string, peer = '{namespaces: {}}', more = ''): string => `{action: ${action}, from: [${peer}]${more}}`;
  const admin = (name: string, priority: number, rules: string, tier = 'Admin'): string =>
    cnp(
      name,
      `{tier: ${tier}, priority: ${priority}, subject: {pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: db}}}}, ingress: [${rules}]}`,
    );

  it('let the lower number speak first, and the rules of a policy in their order', () => {
    is(admin('b', 5, rule('Deny')) + admin('a', 9, rule('Accept')), { [WEB_TO_DB]: 'deny' });
    is(admin('b', 9, rule('Deny')) + admin('a', 5, rule('Accept')), { [WEB_TO_DB]: 'allow' });
    is(admin('a', 1, `${rule('Accept', '{namespaces: {matchLabels: {team: a}}}')}, ${rule('Deny')}`), {
      [WEB_TO_DB]: 'allow',
      'ops/web → shop/db tcp 1': 'deny',
    });
  });

  it('are final where they accept or deny', () => {
    is(admin('a', 1, rule('Accept')) + shop('{podSelector: {}}'), { [WEB_TO_DB]: 'allow' });
    is(admin('a', 1, rule('Deny')) + shop('{podSelector: {}, ingress: [{}]}'), { [WEB_TO_DB]: 'deny' });
  });

  it('pass to the NetworkPolicies, and where none selects the pod to the baseline', () => {
    const passing = admin('a', 1, rule('Pass')) + admin('b', 2, rule('Deny'));
    is(passing, { [WEB_TO_DB]: 'allow' });
    is(passing + shop('{podSelector: {}}'), { [WEB_TO_DB]: 'deny' });
    is(passing + admin('c', 1, rule('Deny'), 'Baseline'), { [WEB_TO_DB]: 'deny' });
  });

  it('never come to the baseline once a NetworkPolicy selects the pod', () =>
    is(shop('{podSelector: {}, ingress: [{}]}') + admin('c', 1, rule('Deny'), 'Baseline'), { [WEB_TO_DB]: 'allow' }));

  it('leave a direction alone for which they have no rules', () => is(admin('a', 1, rule('Deny')), { 'shop/db → shop/web tcp 1': 'allow' }));

  it('accept on the way out, and the far side still decides', () =>
    is(
      cnp('out', '{tier: Admin, priority: 1, subject: {namespaces: {}}, egress: [{action: Accept, to: [{namespaces: {}}]}]}') +
        shop('{podSelector: {}}'),
      { [WEB_TO_DB]: 'deny', 'shop/web → ops/db tcp 1': 'allow' },
    ));

  it('may say either when two of one priority disagree', () => {
    const { doubts } = verdictOf(world(admin('a', 3, rule('Accept')) + admin('b', 3, rule('Deny'))), WEB_TO_DB);
    expect(doubts.map(({ text }) => text)).to.deep.equal([
      'ClusterNetworkPolicy a (allow) and ClusterNetworkPolicy b (deny) have the same priority: either may win',
    ]);
  });

  it('fail closed at a peer of an unknown kind', () => {
    is(admin('a', 1, rule('Accept', '{planets: {}}')) + shop('{podSelector: {}}'), { [WEB_TO_DB]: 'deny' });
    is(admin('a', 1, rule('Accept', '{planets: {}}')), { [WEB_TO_DB]: 'allow' });
    is(admin('a', 1, rule('Deny', '{planets: {}}')), { [WEB_TO_DB]: 'deny' });
    is(admin('a', 1, rule('Pass', '{}')), { [WEB_TO_DB]: 'deny' });
  });

  it('know no names of ports where there are no pods', () => {
    const policy = cnp(
      'out',
      '{tier: Admin, priority: 1, subject: {namespaces: {}}, egress: [{action: Deny, to: [{networks: [1.0.0.0/8]}], protocols: [{destinationNamedPort: sql}]}]}',
    );
    expect(engineOf(world(policy)).unreadable[0]?.problems[0]?.reason).to.equal('networks, nodes and domain names have no named ports');
  });

  it('select nodes by their labels', () => {
    const nodes = [{ ...nodeOf('node1', '192.168.0.1'), labels: { role: 'edge' } }, nodeOf('node2', '192.168.0.2')];
    const policy = cnp(
      'out',
      '{tier: Admin, priority: 1, subject: {namespaces: {}}, egress: [{action: Deny, to: [{nodes: {matchLabels: {role: edge}}}]}]}',
    );
    is(policy, { 'shop/db → node1 tcp 1': 'deny', 'shop/web → node2 tcp 1': 'allow' }, {}, { nodes });
  });

  it('take protocols by number, range and name', () => {
    const with_ = (protocols: string): string => admin('a', 1, rule('Deny', '{namespaces: {}}', `, protocols: [${protocols}]`));
    is(with_('{tcp: {destinationPort: {number: 5432}}}'), { [WEB_TO_DB]: 'deny', 'shop/web → shop/db tcp 80': 'allow' });
    is(with_('{udp: {destinationPort: {range: {start: 10, end: 20}}}}'), {
      'shop/web → shop/db udp 20': 'deny',
      'shop/web → shop/db udp 21': 'allow',
    });
    is(with_('{destinationNamedPort: sql}'), { [WEB_TO_DB]: 'deny', 'shop/web → shop/db tcp 80': 'allow' });
    is(with_('{sctp: {destinationPort: {number: 1}}}'), { 'shop/web → shop/db icmp': 'allow' });
  });
});

describe('the API before (20)', () => {
  const anp = (name: string, spec: string, kind = 'AdminNetworkPolicy'): string =>
    `---\napiVersion: policy.networking.k8s.io/v1alpha1\nkind: ${kind}\nmetadata: {name: ${name}}\nspec: ${spec}\n`;

  it('says Allow, ports, and has one Baseline called default', () => {
    is(
      anp(
        'a',
        '{priority: 1, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}], ports: [{portNumber: {port: 80, protocol: TCP}}, {portRange: {start: 90, end: 99, protocol: UDP}}, {namedPort: sql}]}]}',
      ),
      {
        'shop/web → shop/db tcp 80': 'deny',
        'shop/web → shop/db udp 95': 'deny',
        [WEB_TO_DB]: 'deny',
        'shop/web → shop/db tcp 81': 'allow',
      },
    );
    is(anp('default', '{subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}]}]}', 'BaselineAdminNetworkPolicy'), {
      [WEB_TO_DB]: 'deny',
    });
    expect(engineOf(world(anp('other', '{subject: {namespaces: {}}}', 'BaselineAdminNetworkPolicy'))).unreadable).to.have.length(1);
  });

  it('chose namespaces by labels they share with the subject', () => {
    const peer = (field: string): string =>
      anp('a', `{priority: 1, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {${field}: [team]}}]}]}`);
    is(peer('sameLabels'), { [WEB_TO_DB]: 'deny', 'ops/web → shop/db tcp 1': 'allow' });
    is(peer('notSameLabels'), { [WEB_TO_DB]: 'allow', 'ops/web → shop/db tcp 1': 'deny' });
  });
});

describe('families of addresses (24)', () => {
  const pods = ['shop/web app=web 10.0.0.1 fd00::1', 'shop/db app=db 10.0.1.1 fd00::2'];
  const v6: Parameters<typeof verdictOf>[2] = { addresses: ['fd00::1', 'fd00::2'] };

  it('are judged each for itself: a block of the other family never matches', () => {
    const policy = shop('{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}');
    is(policy, { [WEB_TO_DB]: 'allow' }, {}, { pods });
    is(policy, { [WEB_TO_DB]: 'deny' }, v6, { pods });
    is(shop('{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{ipBlock: {cidr: "::/0"}}]}]}'), { [WEB_TO_DB]: 'allow' }, v6, { pods });
  });
});

describe('labels that are absent (25)', () => {
  const from = (expression: string): string =>
    shop(`{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchExpressions: [${expression}]}}]}]}`);

  it('are not in any set, and do not exist', () => {
    is(from('{key: tier, operator: NotIn, values: [front]}'), { [WEB_TO_DB]: 'allow' });
    is(from('{key: tier, operator: DoesNotExist}'), { [WEB_TO_DB]: 'allow', 'shop/cache → shop/db tcp 1': 'deny' });
    is(from('{key: tier, operator: Exists}'), { [WEB_TO_DB]: 'deny', 'shop/cache → shop/db tcp 1': 'allow' });
    is(from('{key: tier, operator: In, values: [data, front]}'), { [WEB_TO_DB]: 'deny', 'shop/cache → shop/db tcp 1': 'allow' });
  });

  it('are made up for the name of a namespace, which the API server would add', () =>
    is(
      shop('{ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ops}}}]}]}'),
      { 'ops/web → shop/db tcp 1': 'allow', [WEB_TO_DB]: 'deny' },
      {},
      {
        namespaces: [],
      },
    ));
});

describe('what is not a policy of the cluster', () => {
  it('is said of an end outside', () => {
    const engine = engineOf(world(shop('{podSelector: {}}')));
    expect(verdictOf(engine, '1.2.3.4 → shop/db tcp 1').sides[0].reason).to.deep.equal({
      is: 'exempt',
      text: 'policies of this cluster do not act on 1.2.3.4',
    });
    expect(partyOf(engine, '1.2.3.4').kind).to.equal('outside');
  });

  it('is not enforced where the plugin knows no policies', () => {
    const { verdict, sides } = verdictOf(world(shop('{podSelector: {}}')), WEB_TO_DB, { plugin: 'flannel' });
    expect([verdict, sides[1].steps.map(({ outcome, why }) => `${outcome}: ${why?.text}`)]).to.deep.equal([
      'allow',
      ['not-enforced: flannel does not enforce this kind'],
    ]);
  });
});
