import { expect } from 'chai';
import type { ClusterFacts } from '../../../src/cluster/facts.ts';
import { engineOf } from '../../../src/policy/engine.ts';
import { judge } from '../../../src/policy/judge.ts';
import { withObjects } from '../../../src/policy/objects.ts';
import { type Suggestion, suggest } from '../../../src/policy/suggest/suggest.ts';
import type { Flow } from '../../../src/policy/verdict.ts';
import { factsOf, nodeOf, partyOf } from './world.ts';

const PODS = ['shop/web app=web pod-template-hash=5d4c @node1 10.0.1.4', 'shop/db app=db @node2 10.0.2.4', 'other/web app=web @node1 10.0.1.5'];

const flowIn = (
  facts: ClusterFacts,
  plugin: string,
  from: string,
  to: string,
  protocol: Flow['protocol'] = 'tcp',
  port: number | undefined = 80,
): Flow => {
  const engine = engineOf(facts, plugin);
  return { from: partyOf(engine, from), to: partyOf(engine, to), protocol, ...(protocol === 'icmp' ? {} : { port }) };
};

interface Case {
  what: string;
  plugin: string;
  policies: string;
  from: string;
  to: string;
  protocol?: Flow['protocol'];
  /** Kinds and names of what is suggested; else why nothing can be. */
  suggested: string[] | RegExp;
  /** What must stay denied with it in place. */
  denied?: [from: string, to: string, port?: number][];
}

const ISOLATED =
  'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: none, namespace: shop}\nspec: {podSelector: {}, policyTypes: [Ingress, Egress]}\n';

const ADMIN = (action: string, extra = ''): string =>
  `apiVersion: policy.networking.k8s.io/v1alpha1\nkind: AdminNetworkPolicy\nmetadata: {name: no-web}\nspec:\n  priority: 5\n  subject: {namespaces: {matchLabels: {kubernetes.io/metadata.name: shop}}}\n  ingress: [{action: ${action}, from: [{pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: web}}}}]}]\n${extra}`;

const cases: Case[] = [
  {
    what: 'isolation of both ends takes a policy for each',
    plugin: 'antrea',
    policies: ISOLATED,
    from: 'shop/web',
    to: 'shop/db',
    suggested: ['NetworkPolicy shop/allow-web-to-db-80', 'NetworkPolicy shop/allow-web-to-db-80-2'],
    denied: [
      ['shop/web', 'shop/db', 81],
      ['shop/db', 'shop/web', 80],
      ['other/web', 'shop/db', 80],
    ],
  },
  {
    what: 'a source of another namespace is named by namespace and labels',
    plugin: 'antrea',
    policies: ISOLATED,
    from: 'other/web',
    to: 'shop/db',
    suggested: ['NetworkPolicy shop/allow-web-to-db-80'],
    denied: [['shop/web', 'shop/db', 80]],
  },
  {
    what: 'an address outside is one block',
    plugin: 'antrea',
    policies: ISOLATED,
    from: '172.16.3.4',
    to: 'shop/db',
    suggested: ['NetworkPolicy shop/allow-172-16-3-4-to-db-80'],
    denied: [['172.16.3.5', 'shop/db', 80]],
  },
  {
    what: 'ping is all traffic to NetworkPolicy',
    plugin: 'antrea',
    policies: ISOLATED,
    from: 'other/web',
    to: 'shop/db',
    protocol: 'icmp',
    suggested: ['NetworkPolicy shop/allow-web-to-db-icmp'],
  },
  {
    what: 'and just ping to Calico',
    plugin: 'calico',
    policies: ISOLATED,
    from: 'other/web',
    to: 'shop/db',
    protocol: 'icmp',
    suggested: ['NetworkPolicy shop/default.allow-web-to-db-icmp'],
    denied: [['other/web', 'shop/db', 80]],
  },
  {
    what: "an administrator's denial is passed by one before it",
    plugin: 'antrea',
    policies: ADMIN('Deny'),
    from: 'shop/web',
    to: 'shop/db',
    suggested: ['AdminNetworkPolicy allow-web-to-db-80'],
    denied: [
      ['shop/web', 'shop/db', 81],
      ['other/web', 'shop/db', 80],
    ],
  },
  {
    what: 'and what is isolated behind it needs a policy, too',
    plugin: 'antrea',
    policies: `${ADMIN('Deny')}---\n${ISOLATED.replace(', Egress', '')}`,
    from: 'shop/web',
    to: 'shop/db',
    suggested: ['AdminNetworkPolicy allow-web-to-db-80', 'NetworkPolicy shop/allow-web-to-db-80'],
    denied: [['other/web', 'shop/db', 80]],
  },
  {
    what: 'the Baseline gets a rule before the one that denies',
    plugin: 'antrea',
    policies:
      'apiVersion: policy.networking.k8s.io/v1alpha1\nkind: BaselineAdminNetworkPolicy\nmetadata: {name: default}\nspec:\n  subject: {namespaces: {}}\n  ingress: [{action: Deny, from: [{namespaces: {}}]}]\n',
    from: 'shop/web',
    to: 'shop/db',
    suggested: ['BaselineAdminNetworkPolicy default'],
    denied: [['other/web', 'shop/db', 80]],
  },
  {
    what: "a rule of Calico's that denies is passed in its tier",
    plugin: 'calico',
    policies:
      'apiVersion: projectcalico.org/v3\nkind: Tier\nmetadata: {name: security}\nspec: {order: 10}\n---\napiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {name: security.no-web}\nspec:\n  tier: security\n  order: 3\n  selector: app == "db"\n  ingress: [{action: Deny, source: {selector: app == "web"}}, {action: Pass}]\n',
    from: 'shop/web',
    to: 'shop/db',
    suggested: ['NetworkPolicy shop/security.allow-web-to-db-80'],
    denied: [
      ['other/web', 'shop/db', 80],
      ['shop/web', 'shop/db', 81],
    ],
  },
  {
    what: 'what Cilium denies nobody can allow',
    plugin: 'cilium',
    policies:
      'apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: no-web, namespace: shop}\nspec:\n  endpointSelector: {matchLabels: {app: db}}\n  ingressDeny: [{fromEndpoints: [{matchLabels: {app: web}}]}]\n',
    from: 'shop/web',
    to: 'shop/db',
    suggested: /nothing overrules a rule that denies/,
  },
  {
    what: 'a node is an entity to Cilium',
    plugin: 'cilium',
    policies: ISOLATED,
    from: 'node1',
    to: 'shop/db',
    suggested: ['CiliumNetworkPolicy shop/allow-node1-to-db-80'],
    denied: [['shop/web', 'shop/db', 80]],
  },
];

