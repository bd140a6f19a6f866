import { expect } from 'chai';
import { blindSpots } from '../../../src/diagnosis/blind-spots.ts';
import { allCauses } from '../../../src/diagnosis/causes.ts';
import { diagnose } from '../../../src/diagnosis/diagnose.ts';
import type { Evidence } from '../../../src/diagnosis/evidence.ts';
import { walk } from '../../../src/forwarding/walk.ts';
import { parseOvnFlows } from '../../../src/node/parse/ovn.ts';
import { tablesFrom } from '../forwarding/iptables-text.ts';
import { kubeProxyAndFlannel } from '../forwarding/rules.ts';
import {
  address,
  dropRoutes,
  emptyNetns,
  type FlannelCluster,
  flannelCluster,
  found,
  insertRule,
  link,
  makeLink,
  route,
  setPolicy,
} from '../forwarding/world.ts';
import { ask, probe, type Question } from './evidence.ts';

const codes = (evidence: Evidence): string[] => diagnose(evidence).findings.map(({ code }) => code);

const first = (evidence: Evidence) => found(diagnose(evidence).findings[0]);

const crossNode: Question = { from: 'web-0', to: 'db-0', outcome: 'timeout' };
const toService: Question = { from: 'web-0', to: 'db', port: 80, outcome: 'timeout' };

