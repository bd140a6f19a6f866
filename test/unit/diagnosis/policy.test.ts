import { expect } from 'chai';
import type { Endpoint } from '../../../src/cluster/endpoint.ts';
import type { ApiObject, ClusterFacts } from '../../../src/cluster/facts.ts';
import { diagnose } from '../../../src/diagnosis/diagnose.ts';
import type { Evidence } from '../../../src/diagnosis/evidence.ts';
import type { Finding } from '../../../src/diagnosis/finding.ts';
import { walk, walkBack } from '../../../src/forwarding/walk.ts';
import type { Netns, NodeSnapshot } from '../../../src/node/snapshot.ts';
import type { Outcome } from '../../../src/probe/probe.ts';
import { type RecordedWorld, recorded, startOf } from '../forwarding/recordings.ts';
import { flannelCluster, found } from '../forwarding/world.ts';
import { hasRecordings, recordedCluster } from '../policy/recordings.ts';
import { objectsIn } from '../policy/world.ts';
import { ask, probe } from './evidence.ts';

const POLICIES = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny-ingress, namespace: demo}
spec: {podSelector: {}, policyTypes: [Ingress]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: allow-a-to-b, namespace: demo}
spec: {podSelector: {matchLabels: {app: b}}, ingress: [{from: [{podSelector: {matchLabels: {app: a}}}], ports: [{port: 8080}]}]}
`;

const withPolicies = (facts: ClusterFacts, objects: ApiObject[]): ClusterFacts => ({
  ...facts,
  policies: { namespaces: [{ name: 'demo', labels: {} }], serviceAccounts: [], objects },
});

const endpoint = ({ facts }: RecordedWorld, word: string): Endpoint => {
  const pod = found(facts.pods.find(({ namespace, name }) => `${namespace}/${name}` === word));
  return { word, kind: 'pod', label: word, ips: pod.ips, pod, backends: [], ports: [] };
};

/** The same node some packets ago: every rule that drops has counted `fewer` less. */
const earlier = (snapshot: NodeSnapshot, fewer: number): NodeSnapshot => {
  const past = (netns: Netns): Netns => ({
    ...netns,
    netfilter: {
      ...netns.netfilter,
      iptables: netns.netfilter.iptables.map((table) => ({
        ...table,
        chains: table.chains.map((chain) => ({
          ...chain,
          rules: chain.rules.map((rule) => (rule.target === 'DROP' && rule.packets >= fewer ? { ...rule, packets: rule.packets - fewer } : rule)),
        })),
      })),
      nft: netns.netfilter.nft.map((table) => ({
        ...table,
        chains: table.chains.map((chain) => ({
          ...chain,
          rules: chain.rules.map((rule) => ({
            ...rule,
            expr: rule.expr.map((expression) => {
              const { counter } = expression as { counter?: { packets: number } };
              return counter && counter.packets >= fewer ? { counter: { ...counter, packets: counter.packets - fewer } } : expression;
            }),
          })),
        })),
      })),
    },
  });
  return { ...snapshot, namespaces: snapshot.namespaces.map(past) };
};

interface Asked {
  from: string;
  to: string;
  port?: number;
  outcome: Outcome;
  policies?: ApiObject[];
}

const evidenceOf = (world: RecordedWorld, { from, to, port = 8080, outcome, policies = objectsIn(POLICIES) }: Asked): Evidence => {
  const [source, target] = [endpoint(world, from), endpoint(world, to)];
  const destination = found(target.ips[0]);
  const main = probe('main', from, to, destination, outcome, { port, protocol: 'tcp' });
  const there = walk(
    { source: '', destination, protocol: 'tcp', sourcePort: 61440, destinationPort: port },
    startOf(world, found(source.pod)),
    world,
  );
  const back = walkBack(there, world);
  return {
    from: source,
    to: target,
    facts: withPolicies(world.facts, policies),
    snapshots: world.snapshots,
    before: world.snapshots.map((snapshot) => earlier(snapshot, 5)),
    probes: [main],
    walks: { main: { there, ...(back ? { back } : {}) } },
    taps: [],
    drops: [],
    ruleTraces: [],
    attachments: [],
  };
};

const problems = (evidence: Evidence): Finding[] => diagnose(evidence).findings;

const codes = (evidence: Evidence): string[] => problems(evidence).map(({ code, severity }) => `${code} ${severity}`);

for (const name of ['calico-policy-drop', 'calico-nft-policy-drop'] as const) {
  describe(`a path on the recorded cluster ${name}`, () => {
    const world = recorded(name);
    const stem = name === 'calico-policy-drop' ? 'filter cali-tw-cali173247f042b #9' : 'nft ip calico cali-tw-cali173247f042b handle 141';

    it('that a policy denies names the rule and its counter, the policies, and the smallest one that would allow it', () => {
      const [finding, ...others] = problems(evidenceOf(world, { from: 'demo/c', to: 'demo/b', outcome: 'timeout' }));
      expect(others).to.deep.equal([]);
      expect(finding).to.include({ code: 'ND5001', severity: 'problem', confidence: 'certain' });
      expect(finding?.title).to.equal(
        'Dropped on node2 before cali173247f042b by policy: NetworkPolicy demo/allow-a-to-b and NetworkPolicy demo/default-deny-ingress select demo/b, and none has a rule for demo/c at TCP 8080.',
      );
      expect(finding?.evidence).to.include(
        `calico on node2 denies it by ${stem}: "End of tier default. Drop if no policies passed packet"; its counter rose by 5 while the probes ran (${name === 'calico-policy-drop' ? '18 → 23' : '16 → 21'})`,
      );
      expect(finding?.evidence).to.include('NetworkPolicy demo/allow-a-to-b ingress[0]: no match: label app=c, wanted a');
      expect(finding?.fix[1]).to.equal('$ kubectl netdoctor policy demo/c demo/b --port 8080 --suggest | kubectl apply -f -');
      expect(objectsIn(finding?.manifest ?? '').map(({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name}`)).to.deep.equal([
        'NetworkPolicy demo/allow-c-to-b-8080',
      ]);
      expect(finding?.notes.join(' ')).to.include('one that was open before it came goes on');
    });

    it('that policies allow has nothing to say of them', () => {
      expect(codes(evidenceOf(world, { from: 'demo/a', to: 'demo/b', outcome: 'answered' }))).to.deep.equal([]);
    });

    it('that passes, though it is denied, is told', () => {
      const [finding] = problems(evidenceOf(world, { from: 'demo/c', to: 'demo/b', outcome: 'answered' }));
      expect(finding).to.include({ code: 'ND5003', severity: 'warning' });
      expect(finding?.title).to.equal(
        'NetworkPolicy demo/allow-a-to-b and NetworkPolicy demo/default-deny-ingress should deny demo/c → demo/b TCP 8080, and it passes.',
      );
    });

    it('that is dropped, though the policies of today allow it, names what the node still has', () => {
      const [finding] = problems(evidenceOf(world, { from: 'demo/c', to: 'demo/b', outcome: 'timeout', policies: [] }));
      expect(finding).to.include({ code: 'ND5004', severity: 'problem' });
      expect(finding?.title).to.equal(
        'calico on node2 still has rules of NetworkPolicy demo/allow-a-to-b and NetworkPolicy demo/default-deny-ingress, which do not exist, and drops demo/c → demo/b TCP 8080 by them.',
      );
    });

    it('that is dropped, as the node has not the policy that allows it, names that policy', () => {
      const more = `${POLICIES}---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: allow-c-to-b, namespace: demo}
spec: {podSelector: {matchLabels: {app: b}}, ingress: [{from: [{podSelector: {matchLabels: {app: c}}}]}]}
`;
      const [finding] = problems(evidenceOf(world, { from: 'demo/c', to: 'demo/b', outcome: 'timeout', policies: objectsIn(more) }));
      expect(finding).to.include({ code: 'ND5002', severity: 'problem' });
      expect(finding?.evidence).to.include('NetworkPolicy demo/allow-c-to-b selects demo/b for ingress, and node2 has no rules of it');
    });

    it('says nothing of policies that were not read', () => {
      const { policies: _, ...facts } = evidenceOf(world, { from: 'demo/c', to: 'demo/b', outcome: 'timeout' }).facts;
      const evidence = { ...evidenceOf(world, { from: 'demo/c', to: 'demo/b', outcome: 'timeout' }), facts };
      expect(codes(evidence)).to.deep.equal(['ND3003 problem']);
    });
  });
}

