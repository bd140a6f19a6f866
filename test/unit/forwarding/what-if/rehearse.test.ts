import { expect } from 'chai';
import { certain, predict } from '../../../../src/forwarding/predict.ts';
import { walk } from '../../../../src/forwarding/walk.ts';
import { rehearse } from '../../../../src/forwarding/what-if/rehearse.ts';
import type { World } from '../../../../src/forwarding/world.ts';
import { dropRoutes, type FlannelCluster, flannelCluster, insertRule, link, setPolicy } from '../world.ts';

const answerOf = (world: World, cluster: FlannelCluster, [destination, destinationPort]: readonly [string, number] = ['10.244.1.5', 8080]): string =>
  certain(
    predict(
      { source: '', destination, protocol: 'tcp', sourcePort: 40000, destinationPort },
      { node: 'node1', netns: cluster.pod('web-0').inode },
      world,
    ).forecast,
  );

/** A fault, the commands that a person would type against it, and what is asked. */
const remedies: { title: string; fault: (cluster: FlannelCluster) => void; commands: string[]; to?: readonly [string, number] }[] = [
  {
    title: 'deleting the rule that drops, by its number',
    fault: (cluster) => insertRule(cluster.host('node1'), 'filter', 'FORWARD', '-d 10.244.1.5/32 -j DROP'),
    commands: ['node1: iptables -D FORWARD 1'],
  },
  {
    title: 'deleting it by its words',
    fault: (cluster) => insertRule(cluster.host('node1'), 'filter', 'FORWARD', '-d 10.244.1.5/32 -p tcp -m tcp --dport 8080 -j DROP'),
    commands: ['node1: sudo iptables -w -t filter -D FORWARD --proto tcp --dport 8080 -d 10.244.1.5 -j DROP'],
  },
  {
    title: 'accepting before it',
    fault: (cluster) => insertRule(cluster.host('node2'), 'filter', 'FORWARD', '-j DROP'),
    commands: [
      'node2: iptables -I FORWARD 1 -s 10.244.0.0/16 -m comment --comment "for a try" -j ACCEPT',
      'node2: iptables -I FORWARD -d 10.244.0.0/16 -j ACCEPT',
    ],
  },
  {
    title: 'setting the policy of a chain',
    fault: (cluster) => {
      const host = cluster.host('node1');
      host.netfilter.iptables = host.netfilter.iptables.map((table) => ({
        ...table,
        chains: table.chains.map((chain) => ({ ...chain, rules: chain.name === 'FORWARD' ? [] : chain.rules })),
      }));
      setPolicy(host, 'FORWARD', 'DROP');
    },
    commands: ['node1: iptables -P FORWARD ACCEPT'],
  },
  {
    title: 'adding the route that is missing',
    fault: (cluster) => dropRoutes(cluster.host('node1'), '10.244.1.0/24'),
    commands: ['node1: ip route add 10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink'],
  },
  {
    title: 'adding a route to a gateway alone',
    fault: (cluster) => {
      for (const destination of ['10.244.0.0/16', '0.0.0.0/0']) dropRoutes(cluster.pod('web-0'), destination);
    },
    commands: ['default/web-0: ip route add default via 10.244.0.1'],
  },
  {
    title: 'adding the neighbour and the FDB entry of the other VTEP',
    fault: (cluster) => {
      const host = cluster.host('node1');
      host.neighbours = host.neighbours.filter(({ device }) => device !== 'flannel.1');
      host.fdb = host.fdb.filter(({ device }) => device !== 'flannel.1');
    },
    commands: [
      'node1: ip neigh replace 10.244.1.0 dev flannel.1 lladdr 3e:5c:aa:00:00:02 nud permanent',
      'node1: bridge fdb append 3e:5c:aa:00:00:02 dev flannel.1 dst 10.33.188.142 self permanent',
    ],
  },
  {
    title: 'switching forwarding on',
    fault: (cluster) => {
      for (const name of Object.keys(cluster.host('node1').sysctls)) if (/forward/.test(name)) cluster.host('node1').sysctls[name] = '0';
    },
    commands: ['node1: sysctl -w net.ipv4.ip_forward=1'],
  },
  {
    title: 'putting the veth back on its bridge',
    fault: (cluster) => {
      delete link(cluster.host('node2'), 'veth-db-0').master;
    },
    commands: ['node2: ip link set veth-db-0 master cni0'],
  },
  {
    title: 'taking the interface of the pod up again, with its default route',
    fault: (cluster) => {
      const netns = cluster.pod('web-0');
      link(netns, 'eth0').up = false;
      netns.routes = [];
    },
    commands: ['web-0: ip link set eth0 up', 'web-0: ip route add default via 10.244.0.1'],
  },
  {
    title: 'a rule for the endpoint of a Service',
    fault: (cluster) => {
      const host = cluster.host('node1');
      for (const { chains } of host.netfilter.iptables) for (const chain of chains) if (chain.name.startsWith('KUBE-SVC-')) chain.rules = [];
    },
    commands: ['node1: iptables -t nat -A KUBE-SVC-XPGD46QRK7WJZT7O -j KUBE-SEP-SXIVWICOYRO3J4NJ'],
    to: ['10.96.0.50', 80],
  },
];