/** Fault → question → code. Each breaks one thing and is asked what it is. */
const table: { says: string; breaks: (cluster: FlannelCluster) => void; asks?: Question; code: string; names: string[] }[] = [
  {
    says: "the pod's own interface down",
    breaks: (cluster) => {
      Object.assign(link(cluster.pod('db-0'), 'eth0'), { up: false });
      Object.assign(link(cluster.host('node2'), 'veth-db-0'), { carrier: false });
      cluster.pod('db-0').routes = [];
    },
    code: 'ND1001',
    names: ['eth0', 'default/db-0', 'node2'],
  },
  {
    says: "the node's veth end down",
    breaks: (cluster) => {
      Object.assign(link(cluster.host('node1'), 'veth-web-0'), { up: false, carrier: false });
      Object.assign(link(cluster.pod('web-0'), 'eth0'), { carrier: false });
    },
    code: 'ND1002',
    names: ['veth-web-0', 'default/web-0', 'node1'],
  },
  {
    says: "the target node's veth end down",
    breaks: (cluster) => {
      Object.assign(link(cluster.host('node2'), 'veth-db-0'), { up: false, bridgePort: { state: 'disabled' } });
      Object.assign(link(cluster.pod('db-0'), 'eth0'), { carrier: false });
    },
    code: 'ND1002',
    names: ['veth-db-0', 'node2'],
  },
  {
    says: 'the source veth off its bridge',
    breaks: (cluster) => {
      delete link(cluster.host('node1'), 'veth-web-0').master;
    },
    code: 'ND1003',
    names: ['veth-web-0', 'cni0', 'node1'],
  },
  {
    says: 'the target veth off its bridge',
    breaks: (cluster) => {
      const host = cluster.host('node2');
      delete link(host, 'veth-db-0').master;
      host.fdb = host.fdb.filter((entry) => entry.device !== 'veth-db-0');
    },
    code: 'ND1003',
    names: ['veth-db-0', 'cni0', 'node2'],
  },
  {
    says: 'the bridge down',
    breaks: (cluster) => {
      Object.assign(link(cluster.host('node1'), 'cni0'), { up: false });
      dropRoutes(cluster.host('node1'), '10.244.0.0/24');
    },
    code: 'ND1004',
    names: ['cni0', 'node1'],
  },
  {
    says: 'the route to the other pods missing',
    breaks: (cluster) => dropRoutes(cluster.host('node1'), '10.244.1.0/24'),
    code: 'ND2102',
    names: ['node1', 'node2', '10.244.1.0/24'],
  },
  {
    says: 'the route back missing',
    breaks: (cluster) => dropRoutes(cluster.host('node2'), '10.244.0.0/24'),
    code: 'ND2102',
    names: ['node2', 'node1', '10.244.0.0/24'],
  },
  {
    says: 'the route to the other pods wrong',
    breaks: (cluster) => {
      dropRoutes(cluster.host('node1'), '10.244.1.0/24');
      cluster.host('node1').routes.push(route('10.244.1.0/24 via 10.33.188.99 dev eth0'));
    },
    code: 'ND2103',
    names: ['node1', 'node2'],
  },
  {
    says: 'a blackhole in place of the route',
    breaks: (cluster) => {
      dropRoutes(cluster.host('node1'), '10.244.1.0/24');
      cluster.host('node1').routes.push({ ...route('10.244.1.0/24 type blackhole') });
    },
    code: 'ND2103',
    names: ['node1', 'node2'],
  },
  {
    says: 'a blackhole for the one pod',
    breaks: (cluster) => cluster.host('node1').routes.push(route('10.244.1.5 type blackhole')),
    code: 'ND3006',
    names: ['blackhole', 'node1', '10.244.1.5'],
  },
  {
    says: 'the neighbour of flannel.1 missing',
    breaks: (cluster) => {
      const host = cluster.host('node1');
      host.neighbours = host.neighbours.filter(({ device }) => device !== 'flannel.1');
    },
    code: 'ND2104',
    names: ['flannel.1', 'node1', 'node2'],
  },
  {
    says: 'the neighbour of flannel.1 wrong',
    breaks: (cluster) =>
      Object.assign(found(cluster.host('node1').neighbours.find(({ device }) => device === 'flannel.1')), { mac: '02:de:ad:00:00:01' }),
    code: 'ND2105',
    names: ['flannel.1', 'node1', 'node2'],
  },
  {
    says: 'the FDB entry of flannel.1 missing',
    breaks: (cluster) => {
      const host = cluster.host('node1');
      host.fdb = host.fdb.filter(({ device }) => device !== 'flannel.1');
    },
    code: 'ND2106',
    names: ['flannel.1', 'node1', 'node2'],
  },
  {
    says: 'the FDB entry of flannel.1 wrong',
    breaks: (cluster) =>
      Object.assign(found(cluster.host('node1').fdb.find(({ device }) => device === 'flannel.1')), { destination: '10.33.188.99' }),
    code: 'ND2107',
    names: ['flannel.1', 'node1', 'node2'],
  },
  {
    says: 'a VTEP MAC that changed after it was announced',
    breaks: (cluster) => Object.assign(link(cluster.host('node2'), 'flannel.1'), { mac: '02:de:ad:00:00:02' }),
    code: 'ND2108',
    names: ['flannel.1', 'node2'],
  },
  {
    says: 'flannel.1 missing',
    breaks: (cluster) => {
      const host = cluster.host('node1');
      host.links = host.links.filter(({ name }) => name !== 'flannel.1');
      host.neighbours = host.neighbours.filter(({ device }) => device !== 'flannel.1');
      host.fdb = host.fdb.filter(({ device }) => device !== 'flannel.1');
      dropRoutes(host, '10.244.1.0/24');
    },
    code: 'ND2109',
    names: ['flannel.1', 'node1'],
  },
  {
    says: 'flannel.1 missing at the far end',
    breaks: (cluster) => {
      const host = cluster.host('node2');
      host.links = host.links.filter(({ name }) => name !== 'flannel.1');
      host.neighbours = host.neighbours.filter(({ device }) => device !== 'flannel.1');
      host.fdb = host.fdb.filter(({ device }) => device !== 'flannel.1');
      dropRoutes(host, '10.244.0.0/24');
    },
    code: 'ND2109',
    names: ['flannel.1', 'node2'],
  },
  {
    says: 'flannel.1 down',
    breaks: (cluster) => {
      Object.assign(link(cluster.host('node1'), 'flannel.1'), { up: false });
      dropRoutes(cluster.host('node1'), '10.244.1.0/24');
    },
    code: 'ND2110',
    names: ['flannel.1', 'node1'],
  },
  {
    says: 'ip_forward off',
    breaks: (cluster) => {
      const { sysctls } = cluster.host('node2');
      for (const name of Object.keys(sysctls).filter((key) => key.includes('forward'))) sysctls[name] = '0';
    },
    code: 'ND3001',
    names: ['node2', 'net.ipv4.ip_forward'],
  },
  {
    says: 'a FORWARD policy of DROP without flannel’s rule',
    breaks: (cluster) => {
      setPolicy(cluster.host('node2'), 'FORWARD', 'DROP');
      const filter = found(cluster.host('node2').netfilter.iptables.find(({ table: name }) => name === 'filter'));
      found(filter.chains.find(({ name }) => name === 'FLANNEL-FWD')).rules = [];
    },
    code: 'ND3002',
    names: ['FORWARD', 'node2', 'DROP'],
  },
  {
    says: 'a DROP rule in FORWARD',
    breaks: (cluster) => insertRule(cluster.host('node2'), 'filter', 'FORWARD', '-s 10.244.0.4/32 -d 10.244.1.5/32 -j DROP'),
    code: 'ND3003',
    names: ['FORWARD #1', 'node2'],
  },
  {
    says: 'a queue that no program reads',
    breaks: (cluster) => {
      insertRule(cluster.host('node2'), 'filter', 'FORWARD', '-s 10.244.0.4/32 -d 10.244.1.5/32 -j NFQUEUE --queue-num 100');
      cluster.host('node2').netfilter.queues = [];
    },
    code: 'ND3018',
    names: ['queue 100', 'node2'],
  },
  {
    says: 'a DROP rule on the way back only',
    breaks: (cluster) => insertRule(cluster.host('node1'), 'filter', 'FORWARD', '-d 10.244.0.4/32 -p tcp -m tcp --sport 8080 -j DROP'),
    code: 'ND3003',
    names: ['FORWARD #1', 'node1'],
  },
  {
    says: 'a REJECT rule in FORWARD',
    breaks: (cluster) =>
      insertRule(cluster.host('node1'), 'filter', 'FORWARD', '! -s 10.99.0.0/16 -d 10.244.1.0/24 -j REJECT --reject-with icmp-port-unreachable'),
    asks: { ...crossNode, outcome: 'refused' },
    code: 'ND3004',
    names: ['FORWARD #1', 'node1'],
  },
  {
    says: 'nobody listening',
    breaks: (cluster) => {
      cluster.pod('db-0').sockets = [{ protocol: 'tcp', family: 4, address: '0.0.0.0', port: 9090, dual: false, process: 'server' }];
    },
    asks: { ...crossNode, outcome: 'refused' },
    code: 'ND4001',
    names: ['default/db-0', '8080'],
  },
  {
    says: 'a server bound to loopback',
    breaks: (cluster) => {
      cluster.pod('db-0').sockets = [{ protocol: 'tcp', family: 4, address: '127.0.0.1', port: 8080, dual: false, process: 'server' }];
    },
    asks: { ...crossNode, outcome: 'refused' },
    code: 'ND4002',
    names: ['default/db-0', '127.0.0.1'],
  },
  {
    says: 'a Service whose selector matches no pod',
    breaks: () => undefined,
    asks: { from: 'web-0', to: 'empty', port: 80, outcome: 'refused' },
    code: 'ND4003',
    names: ['default/empty', 'app=nothing'],
  },
  {
    says: 'a targetPort nobody listens on',
    breaks: (cluster) => {
      cluster.pod('db-0').sockets = [{ protocol: 'tcp', family: 4, address: '0.0.0.0', port: 9090, dual: false, process: 'server' }];
    },
    asks: { ...toService, outcome: 'refused' },
    code: 'ND4004',
    names: ['default/db', '8080'],
  },
  {
    says: 'a targetPort name no container has',
    breaks: (cluster) => {
      Object.assign(found(cluster.facts.services[0]?.ports[0]), { targetPort: 'web' });
    },
    asks: { ...toService, outcome: 'refused' },
    code: 'ND4004',
    names: ['default/db', '"web"'],
  },
  {
    says: 'kube-proxy that lost its rules',
    breaks: (cluster) => {
      const host = cluster.host('node1');
      for (const { chains } of host.netfilter.iptables) {
        for (const chain of chains) if (chain.name === 'KUBE-SERVICES') chain.rules = [];
      }
      cluster.node('node1').health['kube-proxy'] = 0;
      cluster.node('node1').daemons['kube-proxy'] = [];
    },
    asks: toService,
    code: 'ND4005',
    names: ['node1', 'default/db'],
  },
  {
    says: 'rules for a Service that is gone',
    breaks: (cluster) => {
      cluster.facts.services = cluster.facts.services.filter(({ name }) => name !== 'db');
      cluster.facts.endpoints = [];
      cluster.pod('db-0').sockets = [];
    },
    asks: { from: 'web-0', to: '10.96.0.50', port: 80, outcome: 'refused' },
    code: 'ND4011',
    names: ['node1', 'default/db', '10.96.0.50:80', 'is gone'],
  },
  {
    says: 'a port that the Service does not have',
    breaks: () => undefined,
    asks: { from: 'web-0', to: '10.96.0.50', port: 81, outcome: 'timeout' },
    code: 'ND4012',
    names: ['default/db', '81/TCP'],
  },
  {
    says: 'an address of the range of Services that none has',
    breaks: (cluster) => {
      const daddr = { payload: { protocol: 'ip', field: 'daddr' } };
      const range = { match: { op: '==', left: daddr, right: { prefix: { addr: '10.96.0.0', len: 16 } } } };
      const check = { name: 'cluster-ips-check', rules: [{ handle: 9, expr: [range, { drop: null }] }] };
      const jump = {
        name: 'filter-forward',
        type: 'filter',
        hook: 'forward',
        priority: -110,
        policy: 'accept',
        rules: [{ handle: 8, expr: [{ jump: { target: 'cluster-ips-check' } }] }],
      };
      cluster.host('node1').netfilter.nft.push({ family: 'ip', name: 'kube-proxy', chains: [check, jump], sets: [], objects: [] });
    },
    asks: { from: 'web-0', to: '10.96.0.99', port: 80, outcome: 'timeout' },
    code: 'ND4012',
    names: ['10.96.0.99:80', 'No Service'],
  },
  {
    says: 'a Service for the own node only, which has no endpoint',
    breaks: (cluster) => {
      Object.assign(found(cluster.facts.services[0]), { internalTrafficPolicy: 'Local' });
      for (const { chains } of cluster.host('node1').netfilter.iptables)
        for (const chain of chains) if (chain.name === 'KUBE-SERVICES') chain.rules = chain.rules.filter(({ text }) => !text.includes('10.96.0.50'));
      const rule = '-d 10.96.0.50/32 -p tcp -m comment --comment "default/db:http has no local endpoints" -m tcp --dport 80 -j DROP';
      insertRule(cluster.host('node1'), 'filter', 'KUBE-SERVICES', rule);
    },
    asks: toService,
    code: 'ND4010',
    names: ['node1', 'default/db', 'internalTrafficPolicy'],
  },
  {
    says: "kube-proxy's rules that nothing leads to",
    breaks: (cluster) => {
      const nat = found(cluster.host('node1').netfilter.iptables.find(({ table: name }) => name === 'nat'));
      found(nat.chains.find(({ name }) => name === 'PREROUTING')).rules = [];
    },
    asks: toService,
    code: 'ND4005',
    names: ['node1', 'default/db', 'nothing leads packets to them'],
  },
  {
    says: 'a rule that refuses a Service that has an endpoint again',
    breaks: (cluster) => {
      const rule = '-d 10.96.0.50/32 -p tcp -m comment --comment "default/db:http has no endpoints" -m tcp --dport 80 -j REJECT';
      for (const { chains } of cluster.host('node1').netfilter.iptables)
        for (const chain of chains) if (chain.name === 'KUBE-SERVICES') chain.rules = chain.rules.filter(({ text }) => !text.includes('10.96.0.50'));
      insertRule(cluster.host('node1'), 'filter', 'KUBE-SERVICES', rule);
    },
    asks: { ...toService, outcome: 'refused' },
    code: 'ND4005',
    names: ['node1', 'default/db', 'refuses'],
  },
  {
    says: "a Service's chain that is empty",
    breaks: (cluster) => {
      for (const { chains } of cluster.host('node1').netfilter.iptables)
        for (const chain of chains) if (chain.name.startsWith('KUBE-SVC-')) chain.rules = [];
    },
    asks: toService,
    code: 'ND4009',
    names: ['node1', 'default/db', 'lead to no endpoint'],
  },
  {
    says: 'a chain of an endpoint that translates nothing',
    breaks: (cluster) => {
      for (const { chains } of cluster.host('node1').netfilter.iptables)
        for (const chain of chains) if (chain.name.startsWith('KUBE-SEP-')) chain.rules = [];
    },
    asks: toService,
    code: 'ND4009',
    names: ['node1', 'default/db', 'lead to no endpoint'],
  },
  {
    says: 'a missing masquerade rule',
    breaks: (cluster) => {
      const nat = found(cluster.host('node1').netfilter.iptables.find(({ table: name }) => name === 'nat'));
      found(nat.chains.find(({ name }) => name === 'FLANNEL-POSTRTG')).rules = [];
    },
    asks: { from: 'web-0', to: '10.1.1.7', port: 27017, outcome: 'timeout' },
    code: 'ND3008',
    names: ['node1', '10.244.0.4'],
  },
  {
    says: 'two ports that may not talk to each other',
    breaks: (cluster) => {
      for (const name of ['veth-web-0', 'veth-web-1']) Object.assign(found(link(cluster.host('node1'), name).bridgePort), { isolated: true });
    },
    asks: { ...crossNode, to: 'web-1' },
    code: 'ND1005',
    names: ['veth-web-1', 'cni0', 'isolated'],
  },
  {
    says: 'a port without hairpin mode, asked through the own Service',
    breaks: (cluster) => Object.assign(found(link(cluster.host('node2'), 'veth-db-0').bridgePort), { hairpin: false }),
    asks: { ...toService, from: 'db-0' },
    code: 'ND1005',
    names: ['veth-db-0', 'hairpin'],
  },
  {
    says: 'a pod that lost its address',
    breaks: (cluster) => {
      link(cluster.pod('db-0'), 'eth0').addresses = [];
    },
    code: 'ND1007',
    names: ['10.244.1.5', 'cni0', 'node2'],
  },
  {
    says: 'a MAC nobody announced otherwise',
    breaks: (cluster) => {
      for (const node of cluster.facts.nodes) delete node.annotations['flannel.alpha.coreos.com/backend-data'];
      Object.assign(link(cluster.host('node2'), 'flannel.1'), { mac: '02:de:ad:00:00:02' });
    },
    code: 'ND2112',
    names: ['flannel.1', 'node2', '02:de:ad:00:00:02'],
  },
  {
    says: 'a tunnel without entry, whose right value nobody announced',
    breaks: (cluster) => {
      for (const node of cluster.facts.nodes) delete node.annotations['flannel.alpha.coreos.com/backend-data'];
      cluster.host('node1').fdb = cluster.host('node1').fdb.filter(({ device }) => device !== 'flannel.1');
    },
    code: 'ND2113',
    names: ['flannel.1', 'node1'],
  },
  {
    says: 'strict reverse-path filtering of an asymmetric route',
    breaks: (cluster) => cluster.host('node2').routes.push(route('10.244.0.4 via 10.33.188.138 dev eth0')),
    code: 'ND3005',
    names: ['rp_filter', 'node2', 'flannel.1', '10.244.0.4'],
  },
  {
    says: "a node on the way that holds the target's address itself",
    breaks: (cluster) => link(cluster.host('node1'), 'lo').addresses.push(address('10.244.1.5/32')),
    asks: { ...crossNode, outcome: 'refused' },
    code: 'ND3017',
    names: ['node1', '10.244.1.5', 'lo'],
  },
  {
    says: 'a pod without default route',
    breaks: (cluster) => {
      cluster.pod('web-0').routes = [route('10.244.0.0/24 dev eth0 src 10.244.0.4')];
    },
    asks: { ...crossNode, outcome: 'no-route' },
    code: 'ND3007',
    names: ['default/web-0', '10.244.1.5'],
  },
  {
    says: "the node's uplink down",
    breaks: (cluster) => Object.assign(link(cluster.host('node1'), 'eth0'), { up: false, carrier: false }),
    code: 'ND3010',
    names: ['eth0', 'node1'],
  },
  {
    says: 'an endpoint that is gone',
    breaks: (cluster) => {
      Object.assign(found(cluster.facts.endpoints[0]), { ip: '10.244.1.9' });
    },
    asks: toService,
    code: 'ND4006',
    names: ['node1', 'default/db', '10.244.1.5'],
  },
  {
    says: 'replies that are bridged past the translation',
    breaks: (cluster) => {
      const host = cluster.host('node1');
      host.sysctls['net.bridge.bridge-nf-call-iptables'] = '0';
      host.netfilter.iptables = tablesFrom(kubeProxyAndFlannel(0).replaceAll('10.244.1.5', '10.244.0.5'));
      Object.assign(found(cluster.facts.endpoints[0]), { ip: '10.244.0.5' });
    },
    asks: { ...toService, outcome: 'timeout' },
    code: 'ND4007',
    names: ['10.244.0.5', '10.96.0.50:80', 'node1'],
  },
  {
    says: 'an address of the pod range that no pod has',
    breaks: () => undefined,
    asks: { from: 'web-0', to: '10.244.1.99', outcome: 'timeout' },
    code: 'ND4008',
    names: ['10.244.1.99', 'node2'],
  },
];

