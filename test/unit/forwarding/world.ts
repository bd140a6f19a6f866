import type { ClusterFacts, NodeFacts, PodFacts } from '../../../src/cluster/facts.ts';
import type { World } from '../../../src/forwarding/world.ts';
import type { Address, Link, Netns, NodeSnapshot, Route } from '../../../src/node/snapshot.ts';
import { tablesFrom } from './iptables-text.ts';
import { kubeProxyAndFlannel } from './rules.ts';

/** Two nodes as flannel (VXLAN) and kube-proxy (iptables) leave them, with two pods on node1 and one on node2; tests then break something. */
export interface FlannelCluster extends World {
  node: (name: string) => NodeSnapshot;
  host: (name: string) => Netns;
  pod: (name: string) => Netns;
  podFacts: (name: string) => PodFacts;
}

interface NodePlan {
  name: string;
  index: number;
  ip: string;
  vtep: string;
  pods: { name: string; ip: string }[];
}

const plans: NodePlan[] = [
  {
    name: 'node1',
    index: 0,
    ip: '10.33.188.138',
    vtep: '3e:5c:aa:00:00:01',
    pods: [
      { name: 'web-0', ip: '10.244.0.4' },
      { name: 'web-1', ip: '10.244.0.5' },
    ],
  },
  { name: 'node2', index: 1, ip: '10.33.188.142', vtep: '3e:5c:aa:00:00:02', pods: [{ name: 'db-0', ip: '10.244.1.5' }] },
];

export const flannelCluster = (): FlannelCluster => {
  const snapshots = plans.map(snapshotOf);
  const facts = factsOf();
  const node = (name: string): NodeSnapshot => found(snapshots.find((snapshot) => snapshot.node === name));
  const podFacts = (name: string): PodFacts => found(facts.pods.find((pod) => pod.name === name));
  const pod = (name: string): Netns =>
    found(snapshots.flatMap((snapshot) => snapshot.namespaces).find((netns) => netns.podUid === podFacts(name).uid));
  return { snapshots, facts, node, host: (name) => found(node(name).namespaces[0]), pod, podFacts };
};

export const found = <T>(value: T | undefined): T => {
  if (value === undefined) throw new Error('the test names something that its world lacks');
  return value;
};

export const link = (netns: Netns, name: string): Link => found(netns.links.find((candidate) => candidate.name === name));

/** `ip route del` of every route that starts so: `10.244.1.0/24`. */
export const dropRoutes = (netns: Netns, destination: string): void => {
  netns.routes = netns.routes.filter((route) => route.destination !== destination);
};

/** Puts a rule at the head of a chain, as `iptables -I` does. */
export const insertRule = (netns: Netns, table: string, chain: string, text: string): void => {
  const target = found(netns.netfilter.iptables.find((candidate) => candidate.table === table)?.chains.find((candidate) => candidate.name === chain));
  const [made] = tablesFrom(`*${table}\n:${chain} - [0:0]\n-A ${chain} ${text}`)[0]?.chains[0]?.rules ?? [];
  target.rules = [found(made), ...target.rules].map((rule, index) => ({ ...rule, number: index + 1 }));
};

export const setPolicy = (netns: Netns, chain: string, policy: 'ACCEPT' | 'DROP'): void => {
  const filter = found(netns.netfilter.iptables.find((candidate) => candidate.table === 'filter'));
  found(filter.chains.find((candidate) => candidate.name === chain)).policy = policy;
};

export const emptyNetns = (inode: string, role: Netns['role']): Netns => ({
  inode,
  role,
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
});

export const makeLink = (ifindex: number, name: string, kind: string, more: Partial<Link> = {}): Link => ({
  ifindex,
  name,
  kind,
  mac: `02:00:00:00:${hex(ifindex >> 8)}:${hex(ifindex & 255)}`,
  mtu: 1500,
  up: true,
  carrier: true,
  operstate: 'UP',
  promiscuous: false,
  addresses: [],
  ...more,
});

const hex = (value: number): string => value.toString(16).padStart(2, '0');

export const address = (text: string): Address => {
  const [ip = '', prefix = '32'] = text.split('/');
  return { family: ip.includes(':') ? 6 : 4, address: ip, prefix: Number(prefix), scope: 'global', flags: [] };
};

const loopback = (): Link =>
  makeLink(1, 'lo', '', { mac: '00:00:00:00:00:00', mtu: 65536, addresses: [{ ...address('127.0.0.1/8'), scope: 'host' }] });