describe('a path from a node through the tunnel', () => {
  const world = recorded('calico-policy-drop');

  it('is judged, and allowed, by the address that the tunnel gives it', () => {
    const node = found(world.facts.nodes.find(({ name }) => name === 'node1'));
    const snapshot = found(world.snapshots.find((one) => one.node === 'node1'));
    const host = found(snapshot.namespaces.find(({ role }) => role === 'host'));
    const from: Endpoint = { word: 'node/node1', kind: 'node', label: 'node node1', ips: node.ips, node, backends: [], ports: [] };
    const base = evidenceOf(world, { from: 'demo/c', to: 'demo/b', outcome: 'timeout' });
    const destination = found(base.to.ips[0]);
    const there = walk(
      { source: '', destination, protocol: 'tcp', sourcePort: 61440, destinationPort: 8080 },
      { node: 'node1', netns: host.inode },
      world,
    );
    const main = probe('main', 'node node1', 'demo/b', destination, 'timeout', { port: 8080, protocol: 'tcp' });
    const [finding] = problems({ ...base, from, probes: [main], walks: { main: { there } } });
    const address = found(there.hops.at(-1)).packet.source;
    expect(node.ips).to.not.include(address);
    expect(finding).to.include({ code: 'ND5001', confidence: 'certain' });
    expect(finding?.manifest).to.include(`cidr: ${address}/32`);
    expect(finding?.fix[1]).to.equal(`$ kubectl netdoctor policy ${address} demo/b --port 8080 --suggest | kubectl apply -f -`);
  });
});

