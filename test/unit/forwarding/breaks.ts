import type { Netns } from '../../../src/node/snapshot.ts';
import { tablesFrom } from './iptables-text.ts';
import { dropRoutes, type FlannelCluster, insertRule, link, route, setPolicy } from './world.ts';

/** One thing that breaks the cluster of world.ts, and what the model has to say of it. */
export interface Break {
  title: string;
  /** What is asked from pod web-0: pod db-0 on the other node unless it says otherwise. */
  to?: 'service' | 'neighbour';
  /** Bytes of the request, headers included. */
  length?: number;
  make: (cluster: FlannelCluster) => void;
  /** `unknown`: it leaves for a network that nobody read. */
  result: 'timeout' | 'refused' | 'unreachable' | 'unknown';
  /** `node interface` of the hop that ends it, where a hop does. */
  at?: string;
  /** `node interface` by which it leaves the nodes that were read. */
  leaves?: string;
  /** What a hop says, there or back. */
  says: RegExp;
}

const inPod = (netns: Netns, chain: string, rule: string): void => {
  netns.netfilter.iptables = tablesFrom(`*filter\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A ${chain} ${rule}\nCOMMIT`);
};

const addTable = (netns: Netns, text: string, backend: 'nft' | 'legacy' = 'nft'): void => {
  netns.netfilter.iptables.push(...tablesFrom(text, backend));
};

/** As the kernel does: what led over it is gone (fib_sync_down_dev). */
const takeDown = (netns: Netns, name: string): void => {
  Object.assign(link(netns, name), { up: false, carrier: false, operstate: 'DOWN' });
  netns.routes = netns.routes.filter(({ device }) => device !== name);
};

const editRules = (netns: Netns, edit: (text: string) => string | undefined): void => {
  for (const chain of netns.netfilter.iptables.flatMap(({ chains }) => chains)) {
    chain.rules = chain.rules.flatMap((rule) => {
      const text = edit(`${chain.name} ${rule.text}`);
      return text === undefined ? [] : [text === `${chain.name} ${rule.text}` ? rule : { ...rule, text: text.slice(chain.name.length + 1) }];
    });
  }
};

const filterRule = (title: string, rule: string, says: RegExp, more: Partial<Break> = {}): Break => ({
  title,
  make: (cluster) => insertRule(cluster.host('node1'), 'filter', 'FORWARD', rule),
  result: 'timeout',
  at: 'node1 cni0',
  says,
  ...more,
});