const namesOf = (suggestion: Suggestion): string[] =>
  'objects' in suggestion
    ? suggestion.objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace === undefined ? '' : `${metadata.namespace}/`}${metadata.name}`)
    : [suggestion.impossible];

describe('the smallest policy that allows it', () => {
  for (const { what, plugin, policies, from, to, protocol, suggested, denied = [] } of cases) {
    it(what, () => {
      const facts = factsOf({ pods: PODS, nodes: [nodeOf('node1', '192.168.0.1'), nodeOf('node2', '192.168.0.2')], policies });
      const flow = flowIn(facts, plugin, from, to, protocol);
      expect(judge(engineOf(facts, plugin), flow).verdict).to.equal('deny');
      const suggestion = suggest({ facts, plugin, flow });
      if (suggested instanceof RegExp) {
        expect('impossible' in suggestion ? suggestion.impossible : '').to.match(suggested);
        return;
      }
      expect(namesOf(suggestion)).to.deep.equal(suggested);
      const after = withObjects(facts, 'objects' in suggestion ? suggestion.objects : []);
      expect(engineOf(after, plugin).unreadable).to.deep.equal([]);
      expect(judge(engineOf(after, plugin), flow).verdict).to.equal('allow');
      for (const [source, target, port] of denied)
        expect(judge(engineOf(after, plugin), flowIn(after, plugin, source, target, 'tcp', port)).verdict, `${source} → ${target} ${port}`).to.equal(
          'deny',
        );
    });
  }

  it('names no label that a rollout changes', () => {
    const facts = factsOf({ pods: PODS, policies: ISOLATED });
    const suggestion = suggest({ facts, plugin: 'antrea', flow: flowIn(facts, 'antrea', 'shop/web', 'shop/db') });
    expect(JSON.stringify(suggestion)).to.include('"app":"web"').and.to.not.include('pod-template-hash');
  });

  it('is nothing when it is allowed already', () => {
    const facts = factsOf({ pods: PODS });
    expect(suggest({ facts, plugin: 'antrea', flow: flowIn(facts, 'antrea', 'shop/web', 'shop/db') })).to.deep.equal({ objects: [], notes: [] });
  });

  it('is for all replicas that the question was about', () => {
    const facts = factsOf({
      pods: [...PODS, 'shop/web-2 app=web shard=2 @node2 10.0.2.5', 'shop/web-1 app=web shard=1 @node2 10.0.2.6'],
      policies: ISOLATED,
    });
    const sources = facts.pods.filter(({ name }) => name.startsWith('web-'));
    const suggestion = suggest({ facts, plugin: 'antrea', flow: flowIn(facts, 'antrea', 'shop/web-1', 'shop/db'), sources });
    expect(JSON.stringify(suggestion)).to.include('"app":"web"').and.to.not.include('shard');
  });
});