describe('each fault is named', () => {
  for (const { says, breaks, asks = crossNode, code, names } of table) {
    it(says, () => {
      const cluster = flannelCluster();
      breaks(cluster);
      const evidence = ask(cluster, asks);
      expect(codes(evidence)[0], JSON.stringify(diagnose(evidence).findings)).to.equal(code);
      for (const name of names) expect(first(evidence).title).to.include(name);
    });
  }

  it('and each is the only problem named', () => {
    for (const { says, breaks, asks = crossNode } of table) {
      const cluster = flannelCluster();
      breaks(cluster);
      const problems = diagnose(ask(cluster, asks)).findings.filter(({ severity }) => severity === 'problem');
      expect(
        problems.map(({ code }) => code),
        says,
      ).to.have.length(1);
    }
  });
});

describe('a path without fault', () => {
  it('gives no finding', () => {
    for (const asks of [
      { ...crossNode, outcome: 'answered' as const },
      { ...toService, outcome: 'answered' as const },
    ]) {
      expect(diagnose(ask(flannelCluster(), asks))).to.deep.equal({ findings: [], notes: [] });
    }
  });

  it('gives no finding when a rule that should stop it does not, but says so', () => {
    const cluster = flannelCluster();
    insertRule(cluster.host('node2'), 'filter', 'FORWARD', '-s 10.244.0.4/32 -j DROP');
    const { findings, notes } = diagnose(ask(cluster, { ...crossNode, outcome: 'answered' }));
    expect(findings).to.deep.equal([]);
    expect(notes[0]).to.include('5 of 5 answered').and.to.include('FORWARD #1');
  });
});