const rules: Break[] = [
  filterRule('a DROP for the source in FORWARD', '-s 10.244.0.4/32 -j DROP', /FORWARD -s 10\.244\.0\.4\/32 -j DROP/),
  filterRule('a DROP for the interface it leaves by', '-o flannel.1 -j DROP', /-o flannel\.1 -j DROP/),
  filterRule('a DROP for all but one source', '! -s 10.244.9.0/24 -p tcp -j DROP', /! -s 10\.244\.9\.0\/24/),
  filterRule('a DROP for a range of ports', '-p tcp -m tcp --dport 8000:8100 -j DROP', /--dport 8000:8100/),
  filterRule('a DROP for several ports', '-p tcp -m multiport --dports 80,8080 -j DROP', /multiport --dports 80,8080/),
  filterRule('a DROP for SYNs', '-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j DROP', /--tcp-flags/),
  filterRule('a DROP for new connections', '-m conntrack --ctstate NEW -j DROP', /--ctstate NEW -j DROP/),
  filterRule('a REJECT', '-d 10.244.1.5/32 -j REJECT --reject-with icmp-port-unreachable', /REJECT/, { result: 'refused' }),
  filterRule('a REJECT by an administrator', '-d 10.244.1.5/32 -j REJECT --reject-with icmp-admin-prohibited', /REJECT/, { result: 'unreachable' }),
  {
    title: 'a DROP before everything else, in table raw',
    make: (cluster) => addTable(cluster.host('node1'), '*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -s 10.244.0.4/32 -j DROP\nCOMMIT'),
    result: 'timeout',
    at: 'node1 veth-web-0',
    says: /PREROUTING -s 10\.244\.0\.4\/32 -j DROP/,
  },
  {
    title: 'a DROP behind a jump that comes back',
    make: (cluster) =>
      addTable(
        cluster.host('node1'),
        '*mangle\n:FORWARD ACCEPT [0:0]\n:AWAY - [0:0]\n:NESTED - [0:0]\n-A FORWARD -j AWAY\n-A AWAY -j NESTED\n-A AWAY -d 10.244.1.5/32 -j DROP\n-A NESTED -j RETURN\nCOMMIT',
      ),
    result: 'timeout',
    at: 'node1 cni0',
    says: /-A AWAY -d 10\.244\.1\.5\/32 -j DROP/,
  },
  {
    title: 'a DROP behind a rule that accepts what is established',
    make: (cluster) =>
      addTable(
        cluster.host('node1'),
        '*mangle\n:FORWARD ACCEPT [0:0]\n-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A FORWARD -d 10.244.1.5/32 -j DROP\nCOMMIT',
      ),
    result: 'timeout',
    at: 'node1 cni0',
    says: /-A FORWARD -d 10\.244\.1\.5\/32 -j DROP/,
  },
  {
    title: 'a DROP in a chain that is jumped to late, whose own first rule jumps',
    make: (cluster) =>
      addTable(
        cluster.host('node1'),
        `*mangle\n:FORWARD ACCEPT [0:0]\n:LATE - [0:0]\n:NESTED - [0:0]\n${'-A FORWARD -s 192.0.2.1/32 -j ACCEPT\n'.repeat(5)}-A FORWARD -j LATE\n-A LATE -j NESTED\n-A LATE -d 10.244.1.5/32 -j DROP\n-A NESTED -s 192.0.2.1/32 -j ACCEPT\nCOMMIT`,
      ),
    result: 'timeout',
    at: 'node1 cni0',
    says: /-A LATE -d 10\.244\.1\.5\/32 -j DROP/,
  },
  {
    title: 'a DROP among rules of every other kind',
    make: (cluster) =>
      addTable(
        cluster.host('node1'),
        [
          '*mangle',
          ':FORWARD ACCEPT [0:0]',
          '-A FORWARD -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu',
          '-A FORWARD -p icmp -m icmp --icmp-type 8 -j ACCEPT',
          '-A FORWARD -m limit --limit 5/min -j LOG --log-prefix "seen: "',
          '-A FORWARD -m state --state INVALID -j DROP',
          '-A FORWARD -m nfacct --nfacct-name packets',
          '-A FORWARD -d 10.244.1.5/32 -p tcp -m multiport --dports 8000:8100 -j DROP',
          'COMMIT',
        ].join('\n'),
      ),
    result: 'timeout',
    at: 'node1 cni0',
    says: /multiport --dports 8000:8100 -j DROP/,
  },
  {
    title: 'a mark, and a DROP of what is marked',
    make: (cluster) =>
      addTable(
        cluster.host('node1'),
        '*mangle\n:FORWARD ACCEPT [0:0]\n-A FORWARD -s 10.244.0.4/32 -j MARK --set-xmark 0x10/0x10\n-A FORWARD -m mark --mark 0x10/0x10 -j DROP\nCOMMIT',
      ),
    result: 'timeout',
    at: 'node1 cni0',
    says: /-m mark --mark 0x10\/0x10 -j DROP/,
  },
  {
    title: 'a DROP of legacy iptables beside the rules of iptables-nft',
    make: (cluster) => addTable(cluster.host('node1'), '*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -d 10.244.1.5/32 -j DROP\nCOMMIT', 'legacy'),
    result: 'timeout',
    at: 'node1 cni0',
    says: /FORWARD -d 10\.244\.1\.5\/32 -j DROP/,
  },
  {
    title: 'a drop of nftables itself',
    make: (cluster) => {
      const expr = [{ match: { op: '==', left: { payload: { protocol: 'ip', field: 'daddr' } }, right: '10.244.1.5' } }, { drop: null }];
      const chain = { name: 'c', type: 'filter', hook: 'forward', priority: 10, policy: 'accept', rules: [{ handle: 3, expr }] };
      cluster.host('node1').netfilter.nft.push({ family: 'inet', name: 'mine', chains: [chain], sets: [], objects: [] });
    },
    result: 'timeout',
    at: 'node1 cni0',
    says: /ip daddr 10\.244\.1\.5 drop/,
  },
  {
    title: 'VXLAN dropped where it arrives',
    make: (cluster) => insertRule(cluster.host('node2'), 'filter', 'INPUT', '-p udp -m udp --dport 8472 -j DROP'),
    result: 'timeout',
    at: 'node2 eth0',
    says: /INPUT -p udp -m udp --dport 8472 -j DROP/,
  },
  {
    title: 'FORWARD with the policy DROP and nothing that accepts',
    make: (cluster) => {
      const host = cluster.host('node1');
      setPolicy(host, 'FORWARD', 'DROP');
      editRules(host, (text) => (/-j (ACCEPT|FLANNEL-FWD)$/.test(text) ? undefined : text));
    },
    result: 'timeout',
    at: 'node1 cni0',
    says: /policy of FORWARD/,
  },
  {
    title: 'a rule in the pod that asks',
    make: (cluster) => inPod(cluster.pod('web-0'), 'OUTPUT', '-p tcp -m tcp --dport 8080 -j DROP'),
    result: 'timeout',
    at: 'node1 eth0',
    says: /OUTPUT -p tcp -m tcp --dport 8080 -j DROP/,
  },
  {
    title: 'a rule in the pod that is asked',
    make: (cluster) => inPod(cluster.pod('db-0'), 'INPUT', '-p tcp -m tcp --dport 8080 -j DROP'),
    result: 'timeout',
    at: 'node2 eth0',
    says: /INPUT -p tcp -m tcp --dport 8080 -j DROP/,
  },
  {
    title: 'replies dropped',
    make: (cluster) => insertRule(cluster.host('node1'), 'filter', 'FORWARD', '-s 10.244.1.5/32 -j DROP'),
    result: 'timeout',
    at: 'node1 flannel.1',
    says: /FORWARD -s 10\.244\.1\.5\/32 -j DROP/,
  },
];