describe('a fix, tried before it is typed', () => {
  for (const { title, fault, commands, to } of remedies) {
    it(`${title} makes it work`, () => {
      const cluster = flannelCluster();
      fault(cluster);
      expect(answerOf(cluster, cluster, to)).to.not.equal('ok');
      expect(answerOf(rehearse(cluster, commands), cluster, to)).to.equal('ok');
      expect(answerOf(cluster, cluster, to)).to.not.equal('ok', 'the world itself stays as it was');
    });
  }
});

describe('a rule that hands packets to a queue, tried', () => {
  const tries: [string, string, string][] = [
    ['node2: iptables -I FORWARD -j NFQUEUE --queue-num 7', 'timeout', 'unknown'],
    ['node2: iptables -I FORWARD -j NFQUEUE --queue-num 7 --queue-bypass', 'ok', 'unknown'],
    ['node2: iptables -I FORWARD -j NFQUEUE --queue-balance 8:9', 'timeout', 'timeout'],
    ...['queue num 7', 'queue to 7', 'queue flags fanout to 7', 'counter queue to symhash mod 1 offset 7'].map((words): [string, string, string] => [
      `node2: nft add rule inet guard fwd ${words}`,
      'timeout',
      'unknown',
    ]),
    ...['queue num 7 bypass', 'queue flags bypass to 7', 'queue flags bypass,fanout to 7-7', 'queue num 7-7 bypass,fanout'].map(
      (words): [string, string, string] => [`node2: nft add rule inet guard fwd ${words}`, 'ok', 'unknown'],
    ),
    ['node2: nft add rule inet guard fwd queue num 8-9', 'timeout', 'timeout'],
    ['node2: nft add rule inet guard fwd queue', 'timeout', 'timeout'],
  ];
  const chains = [{ name: 'fwd', type: 'filter', hook: 'forward', priority: 0, policy: 'accept', rules: [] }];
  const read = { number: 7, portId: 4711, waiting: 0, copies: 'packet', dropped: 0, userDropped: 0 } as const;
  for (const [command, unread, whenRead] of tries) {
    it(`${command}: ${unread} where nobody reads queue 7, ${whenRead} where a program does`, () => {
      const cluster = flannelCluster();
      const { netfilter } = cluster.host('node2');
      netfilter.nft = [{ family: 'inet', name: 'guard', chains, sets: [], objects: [] }];
      netfilter.queues = [];
      expect(answerOf(rehearse(cluster, [command]), cluster)).to.equal(unread);
      netfilter.queues = [read];
      expect(answerOf(rehearse(cluster, [command]), cluster)).to.equal(whenRead);
    });
  }
});

