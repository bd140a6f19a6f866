import { expect } from 'chai';
import type { Endpoint } from '../../../src/cluster/endpoint.ts';
import type { ClusterFacts, NodeFacts, PodFacts } from '../../../src/cluster/facts.ts';
import { planProbes, type Question } from '../../../src/doctor/plan.ts';
import type { Netns, NodeSnapshot } from '../../../src/node/snapshot.ts';

const pod = (name: string, node: string, ip: string): PodFacts => ({
  namespace: 'd',
  name,
  uid: `uid-${name}`,
  node,
  ips: [ip],
  hostNetwork: false,
  phase: 'Running',
  ready: true,
  deleting: false,
  labels: {},
  annotations: {},
  containers: [],
});
const node = (name: string, ip: string): NodeFacts => ({
  name,
  ips: [ip],
  podCidrs: [],
  ready: true,
  os: 'linux',
  arch: 'amd64',
  kernel: '',
  labels: {},
  annotations: {},
  unschedulable: false,
  taints: [],
});
const netns = (inode: string, more: Partial<Netns>): Netns => ({
  inode,
  role: 'pod',
  processes: 1,
  pinnedAt: [],
  nsids: {},
  links: [],
  routes: [],
  rules: [],
  neighbours: [],
  fdb: [],
  vlans: [],
  netfilter: { iptables: [], nft: [], ipsets: [] },
  tc: { qdiscs: [], filters: [] },
  sysctls: {},
  sockets: [],
  ipvs: [],
  ...more,
});
const snapshot = (name: string, pods: PodFacts[]): NodeSnapshot => ({
  node: name,
  clock: 0,
  kernel: '',
  problems: [],
  files: {},
  daemons: {},
  health: {},
  namespaces: [netns('1', { role: 'host', pid: 1 }), ...pods.map((one, index) => netns(`${index + 2}`, { podUid: one.uid, pid: 100 + index }))],
});

const a = pod('a', 'n1', '10.0.1.1');
const b = pod('b', 'n2', '10.0.2.1');
const facts: ClusterFacts = {
  pods: [a, b],
  nodes: [node('n1', '192.0.2.1'), node('n2', '192.0.2.2')],
  services: [
    {
      namespace: 'd',
      name: 'web',
      type: 'ClusterIP',
      clusterIps: ['10.9.0.1'],
      externalIps: [],
      selector: {},
      ports: [{ name: 'http', protocol: 'tcp', port: 80, targetPort: 8080 }],
      internalTrafficPolicy: 'Cluster',
      sessionAffinity: 'None',
    },
    {
      namespace: 'kube-system',
      name: 'kube-dns',
      type: 'ClusterIP',
      clusterIps: ['10.9.0.10'],
      externalIps: [],
      selector: {},
      ports: [],
      internalTrafficPolicy: 'Cluster',
      sessionAffinity: 'None',
    },
  ],
  endpoints: [
    {
      service: { namespace: 'd', name: 'web' },
      ip: '10.0.2.1',
      ports: [{ name: 'http', port: 8080, protocol: 'tcp' }],
      ready: true,
      serving: true,
      terminating: false,
      node: 'n2',
      pod: { namespace: 'd', name: 'b' },
    },
  ],
  configMaps: {},
  notRead: [],
};
const end = (one: PodFacts): Endpoint => ({ word: one.name, kind: 'pod', label: `d/${one.name}`, ips: one.ips, pod: one, backends: [], ports: [] });
const snapshots = [snapshot('n1', [a]), snapshot('n2', [b])];
const question: Question = {
  from: end(a),
  to: end(b),
  source: '10.0.1.1',
  destination: '10.0.2.1',
  protocol: 'tcp',
  port: 8080,
  count: 5,
  timeoutMs: 1000,
};

const told = (planned: ReturnType<typeof planProbes>): string[] =>
  typeof planned === 'string'
    ? [planned]
    : planned.map(
        ({ purpose, node: from, destination, protocol, port, count }) =>
          `${purpose} ${from} → ${destination} ${protocol}${port === undefined ? '' : ` ${port}`} × ${count}`,
      );

describe('the plan of probes', () => {
  it('frames pod to pod from every side, the question first', () =>
    expect(told(planProbes(question, facts, snapshots, 'cluster.local'))).to.deep.equal([
      'main n1 → 10.0.2.1 tcp 8080 × 5',
      'main-icmp n1 → 10.0.2.1 icmp × 3',
      'pod-to-own-node n1 → 192.0.2.1 icmp × 3',
      'pod-to-far-node n1 → 192.0.2.2 icmp × 3',
      'far-node-to-pod n2 → 10.0.2.1 tcp 8080 × 3',
      'own-node-to-pod n1 → 10.0.2.1 tcp 8080 × 3',
      'node-to-node n1 → 192.0.2.2 icmp × 3',
      'pod-to-service n1 → 10.9.0.1 tcp 80 × 3',
      'pod-to-dns n1 → 10.9.0.10 udp 53 × 3',
    ]));

  it('gives each of the pings that are sent together a length of its own', () => {
    const planned = planProbes(question, facts, snapshots, 'cluster.local');
    const sizes = typeof planned === 'string' ? [] : planned.filter(({ protocol }) => protocol === 'icmp').map(({ echoBytes }) => echoBytes);
    expect(sizes).to.deep.equal([56, 57, 58, 59]);
  });

  it('asks each endpoint of a Service by itself', () => {
    const [service] = facts.services;
    const to: Endpoint = {
      word: 'svc/web',
      kind: 'service',
      label: 'svc d/web',
      ips: ['10.9.0.1'],
      ...(service ? { service } : {}),
      backends: [b],
      ports: [],
    };
    expect(told(planProbes({ ...question, to, destination: '10.9.0.1', port: 80 }, facts, snapshots, 'cluster.local')))
      .to.include('pod-to-endpoint n1 → 10.0.2.1 tcp 8080 × 3')
      .and.not.include('main-icmp n1 → 10.9.0.1 icmp × 3');
  });

  it("does not ask from the target's node when that could not be read", () =>
    expect(told(planProbes(question, facts, [snapshot('n1', [a])], 'cluster.local')).join()).to.not.include('far-node-to-pod'));

  it('says why nothing can be sent', () => {
    expect(planProbes(question, facts, [], 'cluster.local')).to.equal('node n1 could not be read');
    expect(planProbes(question, facts, [snapshot('n1', [])], 'cluster.local')).to.equal('no process of d/a was found on n1');
  });
});