const services: Break[] = [
  {
    title: 'a Service whose chain is empty',
    to: 'service',
    make: (cluster) => editRules(cluster.host('node1'), (text) => (text.startsWith('KUBE-SVC-') ? undefined : text)),
    result: 'timeout',
    leaves: 'node1 eth0',
    says: /10\.33\.188\.1/,
  },
  {
    title: 'a Service whose rules lead to an endpoint that is gone',
    to: 'service',
    make: (cluster) =>
      editRules(cluster.host('node1'), (text) => text.replace('--to-destination 10.244.1.5:8080', '--to-destination 10.244.1.9:8080')),
    result: 'timeout',
    at: 'node2 cni0',
    says: /10\.244\.1\.9/,
  },
  {
    title: 'a Service that the node has no rule for',
    to: 'service',
    make: (cluster) => editRules(cluster.host('node1'), (text) => (text.includes('-d 10.96.0.50/32') ? undefined : text)),
    result: 'timeout',
    leaves: 'node1 eth0',
    says: /10\.33\.188\.1/,
  },
  {
    title: 'a Service on the same bridge, without br_netfilter: the reply comes back untranslated',
    to: 'service',
    make: (cluster) => {
      const host = cluster.host('node1');
      host.sysctls['net.bridge.bridge-nf-call-iptables'] = '0';
      editRules(host, (text) => text.replaceAll('10.244.1.5', '10.244.0.5'));
    },
    result: 'timeout',
    says: /translat/,
  },
];