describe('a change, tried before it does harm', () => {
  const harm: [string, string][] = [
    ['node1: ip link set flannel.1 down', 'unknown'],
    ['node1: iptables -A OUTPUT -p udp --dport 8472 -j DROP', 'timeout'],
    ['node2: iptables -I INPUT -p udp --dport 8472 -j REJECT', 'timeout'],
    ['node2: ip route replace blackhole 10.244.1.5', 'timeout'],
    ['node1: ip rule add from 10.244.0.4 unreachable', 'unreachable'],
    ['node1: iptables-legacy -A FORWARD -s 10.244.0.0/24 -j DROP', 'timeout'],
    ['db-0: iptables -A INPUT -p tcp --dport 8080 -j REJECT --reject-with tcp-reset', 'refused'],
    ['node1: ip neigh replace 10.244.1.0 dev flannel.1 lladdr 02:00:00:00:00:99', 'timeout'],
    ['node1: sysctl net.ipv4.conf.cni0.forwarding=0', 'timeout'],
    ['node2: ip addr del 10.33.188.142/24 dev eth0', 'timeout'],
    ['node2: ip link del veth-db-0', 'timeout'],
    ['node2: bridge fdb replace 0a:58:0a:f4:01:04 dev veth-db-0 master static', 'ok'],
  ];
  for (const [command, answer] of harm) {
    it(`${command}: ${answer}`, () => {
      const cluster = flannelCluster();
      const changed = rehearse(cluster, [command]);
      expect(answerOf(changed, cluster)).to.equal(answer);
    });
  }

  it('shows the rule that was typed', () => {
    const cluster = flannelCluster();
    const changed = rehearse(cluster, ['node1: iptables -I FORWARD -d 10.244.1.5 -m comment --comment "not there" -j DROP']);
    const start = { node: 'node1', netns: cluster.pod('web-0').inode };
    const { hops } = walk({ source: '', destination: '10.244.1.5', protocol: 'tcp', destinationPort: 8080 }, start, changed);
    expect(hops.at(-1)?.stop?.decidedBy).to.contain('-A FORWARD -d 10.244.1.5 -m comment --comment "not there" -j DROP');
  });
});

describe('a command that cannot be tried', () => {
  const wrong: [string, RegExp][] = [
    ['iptables -D FORWARD 1', /expected NODE: COMMAND/],
    ['node9: ip link set eth0 up', /node9 is neither a node that was read \(node1, node2\) nor a pod/],
    ['node1: reboot', /reboot is not among the commands that can be tried: iptables/],
    ['node1: iptables -D FORWARD 99', /FORWARD has \d+ rules, and no rule 99/],
    ['node1: iptables -D FORWARD -s 10.9.9.9 -j DROP', /FORWARD has no such rule\. It has: 1\) /],
    ['node1: iptables -A NOWHERE -j DROP', /table filter has no chain NOWHERE/],
    ['node1: iptables -A FORWARD -j KUBE-NOT-THERE', /no chain KUBE-NOT-THERE to jump to/],
    ['node1: iptables -L', /nothing is changed/],
    ['node1: iptables -t nut -A FORWARD -j DROP', /no table nut/],
    ['node1: iptables -P FORWARD REJECT', /a policy is ACCEPT or DROP/],
    ['node1: iptables -X KUBE-FORWARD', /cannot be deleted: it has \d rules/],
    ['node1: ip route add 10.9.0.0/16 via 192.0.2.1', /left|no interface is on one link with 192\.0\.2\.1/],
    ['node1: ip route add 10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink', /already \(File exists\)/],
    ['node1: ip route del 10.77.0.0/16', /no route 10\.77\.0\.0\/16/],
    ['node1: ip route add 10.9.0.0/16 dev nothere', /no interface nothere/],
    ['node1: ip tunnel add', /tunnel cannot be tried; route, rule/],
    ['node1: ip link set nothere up', /no interface nothere/],
    ['node1: ip neigh del 10.1.1.1 dev eth0', /no entry for 10\.1\.1\.1 on eth0/],
    ['node1: sysctl -w kernel.panic=1', /does not decide about packets/],
    ['node1: nft add rule inet mine c drop', /no table inet mine; there are: none/],
    ['node1: nft add rule ip filter FORWARD drop', /ip filter is iptables-nft's: use iptables/],
    ['node1: ipset add nothere 10.0.0.1', /no set nothere/],
    ['node1: iptables -A FORWARD -j DROP; reboot', /is for a shell/],
    ['node1: iptables -A FORWARD -m comment --comment "open -j DROP', /quote is not closed/],
    ['node1: conntrack -F', /conntrack is not among the commands/],
  ];
  for (const [command, says] of wrong) {
    it(`${command}: says why`, () => {
      expect(() => rehearse(flannelCluster(), [command])).to.throw(says);
    });
  }
});