describe('underlay drops the tunnel', () => {
  const blocked = (nodes: 'answered' | 'timeout', cluster = flannelCluster()): Evidence => {
    const evidence = ask(cluster, crossNode);
    return { ...evidence, probes: [...evidence.probes, probe('node-to-node', 'node1', 'node2', '10.33.188.142', nodes)] };
  };

  /** Captures on both nodes: five probes left node1 wrapped, none came to node2. */
  const captured = (cluster = flannelCluster()): Evidence => {
    const evidence = blocked('answered', cluster);
    const hops = found(evidence.walks.main?.there).hops.slice(0, 5);
    const sighting = (hop: (typeof hops)[number], attempt: number) => ({
      node: hop.node,
      netns: hop.netns ?? '',
      interface: hop.interface,
      direction: hop.direction,
      time: 1,
      packet: hop.packet,
      wireLength: hop.tunnel ? 110 : 60,
      what: 'request' as const,
      attempt,
      ...(hop.tunnel ? { outer: { kind: hop.tunnel.kind, source: hop.tunnel.local, destination: hop.tunnel.remote } } : {}),
    });
    const netns = [...new Set(hops.map((hop) => hop.netns ?? ''))];
    evidence.taps = [
      ...netns.map((inode) => ({
        node: 'node1',
        netns: inode,
        dropped: 0,
        sightings: hops.filter((hop) => hop.netns === inode).flatMap((hop) => [0, 1, 2, 3, 4].map((attempt) => sighting(hop, attempt))),
      })),
      { node: 'node2', netns: found(evidence.snapshots[1]?.namespaces[0]).inode, dropped: 0, sightings: [] },
    ];
    return evidence;
  };

  it('is likely when all entries are right and the nodes reach each other', () => {
    expect(first(blocked('answered'))).to.include({ code: 'ND2101', confidence: 'likely' });
  });

  it('is certain when captures saw it leave and not arrive', () => {
    const evidence = captured();
    const finding = first(evidence);
    expect(finding).to.include({ code: 'ND2101', confidence: 'certain', hop: 4 });
    expect(finding.title).to.equal('The network between node1 and node2 drops VXLAN (UDP 8472).');
    expect(finding.fix.join('\n')).to.include('"DirectRouting": true').and.to.include('10.33.188.0/24');
    expect(finding.evidence.join('\n')).to.include('5 of 5 probes left node1 eth0 as UDP 8472, 0 arrived on node2 eth0');
  });

  it('is told before what would stop the packet behind it, which is possible only', () => {
    const cluster = flannelCluster();
    insertRule(cluster.host('node2'), 'filter', 'FORWARD', '-s 10.244.0.4/32 -j DROP');
    const evidence = captured(cluster);
    expect(evidence.walks.main?.there?.outcome).to.equal('stopped');
    const { findings, notes } = diagnose(evidence);
    expect(findings.map(({ code, confidence }) => `${code} ${confidence}`)).to.deep.equal(['ND2101 certain', 'ND3003 possible']);
    expect(findings[0]?.evidence.join()).not.to.include("flannel's own state");
    expect(findings[1]?.notes).to.include('No packet has come that far: this is what would stop it next.');
    expect(notes).to.deep.equal([]);
  });

  it('does not advise DirectRouting when the nodes share no subnet', () => {
    const cluster = flannelCluster();
    link(cluster.host('node2'), 'eth0').addresses = [address('10.33.189.142/24')];
    const node2 = found(cluster.facts.nodes[1]);
    node2.annotations['flannel.alpha.coreos.com/public-ip'] = '10.33.189.142';
    const vxlan = link(cluster.host('node2'), 'flannel.1').vxlan;
    Object.assign(found(vxlan), { local: '10.33.189.142' });
    Object.assign(found(cluster.host('node1').fdb.find(({ device }) => device === 'flannel.1')), { destination: '10.33.189.142' });
    const finding = first(ask(cluster, crossNode));
    expect(finding.code).to.equal('ND2101');
    expect(finding.fix.join('\n')).not.to.include('DirectRouting');
  });

  it('stays silent when plain traffic between the nodes is lost too', () => {
    expect(codes(blocked('timeout'))).to.deep.equal(['ND2001']);
  });

  describe('where an XDP program sees the packets before a capture', () => {
    /** A native program on node2's uplink, and what its driver says that it dropped. */
    const filtered = (before?: number, after?: number): Evidence => {
      const evidence = captured();
      const program = (snapshots: typeof evidence.snapshots, dropped: number | undefined) => {
        const eth0 = found(snapshots[1]?.namespaces[0]?.links.find(({ name }) => name === 'eth0'));
        eth0.xdp = { mode: 'native', id: 7, name: 'filter', ...(dropped === undefined ? {} : { dropped }) };
        return snapshots;
      };
      const earlier = program(structuredClone(evidence.snapshots), before);
      program(evidence.snapshots, after);
      const there = found(evidence.walks.main?.there);
      return { ...evidence, before: earlier, walks: { main: { there: walk(there.packet, found(there.start), evidence) } } };
    };

    it('is not certain', () => {
      const evidence = filtered();
      expect(first(evidence)).to.include({ code: 'ND2101', confidence: 'likely' });
      expect(blindSpots(evidence, found(evidence.walks.main?.there).hops)).to.deep.equal([
        'what the XDP program on eth0 of node2 does: it sees packets before any capture, and nothing tells what it drops',
      ]);
    });

    it('is certain all the same where the driver counts and has dropped nothing', () =>
      expect(first(filtered(100, 100))).to.include({ code: 'ND2101', confidence: 'certain' }));

    it('is not said where the driver counts as many drops as were lost', () => {
      const evidence = filtered(100, 105);
      expect(codes(evidence)).to.deep.equal(['ND3019']);
      const finding = first(evidence);
      expect(finding).to.deep.include({ confidence: 'certain', place: { node: 'node2', interface: 'eth0' }, hop: 5 });
      expect(finding.title).to.equal('An XDP program on eth0 of node2 drops it as it comes in.');
      expect(finding.evidence).to.include.members([
        'XDP program filter (id 7, native) is on eth0',
        'the driver of eth0 counted 5 frames that XDP dropped while the probes ran',
        '5 of 5 were seen on node1 eth0, none on node2 eth0 or after it',
      ]);
      expect(finding.fix.join('\n')).to.include('ip link set dev eth0 xdp off');
    });

    it('stays open where it counts fewer, or far more than was sent', () => {
      expect(codes(filtered(100, 104))).to.deep.equal(['ND2101']);
      const findings = diagnose(filtered(100, 5000)).findings.map(({ code, confidence }) => `${code} ${confidence}`);
      expect(findings).to.deep.equal(['ND3019 likely', 'ND2101 likely']);
    });
  });

  describe('outside of any tunnel', () => {
    /** The same loss where pods' packets go bare from node to node. */
    const bare = (ping: 'answered' | 'timeout' = 'timeout'): Evidence => {
      const evidence = captured();
      const there = found(evidence.walks.main?.there);
      const { packet } = found(there.hops[0]);
      const hops = there.hops.map(({ tunnel: _, ...hop }) => ({ ...hop, packet }));
      return {
        ...evidence,
        walks: { main: { there: { ...there, hops } } },
        probes: [...evidence.probes, probe('main-icmp', 'default/web-0', 'default/db-0', '10.244.1.5', ping)],
        taps: evidence.taps.map((tap) => ({ ...tap, sightings: tap.sightings.map(({ outer: _, ...sighting }) => sighting) })),
      };
    };
    const hopsOf = (evidence: Evidence) => found(evidence.walks.main?.there).hops;

    it("is a matter of pods' addresses where nothing passes but what the nodes say to each other", () => {
      const evidence = bare();
      expect(codes(evidence)).to.deep.equal(['ND2114']);
      const finding = first(evidence);
      expect(finding).to.deep.include({ confidence: 'certain', hop: 4, place: { node: 'node1', interface: 'eth0' } });
      expect(finding.title).to.equal("The network between node1 and node2 drops packets with pods' addresses (10.244.0.4 → 10.244.1.5).");
      expect(finding.evidence).to.include('5 of 5 probes left node1 eth0 as 10.244.0.4 → 10.244.1.5, 0 arrived on node2 eth0');
      expect(finding.fix.join(' ')).to.include('source/destination check');
    });

    it('is a matter of the protocol where ping passes', () => {
      const finding = first(bare('answered'));
      expect(finding.title).to.equal('The network between node1 and node2 drops TCP 8080 from 10.244.0.4 to 10.244.1.5, and lets ping pass.');
      expect(finding.fix.join(' ')).to.include('Allow TCP 8080').and.not.include('AWS');
    });

    it('is not said of a way that is only assumed, nor of what nodes say to each other', () => {
      const assumed = bare();
      Object.assign(found(hopsOf(assumed)[2]), { unsure: "Cilium's BPF programs decide" });
      expect(codes(assumed)).to.deep.equal(['ND0001']);
      const nodes = bare();
      for (const hop of hopsOf(nodes)) hop.packet = { ...hop.packet, source: '10.33.188.138', destination: '10.33.188.142' };
      expect(codes(nodes)).to.deep.equal(['ND0001']);
    });

    it('is not said of what came by another interface than the one that was foreseen', () => {
      for (const evidence of [bare(), captured()]) {
        const [far] = evidence.taps.filter(({ node }) => node === 'node2');
        const near = found(evidence.taps.find(({ node }) => node === 'node1')?.sightings[0]);
        found(far).sightings = [{ ...near, node: 'node2', netns: found(far).netns, interface: 'eth1', direction: 'in' }];
        expect(codes(evidence).filter((code) => code.startsWith('ND21'))).to.deep.equal([]);
      }
    });

    it('is not said where the nodes do not reach each other at all', () => {
      const evidence = bare();
      for (const { request, attempts } of evidence.probes)
        if (request.purpose === 'node-to-node') for (const one of attempts) one.outcome = 'timeout';
      expect(codes(evidence)).to.deep.equal(['ND2001']);
    });
  });

  it('stays silent when the captures saw it arrive', () => {
    const evidence = blocked('answered');
    const there = found(evidence.walks.main?.there);
    evidence.taps = ['node1', 'node2'].map((node) => {
      const hops = there.hops.filter((hop) => hop.node === node && hop.where === 'host');
      return {
        node,
        netns: hops[0]?.netns ?? '',
        dropped: 0,
        sightings: hops.map((hop) => ({
          ...hop,
          netns: hop.netns ?? '',
          time: 1,
          wireLength: hop.tunnel ? 110 : 60,
          what: 'request' as const,
          attempt: 0,
          ...(hop.tunnel ? { outer: { kind: hop.tunnel.kind, source: hop.tunnel.local, destination: hop.tunnel.remote } } : {}),
        })),
      };
    });
    expect(codes(evidence)).to.deep.equal(['ND0001']);
    expect(first(evidence).evidence.join('\n')).to.include('node2');
  });
});

