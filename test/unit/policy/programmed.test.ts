import { expect } from 'chai';
import type { ClusterFacts } from '../../../src/cluster/facts.ts';
import type { IptablesTable } from '../../../src/node/netfilter-state.ts';
import { parseIptables } from '../../../src/node/parse/iptables.ts';
import type { Family, NodeSnapshot } from '../../../src/node/snapshot.ts';
import type { End } from '../../../src/policy/end.ts';
import { type Engine, engineOf, selecting } from '../../../src/policy/engine.ts';
import { type FlowCase, flowsOf } from '../../../src/policy/flows.ts';
import { judge } from '../../../src/policy/judge.ts';
import { refText } from '../../../src/policy/model.ts';
import { calicoChains, calicoInterface } from '../../../src/policy/programmed/calico-names.ts';
import { findProgrammed } from '../../../src/policy/programmed/find.ts';
import type { Programmed } from '../../../src/policy/programmed/programmed.ts';
import { emptyNetns } from '../forwarding/world.ts';
import { hasRecordings, type RecordedCluster, recordedCluster, type Tried } from './recordings.ts';
import { factsOf, verdictOf } from './world.ts';

const ref = { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', namespace: 'demo', name: 'allow-a-to-b' };

describe("the names of Calico's chains", () => {
  it('of a NetworkPolicy are those of every version', () => {
    const names = calicoChains(ref, 'default', 'ingress');
    // 3.32, hashed and not, as recorded
    expect(names).to.include.members(['cali-pi-_Zt4tbfgpaU9-G-LUq7D', 'cali-pi-knp/demo/allow-a-to-b']);
    // 3.29, as recorded
    expect(names).to.include('cali-pi-_8mnL4XQp47dLvihVTtm');
    expect(calicoChains({ ...ref, namespace: 'default', name: 'allow-web' }, 'default', 'ingress')).to.include('cali-pi-_l7X9Omtz7dibbh9L3Lp');
  });

  it('of a GlobalNetworkPolicy, too', () => {
    const global = { apiVersion: 'crd.projectcalico.org/v1', kind: 'GlobalNetworkPolicy', name: 'default.allow-icmp' };
    expect(calicoChains(global, 'default', 'ingress')).to.include('cali-pi-_HOJwLCbBRIqNzqyYoxx');
    expect(calicoChains({ ...global, name: 'security.deny-c' }, 'security', 'ingress')).to.include('cali-pi-gnp/security.deny-c');
  });

  it('of a workload is the hash of its name', () => expect(calicoInterface('demo', 'b')).to.equal('cali173247f042b'));
});

const nodeWith = (iptables: IptablesTable[]): NodeSnapshot => ({
  ...{ node: 'node1', clock: 0, kernel: '', problems: [], files: {}, daemons: {}, health: {} },
  namespaces: [{ ...emptyNetns('1', 'host'), netfilter: { iptables, nft: [], ipsets: [] } }],
});

const endOfPod = ({ pods }: ClusterFacts, name: string): Extract<End, { is: 'pods' }> => ({
  is: 'pods',
  word: name,
  label: name,
  pods: pods.filter((pod) => pod.name === name),
});

/** An end as the recordings write it: `demo/a`, `pod/a`, `svc:demo/b`, `svc/b`, `node/node1`, anything else by its address. */
const endOf = ({ pods, nodes, services }: ClusterFacts, word: string, address: string): End => {
  const full = word.replace(/^pod\//, 'default/').replace(/^svc\//, 'svc:default/');
  const service = services.find(({ namespace, name }) => full === `svc:${namespace}/${name}`);
  if (service) return { is: 'service', word, label: word, service, pods: [] };
  const pod = pods.find(({ namespace, name }) => full === `${namespace}/${name}`);
  if (pod) return { is: 'pods', word, label: word, pods: [pod] };
  const node = nodes.find(({ name }) => full === `node/${name}` || full === `node:${name}`);
  return node ? { is: 'node', word, label: word, node } : { is: 'outside', word, label: word, ips: [address] };
};

const flowsIn = ({ facts }: RecordedCluster, engine: Engine, { src, src_ip: source, dst, dst_ip: address, proto, port }: Tried): FlowCase[] => {
  const from = endOf(facts, src, source);
  return from.is === 'service' ? [] : flowsOf(engine, facts, from, endOf(facts, dst, address), { protocol: proto, ...(port === 0 ? {} : { port }) });
};

/** What the subject's node has for the first flow that is denied. */
const programmedIn = (cluster: RecordedCluster, engine: Engine, plugin: string, tried: Tried): Programmed | undefined => {
  for (const { flow } of flowsIn(cluster, engine, tried)) {
    const side = judge(engine, flow).sides.find(({ verdict }) => verdict === 'deny');
    if (!side) continue;
    const [subject, far] = side.direction === 'ingress' ? [flow.to, flow.from] : [flow.from, flow.to];
    const node = cluster.nodes.get(subject.nodeName ?? '');
    return (
      node &&
      findProgrammed(plugin, {
        snapshot: node.after,
        before: node.before,
        around: [...cluster.nodes.values()].map(({ after }) => after),
        direction: side.direction,
        subject,
        far,
        side,
        selecting: engine.tiers.flatMap((tier) => selecting(tier, side.direction, subject).map((policy) => policy.ref)),
        protocol: flow.protocol,
        ...(flow.port === undefined ? {} : { port: flow.port }),
      })
    );
  }
  return undefined;
};

const recordings: [name: string, plugin: string][] = [
  ...['healthy', 'nft-healthy', 'policy-drop', 'policy-tier', 'v3.29-policy-drop', 'nft-policy-drop'].map((name): [string, string] => [
    `calico/${name}`,
    'calico',
  ]),
  ...['healthy', 'policy-drop', 'policy-deny'].map((name): [string, string] => [`cilium/${name}`, 'cilium']),
  ...['healthy', 'networkpolicy-drop'].map((name): [string, string] => [`kube-ovn-1.12/${name}`, 'kube-ovn']),
  ...['healthy', 'networkpolicy-drop'].map((name): [string, string] => [`ovn-kubernetes/${name}`, 'ovn-kubernetes']),
];

interface Denial {
  recording: string;
  plugin: string;
  src: string;
  dst: string;
  port: number;
  node: string;
  place: string;
  text: string;
  interface?: string;
  counter: [before: number, after: number];
  /** Policies that the node has there. */
  carried: string[];
}

const AT_END = 'End of tier default. Drop if no policies passed packet';
const BOTH = ['NetworkPolicy demo/allow-a-to-b', 'NetworkPolicy demo/default-deny-ingress'];
const B = 'cali173247f042b';

const denials: Denial[] = [
  {
    ...{ recording: 'calico/policy-drop', plugin: 'calico', src: 'demo/c', dst: 'demo/b', port: 8080, node: 'node2' },
    ...{ place: `filter cali-tw-${B} #9`, text: AT_END, interface: B, counter: [0, 23], carried: BOTH },
  },
  {
    ...{ recording: 'calico/policy-drop', plugin: 'calico', src: 'demo/c', dst: 'svc:demo/b', port: 80, node: 'node2' },
    ...{ place: `filter cali-tw-${B} #9`, text: AT_END, interface: B, counter: [0, 23], carried: BOTH },
  },
  {
    ...{ recording: 'calico/policy-tier', plugin: 'calico', src: 'demo/c', dst: 'demo/b', port: 8080, node: 'node2' },
    ...{ place: 'filter cali-pi-gnp/security.deny-c #2', text: 'GlobalNetworkPolicy security.deny-c', interface: B, counter: [0, 7] },
    carried: ['GlobalNetworkPolicy security.deny-c', 'GlobalNetworkPolicy default.allow-icmp', ...BOTH],
  },
  {
    ...{ recording: 'calico/policy-tier', plugin: 'calico', src: 'demo/a', dst: 'demo/b', port: 9999, node: 'node2' },
    ...{ place: `filter cali-tw-${B} #15`, text: AT_END, interface: B, counter: [0, 13] },
    carried: ['GlobalNetworkPolicy security.deny-c', 'GlobalNetworkPolicy default.allow-icmp', ...BOTH],
  },
  {
    ...{ recording: 'calico/v3.29-policy-drop', plugin: 'calico', src: 'demo/c', dst: 'demo/b', port: 8080, node: 'node2' },
    ...{ place: `filter cali-tw-${B} #9`, text: 'Drop if no policies passed packet', interface: B, counter: [0, 21], carried: BOTH },
  },
  {
    ...{ recording: 'calico/nft-policy-drop', plugin: 'calico', src: 'demo/c', dst: 'demo/b', port: 8080, node: 'node2' },
    ...{ place: `nft ip calico cali-tw-${B} handle 141`, text: AT_END, interface: B, counter: [0, 21], carried: BOTH },
  },
  {
    ...{ recording: 'cilium/policy-drop', plugin: 'cilium', src: 'demo/c', dst: 'demo/b', port: 8080, node: 'cn2' },
    ...{
      place: 'policy map of endpoint 1234',
      text: 'no entry allows identity 43443 (k8s:app=c); drop reason Policy denied, ingress',
      counter: [0, 18],
    },
    // a policy without rules leaves none in the map
    carried: ['NetworkPolicy demo/allow-a-to-b'],
  },
  {
    ...{ recording: 'cilium/policy-deny', plugin: 'cilium', src: 'demo/c', dst: 'svc:demo/b', port: 80, node: 'cn2' },
    ...{ place: 'policy map of endpoint 1234', text: 'deny identity 43443 (k8s:app=c) tcp 8080', counter: [0, 6] },
    carried: ['CiliumNetworkPolicy demo/deny-c-to-b'],
  },
  {
    ...{ recording: 'kube-ovn-1.12/networkpolicy-drop', plugin: 'kube-ovn', src: 'pod/a', dst: 'pod/b', port: 8080, node: 'kn2' },
    ...{ place: 'br-int table 46 priority 3000', text: 'default/deny-b', interface: '8026abee8041_h', counter: [0, 18] },
    carried: ['NetworkPolicy default/deny-b'],
  },
  {
    ...{ recording: 'ovn-kubernetes/networkpolicy-drop', plugin: 'ovn-kubernetes', src: 'pod/a', dst: 'pod/b', port: 8080, node: 'on2' },
    ...{ place: 'br-int table 46 priority 2000', text: 'NP:default:Ingress', interface: 'eeebc6c73b2410c', counter: [0, 22] },
    carried: ['NetworkPolicy default/deny-b'],
  },
];

describe('recorded nodes', () => {
  if (!hasRecordings()) {
    it('are not beside this checkout');
    return;
  }
  const clusters = new Map<string, Promise<RecordedCluster>>();
  const clusterOf = (name: string): Promise<RecordedCluster> => {
    const cluster = clusters.get(name) ?? recordedCluster(name);
    clusters.set(name, cluster);
    return cluster;
  };

  for (const [name, plugin] of recordings) {
    it(`of ${name} let through what its policies allow, and nothing else`, async () => {
      const cluster = await clusterOf(name);
      const engine = engineOf(cluster.facts, plugin);
      expect(engine.unreadable).to.deep.equal([]);
      const wrong = cluster.tried.filter((tried) => {
        const verdicts = flowsIn(cluster, engine, tried).map(({ flow }) => judge(engine, flow).verdict);
        return verdicts.length === 0 || verdicts.includes('deny') !== (tried.result === 'timeout');
      });
      expect(wrong.map(({ src, dst, proto, port, result }) => `${src} → ${dst} ${proto} ${port}: ${result}`)).to.deep.equal([]);
      expect(cluster.tried.some(({ result }) => result === 'timeout')).to.equal(!name.endsWith('healthy'));
    });
  }

  for (const { recording, plugin, src, dst, port, carried, counter, ...wanted } of denials) {
    it(`of ${recording} have the rule that denies ${src} → ${dst} ${port}, with what it counted`, async () => {
      const cluster = await clusterOf(recording);
      const tried = cluster.tried.find((one) => one.src === src && one.dst === dst && one.port === port && one.proto === 'tcp');
      if (!tried) throw new Error('nobody tried that');
      const found = programmedIn(cluster, engineOf(cluster.facts, plugin), plugin, tried);
      expect(found).to.include(wanted);
      expect(found?.counter).to.deep.equal({ before: counter[0], after: counter[1] });
      expect(found?.carried.flatMap((one) => (one.ref ? [refText(one.ref)] : []))).to.deep.equal(carried);
      expect(found?.carried.filter((one) => !one.ref)).to.deep.equal([]);
    });
  }
});

describe('a pod of both families, on a node with Felix', () => {
  const workload = `cali-tw-${calicoInterface('demo', 'b')}`;
  const policy = 'cali-pi-_Zt4tbfgpaU9-G-LUq7D';
  const save = (dropped: number): string => `*filter
:${workload} - [0:0]
:${policy} - [0:0]
[9:0] -A ${workload} -m mark --mark 0x0/0x20000 -j ${policy}
[${dropped}:0] -A ${workload} -m comment --comment "${AT_END}" -m mark --mark 0x0/0x20000 -j DROP
[0:0] -A ${policy} -m comment --comment "KubernetesNetworkPolicy demo/allow-a-to-b ingress"
COMMIT
`;
  const node = (dropped: Record<Family, number>): NodeSnapshot =>
    nodeWith(([4, 6] as const).flatMap((family) => parseIptables(save(dropped[family]), 'nft', family).value));
  const facts = factsOf({
    pods: ['demo/c app=c @node2 10.0.0.4 fd00::4', 'demo/b app=b @node1 10.0.0.5 fd00::5'],
    policies:
      'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: allow-a-to-b, namespace: demo}\nspec: {podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: a}}}]}]}\n',
  });
  const engine = engineOf(facts, 'calico');

  for (const { flow } of flowsOf(engine, facts, endOfPod(facts, 'c'), endOfPod(facts, 'b'), { protocol: 'tcp', port: 80 })) {
    const family = flow.to.address?.family ?? 4;
    it(`is denied over IPv${family} by the rule of that family, which is not mistaken for its twin`, () => {
      const found = findProgrammed('calico', {
        snapshot: node({ 4: 12, 6: 36 }),
        before: node({ 4: 5, 6: 30 }),
        direction: 'ingress',
        subject: flow.to,
        far: flow.from,
        side: judge(engine, flow).sides[1],
        selecting: [ref],
        protocol: 'tcp',
        port: 80,
      });
      expect(found?.place).to.equal(`${family === 6 ? 'ip6tables ' : ''}filter ${workload} #2`);
      expect(found?.counter).to.deep.equal(family === 6 ? { before: 30, after: 36 } : { before: 5, after: 12 });
      expect(found?.carried).to.deep.equal([{ place: policy, ref, said: 'NetworkPolicy demo/allow-a-to-b' }]);
    });
  }
});

describe("kube-router's chains", () => {
  const save = (comments: { jump: string; policy: string; reject: string }, packets: number): string => `*filter
:FORWARD ACCEPT [0:0]
:KUBE-ROUTER-FORWARD - [0:0]
:KUBE-POD-FW-AAAA - [0:0]
:KUBE-NWPLCY-BBBB - [0:0]
[9:0] -A FORWARD -j KUBE-ROUTER-FORWARD
[9:0] -A KUBE-ROUTER-FORWARD -d 10.0.0.5/32 -m comment --comment "${comments.jump}" -j KUBE-POD-FW-AAAA
[9:0] -A KUBE-POD-FW-AAAA -d 10.0.0.5/32 -m comment --comment "${comments.policy}" -j KUBE-NWPLCY-BBBB
[${packets}:0] -A KUBE-POD-FW-AAAA -m comment --comment "${comments.reject}" -m mark ! --mark 0x10000/0x10000 -j REJECT --reject-with icmp-port-unreachable
COMMIT
`;
  const versions = {
    'up to 2.10': {
      jump: 'rule to jump traffic destined to POD name:db namespace: shop to chain KUBE-POD-FW-AAAA',
      policy: 'run through nw policy only-api',
      reject: 'rule to REJECT traffic destined for POD name:db namespace: shop',
    },
    'from 2.11': { jump: 'shop/db in', policy: 'shop/only-api policy', reject: 'shop/db reject' },
  };
  for (const [version, comments] of Object.entries(versions)) {
    it(`are told by their comments, ${version}`, () => {
      const facts = factsOf({
        pods: ['shop/web app=web @node2 10.0.0.4', 'shop/db app=db @node1 10.0.0.5'],
        policies:
          'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: only-api, namespace: shop}\nspec: {podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: api}}}]}]}\n',
      });
      const engine = engineOf(facts, 'kube-router');
      const side = verdictOf(engine, 'shop/web → shop/db tcp 80').sides[1];
      const [far, subject] = flowsOf(engine, facts, endOfPod(facts, 'web'), endOfPod(facts, 'db'), { protocol: 'tcp', port: 80 }).flatMap(
        ({ flow }) => [flow.from, flow.to],
      );
      if (!far || !subject) throw new Error('no flow');
      const found = findProgrammed('kube-router', {
        snapshot: nodeWith(parseIptables(save(comments, 7), 'nft', 4).value),
        before: nodeWith(parseIptables(save(comments, 2), 'nft', 4).value),
        direction: 'ingress',
        subject,
        far,
        side,
        selecting: engine.tiers.flatMap((tier) => selecting(tier, 'ingress', subject).map((policy) => policy.ref)),
        protocol: 'tcp',
        port: 80,
      });
      expect(found).to.include({ place: 'filter KUBE-POD-FW-AAAA #2', text: comments.reject });
      expect(found?.carried.map((one) => [one.place, one.ref && refText(one.ref)])).to.deep.equal([
        ['KUBE-NWPLCY-BBBB', 'NetworkPolicy shop/only-api'],
      ]);
    });
  }
});