const links: Break[] = [
  {
    title: "the veth's end on the node down",
    make: (cluster) => takeDown(cluster.host('node2'), 'veth-db-0'),
    result: 'timeout',
    at: 'node2 cni0',
    says: /veth-db-0 is down|10\.244\.1\.5/,
  },
  {
    title: 'the veth off its bridge',
    make: (cluster) => {
      const veth = link(cluster.host('node2'), 'veth-db-0');
      delete veth.master;
      delete veth.bridgePort;
    },
    result: 'timeout',
    at: 'node2 cni0',
    says: /10\.244\.1\.5/,
  },
  {
    title: "the pod's interface down",
    make: (cluster) => takeDown(cluster.pod('web-0'), 'eth0'),
    result: 'unreachable',
    says: /down|no route/,
  },
  {
    title: 'the bridge down',
    make: (cluster) => takeDown(cluster.host('node2'), 'cni0'),
    result: 'timeout',
    leaves: 'node2 eth0',
    says: /10\.33\.188\.1/,
  },
  {
    title: 'the VXLAN device down',
    make: (cluster) => takeDown(cluster.host('node1'), 'flannel.1'),
    result: 'unknown',
    leaves: 'node1 eth0',
    says: /10\.33\.188\.1/,
  },
  {
    title: 'the uplink down',
    make: (cluster) => takeDown(cluster.host('node1'), 'eth0'),
    result: 'timeout',
    says: /no route/,
  },
];

const neighbours: Break[] = [
  {
    title: 'a wrong MAC written down for the pod',
    make: (cluster) =>
      cluster.host('node2').neighbours.push({
        family: 4,
        address: '10.244.1.5',
        device: 'cni0',
        mac: '02:de:ad:be:ef:00',
        state: 'PERMANENT',
        proxy: false,
        router: false,
      }),
    result: 'timeout',
    at: 'node2 cni0',
    says: /02:de:ad:be:ef:00/,
  },
  {
    title: 'no neighbour entry for the VTEP of the other node',
    make: (cluster) => {
      const host = cluster.host('node1');
      host.neighbours = host.neighbours.filter(({ device }) => device !== 'flannel.1');
    },
    result: 'timeout',
    at: 'node1 flannel.1',
    says: /10\.244\.1\.0/,
  },
  {
    title: 'no FDB entry for the VTEP of the other node',
    make: (cluster) => {
      const host = cluster.host('node1');
      host.fdb = host.fdb.filter(({ device }) => device !== 'flannel.1');
    },
    result: 'timeout',
    at: 'node1 flannel.1',
    says: /FDB|fdb|VTEP|nowhere/,
  },
  {
    title: 'an FDB entry that names a node which is not there',
    make: (cluster) => {
      const entry = cluster.host('node1').fdb.find(({ device }) => device === 'flannel.1');
      if (entry) entry.destination = '10.33.188.199';
    },
    result: 'unknown',
    says: /10\.33\.188\.199/,
  },
];