describe('a duplicate pod address', () => {
  const leaked = (outcome: Question['outcome']): Evidence => {
    const cluster = flannelCluster();
    const host = cluster.host('node2');
    const inode = '4026539999';
    host.links.push(makeLink(77, 'veth-leak', 'veth', { peerIfindex: 2, linkNsid: 9, master: { ifindex: 5, name: 'cni0' } }));
    host.nsids['9'] = inode;
    cluster.node('node2').namespaces.push({
      ...emptyNetns(inode, 'other'),
      processes: 0,
      seen: 'links',
      pinnedAt: ['/run/docker/netns/3f1c'],
      links: [makeLink(2, 'eth0', 'veth', { mac: '02:42:0a:e9:0e:91', peerIfindex: 77, linkNsid: 0, addresses: [address('10.244.1.5/24')] })],
    });
    return ask(cluster, { ...crossNode, outcome });
  };

  it('is found when one attempt of five is refused', () => {
    const finding = first(leaked(['answered', 'refused', 'answered', 'answered', 'answered']));
    expect(finding).to.include({ code: 'ND1101', confidence: 'likely' });
    expect(finding.evidence.join('\n'))
      .to.include('4 of 5 answered (refused)')
      .and.to.include('/run/docker/netns/3f1c')
      .and.to.include('no process inside')
      .and.to.include('4026539999');
    expect(finding.fix.join('\n')).to.include('ip link del veth-leak');
  });

  it('is certain when the reset carries the other MAC', () => {
    const evidence = leaked(['answered', 'refused', 'answered', 'answered', 'answered']);
    const packet = { source: '10.244.1.5', destination: '10.244.0.4', protocol: 'tcp' as const };
    evidence.taps = [
      {
        node: 'node2',
        netns: found(evidence.snapshots[1]?.namespaces[0]).inode,
        dropped: 0,
        sightings: [
          {
            node: 'node2',
            netns: '',
            interface: 'veth-leak',
            direction: 'in',
            time: 1,
            wireLength: 40,
            packet,
            sourceMac: '02:42:0a:e9:0e:91',
            what: 'reset',
            attempt: 1,
          },
        ],
      },
    ];
    const finding = first(evidence);
    expect(finding.confidence).to.equal('certain');
    expect(finding.evidence.join('\n')).to.include('the reset came from 02:42:0a:e9:0e:91 on bridge port veth-leak, not from the pod');
  });

  it('is reported even when every probe passes', () => {
    expect(first(leaked('answered'))).to.include({ code: 'ND1101', severity: 'problem', confidence: 'possible' });
  });
});