/** `10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink` */
export const route = (text: string): Route => {
  const words = text.split(' ');
  const after = (word: string): string | undefined => (words.includes(word) ? words[words.indexOf(word) + 1] : undefined);
  const destination = words[0] === 'default' ? '0.0.0.0/0' : (words[0] ?? '');
  const via = after('via');
  const device = after('dev');
  const source = after('src');
  return {
    family: destination.includes(':') ? 6 : 4,
    destination,
    table: after('table') ?? 'main',
    type: after('type') ?? 'unicast',
    ...(via === undefined ? {} : { gateway: via }),
    ...(device === undefined ? {} : { device }),
    ...(source === undefined ? {} : { source }),
    metric: Number(after('metric') ?? 0),
    protocol: 'static',
    scope: via === undefined ? 'link' : 'global',
    flags: words.includes('onlink') ? ['onlink'] : [],
    nexthops: [],
  };
};

const snapshotOf = (plan: NodePlan): NodeSnapshot => {
  const pods = plan.pods.map((pod, index) => podNetns(plan, pod, index));
  return {
    node: plan.name,
    clock: 1_700_000_000,
    kernel: '6.12.0',
    namespaces: [hostNetns(plan), ...pods],
    problems: [],
    files: {
      '/run/flannel/subnet.env': `FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.${plan.index}.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n`,
      '/etc/cni/net.d/10-flannel.conflist': '{"name":"cbr0","cniVersion":"0.3.1","plugins":[{"type":"flannel"},{"type":"portmap"}]}',
    },
    daemons: { kubelet: [100], 'kube-proxy': [200], flanneld: [300] },
    health: { 'kube-proxy': 200 },
  };
};

const podInode = (plan: NodePlan, index: number): string => String(4026532000 + plan.index * 100 + index + 1);
const hostInode = (plan: NodePlan): string => String(4026532000 + plan.index * 100);
const uidOf = (name: string): string => `uid-${name}`;
const podMac = (plan: NodePlan, index: number): string => `0a:58:0a:f4:0${plan.index}:0${index + 4}`;
const vethName = (name: string): string => `veth-${name}`;
const bridgeMac = (plan: NodePlan): string => `0a:58:0a:f4:0${plan.index}:01`;
const uplinkMac = (plan: NodePlan): string => `52:54:00:00:00:0${plan.index + 1}`;

const podNetns = (plan: NodePlan, pod: { name: string; ip: string }, index: number): Netns => ({
  ...emptyNetns(podInode(plan, index), 'pod'),
  podUid: uidOf(pod.name),
  pid: 1000 + plan.index * 100 + index,
  processes: 2,
  nsids: { '0': hostInode(plan) },
  links: [
    loopback(),
    makeLink(2, 'eth0', 'veth', {
      mac: podMac(plan, index),
      mtu: 1450,
      peerIfindex: 10 + index,
      linkNsid: 0,
      addresses: [address(`${pod.ip}/24`)],
    }),
  ],
  routes: [
    route(`default via 10.244.${plan.index}.1 dev eth0`),
    route(`10.244.${plan.index}.0/24 dev eth0 src ${pod.ip}`),
    route(`10.244.0.0/16 via 10.244.${plan.index}.1 dev eth0`),
  ],
  sockets: [{ protocol: 'tcp', family: 4, address: '0.0.0.0', port: 8080, dual: false, process: 'server' }],
});