describe('a path to a pod that Calico has not programmed', () => {
  const world = recorded('calico-policy-drop');
  const forgotten: RecordedWorld = {
    ...world,
    snapshots: world.snapshots.map((snapshot) => ({
      ...snapshot,
      namespaces: snapshot.namespaces.map((netns) => ({
        ...netns,
        netfilter: {
          ...netns.netfilter,
          iptables: netns.netfilter.iptables.map((table) => ({
            ...table,
            chains: table.chains.map((chain) => ({ ...chain, rules: chain.rules.filter(({ target }) => target !== 'cali-tw-cali173247f042b') })),
          })),
        },
      })),
    })),
  };

  it('says so, and blames no policy', () => {
    const [finding, ...others] = problems(evidenceOf(forgotten, { from: 'demo/a', to: 'demo/b', outcome: 'timeout' }));
    expect(others).to.deep.equal([]);
    expect(finding).to.include({ code: 'ND5006', severity: 'problem' });
    expect(finding?.title).to.equal(
      'Calico on node2 has no rules for cali173247f042b, the interface of demo/b, and drops all that comes from it or goes to it.',
    );
    expect(finding?.evidence[1]).to.match(/^filter cali-to-wl-dispatch #\d+: "Unknown interface"/);
    expect(finding?.fix[1]).to.equal('$ kubectl -n kube-system delete pod calico-node-lwcqz');
  });
});

interface OnRecordedNodes {
  recording: string;
  plugin: string;
  from: string;
  to: string;
  outcome: Outcome;
  title?: string;
  counted?: string;
}

const onRecordedNodes: OnRecordedNodes[] = [
  {
    ...{ recording: 'cilium/policy-drop', plugin: 'cilium', from: 'demo/c', to: 'demo/b', outcome: 'timeout' },
    title:
      'Dropped on cn2 by policy: NetworkPolicy demo/allow-a-to-b and NetworkPolicy demo/default-deny-ingress select demo/b, and none has a rule for demo/c at TCP 8080.',
    counted:
      'cilium on cn2 denies it by policy map of endpoint 1234: "no entry allows identity 43443 (k8s:app=c); drop reason Policy denied, ingress"; its counter rose by 18 while the probes ran (0 → 18)',
  },
  {
    ...{ recording: 'cilium/policy-deny', plugin: 'cilium', from: 'demo/c', to: 'demo/b', outcome: 'timeout' },
    title: 'Dropped on cn2 by policy: rule ingressDeny[0] of CiliumNetworkPolicy demo/deny-c-to-b denies demo/c → demo/b TCP 8080.',
    counted:
      'cilium on cn2 denies it by policy map of endpoint 1234: "deny identity 43443 (k8s:app=c) tcp 8080"; its counter rose by 6 while the probes ran (0 → 6)',
  },
  { recording: 'cilium/policy-deny', plugin: 'cilium', from: 'demo/a', to: 'demo/b', outcome: 'answered' },
  { recording: 'cilium/healthy', plugin: 'cilium', from: 'demo/a', to: 'demo/b', outcome: 'answered' },
  {
    ...{ recording: 'kube-ovn-1.12/networkpolicy-drop', plugin: 'kube-ovn', from: 'default/a', to: 'default/b', outcome: 'timeout' },
    title:
      'Dropped on kn2 before 8026abee8041_h by policy: NetworkPolicy default/deny-b selects default/b and has no rule for default/a at TCP 8080.',
    counted: 'kube-ovn on kn2 denies it by br-int table 46 priority 3000: "default/deny-b"; its counter rose by 18 while the probes ran (0 → 18)',
  },
  { recording: 'kube-ovn-1.12/networkpolicy-drop', plugin: 'kube-ovn', from: 'default/b', to: 'default/a', outcome: 'answered' },
  { recording: 'kube-ovn-1.12/healthy', plugin: 'kube-ovn', from: 'default/a', to: 'default/b', outcome: 'answered' },
  {
    ...{ recording: 'ovn-kubernetes/networkpolicy-drop', plugin: 'ovn-kubernetes', from: 'default/a', to: 'default/b', outcome: 'timeout' },
    title:
      'Dropped on on2 before eeebc6c73b2410c by policy: NetworkPolicy default/deny-b selects default/b and has no rule for default/a at TCP 8080.',
    counted:
      'ovn-kubernetes on on2 denies it by br-int table 46 priority 2000: "NP:default:Ingress"; its counter rose by 22 while the probes ran (0 → 22)',
  },
  { recording: 'ovn-kubernetes/healthy', plugin: 'ovn-kubernetes', from: 'default/a', to: 'default/b', outcome: 'answered' },
];

describe('a path on recorded nodes of plugins that drop below netfilter', () => {
  if (!hasRecordings()) {
    it('are not beside this checkout');
    return;
  }
  for (const { recording, plugin, from, to, outcome, title, counted } of onRecordedNodes) {
    it(`${recording}: ${from} → ${to}, ${title === undefined ? 'nothing of policies' : 'the policy and its counter'}`, async () => {
      const { facts, nodes } = await recordedCluster(recording);
      const world = { facts, snapshots: [...nodes.values()].map(({ after }) => after), truth: [] };
      const [source, target] = [endpoint(world, from), endpoint(world, to)];
      // the recorded agents are plain processes where there is no DaemonSet that tells who enforces
      const set = { namespace: 'kube-system', name: DAEMONS[plugin] ?? plugin, desired: 2, ready: 2, images: [] };
      const evidence: Evidence = {
        from: source,
        to: target,
        facts: { ...facts, daemonSets: [set] },
        snapshots: world.snapshots,
        before: [...nodes.values()].map(({ before }) => before),
        probes: [probe('main', from, to, found(target.ips[0]), outcome, { port: 8080, protocol: 'tcp' })],
        ...{ walks: {}, taps: [], drops: [], ruleTraces: [], attachments: [] },
      };
      const findings = problems(evidence).filter(({ code }) => code.startsWith('ND5'));
      expect(findings.map((finding) => [finding.code, finding.confidence, finding.title])).to.deep.equal(
        title === undefined ? [] : [['ND5001', 'certain', title]],
      );
      if (counted !== undefined) expect(findings[0]?.evidence).to.include(counted);
    });
  }
});

const DAEMONS: Record<string, string> = { 'kube-ovn': 'kube-ovn-cni', 'ovn-kubernetes': 'ovnkube-node' };

describe('a path on a cluster whose plugin enforces no policies', () => {
  const cluster = flannelCluster();
  const deny = objectsIn(
    'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: none, namespace: default}\nspec: {podSelector: {}, policyTypes: [Ingress]}\n',
  );
  const [first, second] = cluster.facts.pods.filter(({ hostNetwork }) => !hostNetwork);
  const asked = (objects: ApiObject[], outcome: Outcome): Evidence => {
    const evidence = ask(cluster, { from: found(first).name, to: found(second).name, outcome });
    return { ...evidence, facts: withPolicies(evidence.facts, objects) };
  };

  it('warns where a policy would deny just this', () => {
    const [finding] = problems(asked(deny, 'answered'));
    expect(finding).to.include({ code: 'ND5005', severity: 'warning' });
    expect(finding?.title).to.equal('flannel enforces no network policies: NetworkPolicy default/none has no effect.');
  });

  it('is silent where none would, and where there is none', () => {
    expect(codes(asked([], 'answered'))).to.deep.equal([]);
    const other = deny.map((policy) => ({ ...policy, metadata: { ...policy.metadata, namespace: 'other' } }));
    expect(codes(asked(other, 'answered'))).to.deep.equal([]);
  });

  it('blames no policy for a loss', () => expect(codes(asked(deny, 'timeout')).some((code) => code.startsWith('ND5001'))).to.equal(false));
});