describe('a loss nobody can explain', () => {
  it('is said to be one', () => {
    const evidence = ask(flannelCluster(), { ...crossNode, to: 'web-1' });
    expect(first(evidence)).to.include({ code: 'ND0001', severity: 'problem' });
    expect(first(evidence).title).to.include('no known cause');
  });

  it('also when it is intermittent', () => {
    const evidence = ask(flannelCluster(), { ...crossNode, outcome: ['answered', 'timeout', 'answered', 'answered', 'answered'] });
    expect(first(evidence).title).to.include('Only 4 of 5');
  });

  it('names the counters that rose with it', () => {
    const cluster = flannelCluster();
    const evidence = ask(cluster, { ...crossNode, to: 'web-1' });
    const before = structuredClone(cluster.snapshots);
    for (const [snapshots, count] of [
      [before, 7],
      [cluster.snapshots, 12],
    ] as const) {
      const host = snapshots[0]?.namespaces[0];
      if (host) host.counters = { 'TcpExt.IPReversePathFilter': count, 'Ip.InReceives': count * 100 };
    }
    expect(first({ ...evidence, before }).evidence.join('\n')).to.include('node1: TcpExt.IPReversePathFilter (rp_filter) rose by 5');
  });
});

describe('flows of Open vSwitch that drop', () => {
  const flow = (table: number, packets: number, rest: string): string =>
    ` cookie=0xb5e1af0f, duration=1592.9s, table=${table}, n_packets=${packets}, n_bytes=${packets * 42}, idle_age=4, ${rest} actions=drop`;
  const rises = (...lines: ((packets: number) => string)[]): string => {
    const cluster = flannelCluster();
    const evidence = ask(cluster, { ...crossNode, to: 'web-1' });
    const before = structuredClone(cluster.snapshots);
    for (const [snapshots, packets] of [
      [before, 56],
      [cluster.snapshots, 71],
    ] as const) {
      const { drops, ports } = parseOvnFlows(lines.map((line) => line(packets)).join('\n')).value;
      if (snapshots[0]) snapshots[0].ovn = { acls: [], portGroups: [], drops, ports };
    }
    return first({ ...evidence, before }).evidence.join('\n');
  };

  it('are named when they counted while probes were lost: port security', () => {
    expect(rises((packets) => flow(9, packets, 'priority=50,reg0=0x8000/0x8000,metadata=0x3'))).to.include(
      'node1: drop flow of br-int table 9 priority 50 reg0=0x8000/0x8000,metadata=0x3 (port security: an address the port may not use) rose by 15',
    );
  });

  it('are named when they counted while probes were lost: a port that br-int does not know', () => {
    expect(rises((packets) => flow(0, packets, 'priority=0'))).to.include(
      'node1: drop flow of br-int table 0 priority 0 (of a port the switch does not know) rose by 15',
    );
  });

  it('are named as they are where somebody else made them', () => {
    expect(rises((packets) => flow(0, packets, 'priority=500,icmp,icmp_type=0'))).to.include(
      'node1: drop flow of br-int table 0 priority 500 icmp,icmp_type=0 rose by 15',
    );
  });

  it('are not named when they count what is delivered as well, or did not count', () => {
    const evidence = rises(
      (packets) => flow(40, packets, 'priority=0'),
      () => flow(41, 12, 'priority=100,metadata=0x4'),
    );
    expect(evidence).to.not.include('drop flow');
  });
});