const hostNetns = (plan: NodePlan): Netns => {
  const peers = plans.filter((peer) => peer.name !== plan.name);
  const base = emptyNetns(hostInode(plan), 'host');
  const bridge = { ifindex: 5, name: 'cni0' };
  return {
    ...base,
    pid: 1,
    processes: 50,
    nsids: Object.fromEntries(plan.pods.map((_, index) => [String(index), podInode(plan, index)])),
    links: [
      loopback(),
      makeLink(2, 'eth0', '', { mac: uplinkMac(plan), addresses: [address(`${plan.ip}/24`)] }),
      makeLink(4, 'flannel.1', 'vxlan', {
        mac: plan.vtep,
        mtu: 1450,
        operstate: 'UNKNOWN',
        addresses: [address(`10.244.${plan.index}.0/32`)],
        vxlan: { vni: 1, port: 8472, local: plan.ip, underlay: 'eth0', learning: false, external: false },
      }),
      makeLink(5, 'cni0', 'bridge', { mac: bridgeMac(plan), mtu: 1450, addresses: [address(`10.244.${plan.index}.1/24`)] }),
      ...plan.pods.map((pod, index) =>
        makeLink(10 + index, vethName(pod.name), 'veth', {
          mtu: 1450,
          peerIfindex: 2,
          linkNsid: index,
          master: bridge,
          bridgePort: { state: 'forwarding', hairpin: true, learning: true, flood: true, isolated: false, guard: false },
        }),
      ),
    ],
    routes: [
      route('default via 10.33.188.1 dev eth0'),
      route(`10.33.188.0/24 dev eth0 src ${plan.ip}`),
      route(`10.244.${plan.index}.0/24 dev cni0 src 10.244.${plan.index}.1`),
      ...peers.map((peer) => route(`10.244.${peer.index}.0/24 via 10.244.${peer.index}.0 dev flannel.1 onlink`)),
    ],
    neighbours: peers.flatMap((peer) => [
      {
        family: 4,
        address: `10.244.${peer.index}.0`,
        device: 'flannel.1',
        mac: peer.vtep,
        state: 'PERMANENT',
        proxy: false,
        router: false,
      },
      { family: 4, address: peer.ip, device: 'eth0', mac: uplinkMac(peer), state: 'REACHABLE', proxy: false, router: false },
    ]),
    fdb: [
      ...peers.map((peer) => ({ mac: peer.vtep, device: 'flannel.1', destination: peer.ip, flags: ['self', 'permanent'], state: 'permanent' })),
      ...plan.pods.map((pod, index) => ({ mac: podMac(plan, index), device: vethName(pod.name), master: 'cni0', flags: [], state: '' })),
    ],
    netfilter: { iptables: tablesFrom(kubeProxyAndFlannel(plan.index)), nft: [], ipsets: [] },
    sysctls: {
      'net.ipv4.ip_forward': '1',
      'net.ipv4.conf.all.forwarding': '1',
      'net.ipv4.conf.cni0.forwarding': '1',
      'net.ipv4.conf.eth0.forwarding': '1',
      'net.ipv4.conf.flannel.1.forwarding': '1',
      'net.ipv4.conf.all.rp_filter': '1',
      'net.ipv4.conf.flannel.1.rp_filter': '0',
      'net.bridge.bridge-nf-call-iptables': '1',
    },
    sockets: [{ protocol: 'tcp', family: 6, address: '::', port: 10250, dual: true, process: 'kubelet' }],
  };
};

const factsOf = (): ClusterFacts => ({
  pods: plans.flatMap((plan) => plan.pods.map((pod) => podFactsOf(plan.name, pod))),
  nodes: plans.map(nodeFactsOf),
  services: [
    {
      namespace: 'default',
      name: 'db',
      type: 'ClusterIP',
      clusterIps: ['10.96.0.50'],
      externalIps: [],
      selector: { app: 'db' },
      ports: [{ name: 'http', protocol: 'tcp', port: 80, targetPort: 8080 }],
      internalTrafficPolicy: 'Cluster',
      sessionAffinity: 'None',
    },
    {
      namespace: 'default',
      name: 'empty',
      type: 'ClusterIP',
      clusterIps: ['10.96.0.60'],
      externalIps: [],
      selector: { app: 'nothing' },
      ports: [{ protocol: 'tcp', port: 80, targetPort: 8080 }],
      internalTrafficPolicy: 'Cluster',
      sessionAffinity: 'None',
    },
  ],
  endpoints: [
    {
      service: { namespace: 'default', name: 'db' },
      ip: '10.244.1.5',
      ports: [{ name: 'http', port: 8080, protocol: 'tcp' }],
      ready: true,
      serving: true,
      terminating: false,
      node: 'node2',
      pod: { namespace: 'default', name: 'db-0' },
    },
  ],
  configMaps: { 'kube-flannel/kube-flannel-cfg': { 'net-conf.json': '{"Network":"10.244.0.0/16","Backend":{"Type":"vxlan"}}' } },
  notRead: [],
});

const podFactsOf = (node: string, { name, ip }: { name: string; ip: string }): PodFacts => ({
  namespace: 'default',
  name,
  uid: uidOf(name),
  node,
  ips: [ip],
  hostNetwork: false,
  phase: 'Running',
  ready: true,
  deleting: false,
  labels: { app: name.split('-')[0] ?? name },
  annotations: {},
  containers: [{ name: 'main', ports: [{ name: 'http', port: 8080, protocol: 'tcp' }], ready: true, restarts: 0 }],
});

const nodeFactsOf = (plan: NodePlan): NodeFacts => ({
  name: plan.name,
  ips: [plan.ip],
  podCidrs: [`10.244.${plan.index}.0/24`],
  ready: true,
  os: 'linux',
  arch: 'amd64',
  kernel: '6.12.0',
  labels: {},
  annotations: {
    'flannel.alpha.coreos.com/backend-type': 'vxlan',
    'flannel.alpha.coreos.com/backend-data': JSON.stringify({ VNI: 1, VtepMAC: plan.vtep }),
    'flannel.alpha.coreos.com/public-ip': plan.ip,
    'flannel.alpha.coreos.com/kube-subnet-manager': 'true',
  },
  unschedulable: false,
  taints: [],
});