const routes: Break[] = [
  {
    title: "no route to the other node's pods",
    make: (cluster) => dropRoutes(cluster.host('node1'), '10.244.1.0/24'),
    result: 'unknown',
    leaves: 'node1 eth0',
    says: /10\.33\.188\.1/,
  },
  {
    title: 'no route back, with reverse-path filtering',
    make: (cluster) => dropRoutes(cluster.host('node2'), '10.244.0.0/24'),
    result: 'timeout',
    at: 'node2 flannel.1',
    says: /rp_filter=1 on flannel\.1/,
  },
  {
    title: 'no route back',
    make: (cluster) => {
      const host = cluster.host('node2');
      dropRoutes(host, '10.244.0.0/24');
      host.sysctls['net.ipv4.conf.all.rp_filter'] = '0';
    },
    result: 'unknown',
    leaves: 'node2 eth0',
    says: /10\.33\.188\.1/,
  },
  {
    title: 'no default route in the pod',
    to: 'service',
    make: (cluster) => {
      dropRoutes(cluster.pod('web-0'), '0.0.0.0/0');
    },
    result: 'unreachable',
    says: /no route/,
  },
  {
    title: 'a blackhole route',
    make: (cluster) => cluster.host('node1').routes.push({ ...route('10.244.1.5/32'), type: 'blackhole' }),
    result: 'timeout',
    at: 'node1 cni0',
    says: /blackhole/,
  },
  {
    title: 'an unreachable route',
    make: (cluster) => cluster.host('node1').routes.push({ ...route('10.244.1.5/32'), type: 'unreachable' }),
    result: 'unreachable',
    at: 'node1 cni0',
    says: /unreachable/,
  },
  {
    title: 'a prohibiting route',
    make: (cluster) => cluster.host('node1').routes.push({ ...route('10.244.1.5/32'), type: 'prohibit' }),
    result: 'unreachable',
    at: 'node1 cni0',
    says: /prohibit/,
  },
  {
    title: 'a rule that leads into a blackhole',
    make: (cluster) => {
      const lookup = (priority: number, table: string) => ({
        family: 4 as const,
        priority,
        not: false,
        from: 'all',
        to: 'all',
        table,
        action: 'lookup',
      });
      cluster.host('node1').rules = [
        lookup(0, 'local'),
        { family: 4, priority: 100, not: false, from: '10.244.0.4', to: 'all', action: 'blackhole' },
        lookup(32766, 'main'),
        lookup(32767, 'default'),
      ];
    },
    result: 'timeout',
    at: 'node1 cni0',
    says: /rule.*100|100.*blackhole|blackhole/,
  },
];

const sysctls: Break[] = [
  {
    title: 'forwarding switched off',
    make: (cluster) => {
      const { sysctls: settings } = cluster.host('node1');
      for (const name of Object.keys(settings)) if (/ip_forward|\.forwarding$/.test(name)) settings[name] = '0';
    },
    result: 'timeout',
    at: 'node1 cni0',
    says: /net\.ipv4\.(ip_forward|conf\.cni0\.forwarding)/,
  },
  {
    title: 'forwarding switched off on the bridge alone',
    make: (cluster) => {
      cluster.host('node1').sysctls['net.ipv4.conf.cni0.forwarding'] = '0';
    },
    result: 'timeout',
    at: 'node1 cni0',
    says: /net\.ipv4\.conf\.cni0\.forwarding/,
  },
  {
    title: 'strict reverse-path filtering where the way back differs',
    make: (cluster) => {
      const host = cluster.host('node2');
      dropRoutes(host, '10.244.0.0/24');
      host.routes.push(route('10.244.0.0/24 via 10.33.188.138 dev eth0'));
      host.sysctls['net.ipv4.conf.all.rp_filter'] = '1';
    },
    result: 'timeout',
    at: 'node2 flannel.1',
    says: /rp_filter/,
  },
];

const ends: Break[] = [
  {
    title: 'pods with a larger MTU than the tunnel takes',
    length: 1500,
    make: (cluster) => {
      link(cluster.pod('web-0'), 'eth0').mtu = 1500;
      link(cluster.host('node1'), 'veth-web-0').mtu = 1500;
      link(cluster.host('node1'), 'cni0').mtu = 1500;
      insertRule(cluster.host('node1'), 'filter', 'OUTPUT', '-p icmp -j DROP');
    },
    result: 'timeout',
    at: 'node1 cni0',
    says: /1450/,
  },
  {
    title: 'nobody listens',
    make: (cluster) => {
      cluster.pod('db-0').sockets = [];
    },
    result: 'refused',
    says: /./,
  },
];

export const breaks: Break[] = [...rules, ...services, ...links, ...neighbours, ...routes, ...sysctls, ...ends];