describe('rules for the former address of a Service', () => {
  it('are worth a warning while they still lead to its pods', () => {
    const cluster = flannelCluster();
    Object.assign(found(cluster.facts.services[0]), { clusterIps: ['10.96.0.77'] });
    const { findings } = diagnose(ask(cluster, { from: 'web-0', to: '10.96.0.50', port: 80, outcome: 'answered' }));
    expect(findings.map(({ code, severity, title }) => `${code} ${severity} ${title}`)).to.deep.equal([
      'ND4011 warning kube-proxy on node1 still has rules for 10.96.0.50:80: of Service default/db, which has 10.96.0.77 now.',
    ]);
  });
});

describe('a Service that is not right on a node, and answers all the same', () => {
  const warnings = (change: (cluster: FlannelCluster) => void): string[] => {
    const cluster = flannelCluster();
    change(cluster);
    return diagnose(ask(cluster, { ...toService, outcome: 'answered' })).findings.map(
      ({ code, severity, confidence }) => `${code} ${severity} ${confidence}`,
    );
  };
  const stale = (cluster: FlannelCluster, more: object = {}): void => {
    Object.assign(found(cluster.facts.endpoints[0]), { ip: '10.244.1.9', ...more });
  };

  it('is worth a warning', () => expect(warnings((cluster) => stale(cluster))).to.deep.equal(['ND4006 warning possible']));

  it('is not, while kube-proxy may still be writing what has just changed', () => {
    const just = new Date((flannelCluster().node('node1').clock - 3) * 1000).toISOString();
    const before = new Date((flannelCluster().node('node1').clock - 60) * 1000).toISOString();
    expect(warnings((cluster) => stale(cluster, { changed: just }))).to.deep.equal([]);
    expect(warnings((cluster) => stale(cluster, { changed: before }))).to.deep.equal(['ND4006 warning possible']);
  });

  it('says when kube-proxy wrote last, and who else may have changed its rules', () => {
    const cluster = flannelCluster();
    stale(cluster, { changed: '2023-11-14T20:00:00Z' });
    cluster.node('node1').proxyWrote = { 4: '2023-11-14T21:00:00.000Z' };
    const finding = first(ask(cluster, { ...toService, outcome: 'timeout' }));
    expect(finding.evidence).to.include('kube-proxy on node1 last wrote its IPv4 rules 2023-11-14T21:00:00.000Z');
    expect(finding.notes.join()).to.include('something else has changed them since');
  });

  it('is nobody-knows-whose fault where Cilium serves pods', () => {
    const add = (cluster: FlannelCluster): void => {
      stale(cluster);
      for (const name of ['cilium_host', 'cilium_net', 'cilium_vxlan']) cluster.host('node1').links.push(makeLink(60, name, 'veth'));
      const node = cluster.node('node1');
      node.files = {};
      node.daemons = { 'cilium-agent': [1], 'kube-proxy': [2] };
      cluster.host('node1').links = cluster.host('node1').links.filter(({ name }) => name !== 'flannel.1');
    };
    const cluster = flannelCluster();
    add(cluster);
    const found6 = diagnose(ask(cluster, { ...toService, outcome: 'timeout' })).findings.find(({ code }) => code === 'ND4006');
    expect(`${found6?.severity} ${found6?.confidence} ${found6?.notes.join()}`).to.match(
      /^warning possible cilium serves Services to pods by itself/,
    );
  });
});

describe('states that are said beside a failure', () => {
  it('a pod that is not ready, a node that is NotReady', () => {
    const cluster = flannelCluster();
    Object.assign(cluster.podFacts('db-0'), { ready: false });
    Object.assign(found(cluster.facts.nodes[1]), { ready: false, notReadyReason: 'KubeletNotReady: container runtime is down' });
    const findings = diagnose(ask(cluster, crossNode)).findings.filter(({ severity }) => severity === 'warning');
    expect(findings.map(({ code }) => code)).to.deep.equal(['ND1201', 'ND2002']);
  });
});

describe('every cause', () => {
  it('has a test here', () => {
    const elsewhere = ['ND0001', 'ND1101', 'ND1102', 'ND1201', 'ND2001', 'ND2002', 'ND2101', 'ND2114'];
    // what only the kernel can tell of: drops.test.ts
    const told = ['ND3011', 'ND3012', 'ND3013', 'ND3014', 'ND3015', 'ND3016', 'ND3019'];
    // policy.test.ts
    const policies = ['ND5001', 'ND5002', 'ND5003', 'ND5004', 'ND5005', 'ND5006'];
    const tested = new Set([...table.map(({ code }) => code), ...elsewhere, ...told, ...policies]);
    expect(allCauses.map(({ code }) => code).filter((code) => !tested.has(code))).to.deep.equal([]);
  });
});
