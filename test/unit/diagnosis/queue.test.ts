import { expect } from 'chai';
import { diagnose } from '../../../src/diagnosis/diagnose.ts';
import { meaningOf } from '../../../src/diagnosis/drops/meaning.ts';
import { queuesIn } from '../../../src/diagnosis/drops/packet-queues.ts';
import type { Evidence } from '../../../src/diagnosis/evidence.ts';
import type { Finding } from '../../../src/diagnosis/finding.ts';
import type { NftTable, PacketQueue } from '../../../src/node/netfilter-state.ts';
import type { Netns, NodeSnapshot } from '../../../src/node/snapshot.ts';
import type { Drop } from '../../../src/probe/observation.ts';
import { tablesFrom } from '../forwarding/iptables-text.ts';
import { type FlannelCluster, flannelCluster, found } from '../forwarding/world.ts';
import { queue } from '../packet-queue.ts';
import { objectsIn } from '../policy/world.ts';
import { ask, drops } from './evidence.ts';

/** What node2's host was found to have, at each reading; without the first there was but one. */
interface Reading {
  /** Packets that the rule counted, of 60 bytes. */
  counted: number;
  queues?: PacketQueue[];
}

const RULE = '-A FORWARD -d 10.244.1.0/24 -j NFQUEUE --queue-num 100';

const setUp = (netns: Netns, { counted, queues }: Reading, rule: string): void => {
  const text = `*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n[${counted}:${counted * 60}] ${rule}\nCOMMIT\n`;
  netns.netfilter = { ...netns.netfilter, iptables: tablesFrom(text), ...(queues ? { queues } : {}) };
};

/** As kube-network-policies makes it, or kindnet, which says bypass. */
const tableOf = (name: string, queued: { num: number; flags?: string }): NftTable => {
  const isTcp = { match: { op: '==', left: { meta: { key: 'l4proto' } }, right: 'tcp' } };
  const chain = { name: 'postrouting', type: 'filter', hook: 'postrouting', priority: 95, policy: 'accept' };
  return { family: 'inet', name, chains: [{ ...chain, rules: [{ handle: 9, expr: [isTcp, { queue: queued }] }] }], sets: [], objects: [] };
};

const hostOf = (snapshots: NodeSnapshot[]): Netns => found(snapshots.find(({ node }) => node === 'node2')?.namespaces[0]);

interface Incident {
  readings: [Reading, Reading];
  rule?: string;
  /** The kernel told of its drops. */
  drops?: boolean;
}

const evidenceOf = (cluster: FlannelCluster, { readings: [first, second], rule = RULE, drops: told = false }: Incident): Evidence => {
  const before = structuredClone(cluster.snapshots);
  setUp(hostOf(before), first, rule);
  setUp(cluster.host('node2'), second, rule);
  const evidence = { ...ask(cluster, { from: 'web-0', to: 'db-0', outcome: 'timeout' }), before };
  return told ? { ...evidence, drops: [{ node: 'node2', lostEvents: 0, drops: drops(cluster, QUEUED) }] } : evidence;
};

/** As the kernel tells of one that found no queue. */
const QUEUED: Partial<Drop> = { reason: 'NOT_SPECIFIED', function: 'nf_queue', stack: ['nf_queue', 'nf_hook_slow', 'ip_forward', 'ip_rcv'] };

/** The rule counts the probes, and the queues are as before. */
const meanwhile = (...queues: PacketQueue[]): Incident['readings'] => [
  { counted: 7, queues },
  { counted: 12, queues },
];

/** kindnet carries out policies, on so many of the two nodes, and one denies everything. */
const denyAll = ({ facts }: FlannelCluster, { ready }: { ready: number }): void => {
  const policy = 'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: none, namespace: default}\nspec: {podSelector: {}}\n';
  facts.daemonSets = [{ namespace: 'kube-system', name: 'kindnet', images: ['kindnetd:v2'], desired: 2, ready }];
  facts.policies = { namespaces: [{ name: 'default', labels: {} }], serviceAccounts: [], objects: objectsIn(policy) };
};

const firstOf = (incident: Incident, cluster = flannelCluster()): Finding => found(diagnose(evidenceOf(cluster, incident)).findings[0]);

const title = (words: string): string => `A rule on node2 hands it to ${words}.`;

describe('a queue that no program reads', () => {
  const unread: Incident = {
    readings: meanwhile(),
    drops: true,
  };

  it('is named with the rule, its counter and the kernel’s own word', () => {
    const finding = firstOf(unread);
    expect(finding).to.include({ code: 'ND3018', confidence: 'certain', severity: 'problem' });
    expect(finding.title).to.equal(title('queue 100, which no program reads: the kernel drops it'));
    expect(finding.evidence).to.include.members([
      `filter FORWARD #1, rule: ${RULE}`,
      'its counter rose by exactly the 5 lost probes: 5 packets, 300 bytes',
      'nobody has bound queue 100 (no queue is bound there)',
      'the kernel of node2 dropped 5 of 5 in nf_queue(), at the FORWARD hook, after it came in by flannel.1',
    ]);
    expect(finding.fix.join('\n')).to.include('nfnetlink_queue').and.include('iptables -t filter -D FORWARD 1').and.include('--queue-bypass');
  });

  it('is likely where the kernel was not asked', () => {
    const finding = firstOf({ ...unread, drops: false });
    expect(finding).to.include({ code: 'ND3018', confidence: 'likely' });
    expect(finding.evidence).to.include('its counter rose by 5 while the probes ran (7 → 12)');
  });

  it('is what the kernel says also where nobody read who reads what', () => {
    const finding = firstOf({ readings: [{ counted: 7 }, { counted: 12 }], drops: true });
    expect(finding).to.include({ code: 'ND3018', confidence: 'certain' });
    expect(finding.evidence.join('\n')).not.to.include('bound');
  });

  it('is one of several', () => {
    const rule = RULE.replace('--queue-num 100', '--queue-balance 100:103');
    const finding = firstOf({
      rule,
      readings: meanwhile(queue(101)),
      drops: true,
    });
    expect(finding.title).to.equal(title('one of queues 100-103, not all of which a program reads: the kernel drops it'));
  });

  it('is that of an agent we know: restart it', () => {
    const cluster = flannelCluster();
    const pod = {
      ...cluster.podFacts('db-0'),
      namespace: 'kube-system',
      name: 'kube-network-policies-x7k2p',
      uid: 'knp',
      ips: ['10.33.188.142'],
      hostNetwork: true,
    };
    cluster.facts.pods.push(pod);
    cluster.node('node2').daemons = { kubelet: [1] };
    cluster.host('node2').netfilter = { ...cluster.host('node2').netfilter, nft: [tableOf('kube-network-policies', { num: 100 })], queues: [] };
    const finding = found(diagnose(ask(cluster, { from: 'web-0', to: 'db-0', outcome: 'timeout' })).findings[0]);
    expect(finding.code).to.equal('ND3018');
    expect(finding.evidence).to.include('inet kube-network-policies postrouting handle 9, rule: meta l4proto tcp queue to 100');
    expect(finding.evidence).to.include('no kube-network-po process on node2');
    expect(finding.fix).to.include('$ kubectl -n kube-system delete pod kube-network-policies-x7k2p');
    expect(finding.fix.join('\n')).to.include('flags bypass');
    expect(finding.notes.join()).to.include('no policy that denies');
  });
});

describe('a queue that no program reads, with a rule that lets pass then', () => {
  it('is why a policy is not carried out', () => {
    const cluster = flannelCluster();
    denyAll(cluster, { ready: 1 });
    const { netfilter } = cluster.host('node2');
    netfilter.nft = [tableOf('kindnet-network-policies', { num: 101, flags: 'bypass' })];
    netfilter.queues = [];
    const told = (): string =>
      diagnose(ask(cluster, { from: 'web-0', to: 'db-0', outcome: 'answered' }))
        .findings.map(({ evidence }) => evidence.join('\n'))
        .join();
    expect(told()).to.include(
      'on node2 no program reads queue 101, and the rule that hands it there lets it pass then (bypass): inet kindnet-network-policies postrouting handle 9',
    );
    netfilter.queues = [queue(101)];
    expect(told()).to.include('no rule of it was found').and.not.include('queue 101');
  });
});

describe('a queue whose program does not do its part', () => {
  it('loses packets as it is too slow', () => {
    const finding = firstOf({
      readings: [
        { counted: 7, queues: [queue(100, { waiting: 1000 })] },
        { counted: 12, queues: [queue(100, { waiting: 1024, dropped: 5 })] },
      ],
      drops: true,
    });
    expect(finding).to.include({ code: 'ND3018', confidence: 'certain' });
    expect(finding.title).to.equal(title('queue 100, whose program does not keep up: the kernel drops it'));
    expect(finding.evidence).to.include('queue 100 is bound by netlink port 4711: 1000 → 1024 packets wait, 0 → 5 lost as it was full');
  });

  it('has bound it and asked for nothing', () => {
    const finding = firstOf({
      readings: meanwhile(queue(100, { copies: 'none' })),
      drops: true,
    });
    expect(finding.title).to.equal(title('queue 100, whose program never said what it wants to see: the kernel drops it'));
  });

  it('came back after the packets were lost', () => {
    const finding = firstOf({
      readings: [
        { counted: 7, queues: [] },
        { counted: 12, queues: [queue(100)] },
      ],
      drops: true,
    });
    expect(finding.title).to.equal(title('queue 100, whose program was not there when it came: the kernel dropped it'));
  });

  const hung: Incident = {
    readings: [
      { counted: 7, queues: [queue(100, { waiting: 3 })] },
      { counted: 12, queues: [queue(100, { waiting: 8 })] },
    ],
  };

  it('hangs, and the packets with it', () => {
    const finding = firstOf(hung);
    expect(finding).to.include({ code: 'ND3018', confidence: 'likely' });
    expect(finding.title).to.equal(title('queue 100, whose program lets nothing go on: it waits there'));
    expect(finding.evidence).to.include('queue 100 is bound by netlink port 4711: 3 → 8 packets wait');
  });

  it('loses packets, by its own figures where the kernel was not asked', () => {
    const finding = firstOf({
      readings: [
        { counted: 7, queues: [queue(100, { waiting: 1024, dropped: 3 })] },
        { counted: 12, queues: [queue(100, { waiting: 1024, dropped: 8 })] },
      ],
    });
    expect(finding.title).to.equal(title('queue 100, whose program does not keep up: the kernel drops it'));
    expect(finding.evidence).to.include('queue 100 is bound by netlink port 4711: 1024 packets wait, 3 → 8 lost as it was full');
  });

  it('is not suspected where nothing waits', () => {
    expect(
      firstOf({
        readings: meanwhile(queue(100, { waiting: 3 })),
      }).code,
    ).not.to.equal('ND3018');
  });
});

describe('a drop in nf_queue()', () => {
  it('is a rule’s, at the hook that called it', () =>
    expect(meaningOf({ function: 'nf_queue', stack: ['nf_queue', 'nf_hook_slow', 'ip_local_deliver', 'ip_rcv'], tunnelled: false })).to.deep.equal({
      kinds: ['queue'],
      hook: 'INPUT',
    }));
});

describe('a drop by the verdict of a program', () => {
  const refused = { reason: 'NOT_SPECIFIED', function: 'nf_reinject', stack: ['nf_reinject', 'nfqnl_recv_verdict', 'nfnetlink_rcv_msg'] };

  it('is told as that', () => {
    const cluster = flannelCluster();
    const evidence = evidenceOf(cluster, {
      readings: meanwhile(queue(100)),
      drops: true,
    });
    for (const result of evidence.drops) for (const one of result.drops) Object.assign(one, refused);
    const finding = found(diagnose(evidence).findings[0]);
    expect(finding).to.include({ code: 'ND3015', confidence: 'certain' });
    expect(finding.title).to.include('A program that a rule hands packets to (NFQUEUE, nft queue) refuses it on node2');
  });

  it('is a policy’s where one denies it', () => {
    const cluster = flannelCluster();
    denyAll(cluster, { ready: 2 });
    const evidence = evidenceOf(cluster, {
      readings: meanwhile(queue(100)),
      drops: true,
    });
    for (const result of evidence.drops) for (const one of result.drops) Object.assign(one, refused);
    expect(found(diagnose(evidence).findings[0]).code).to.equal('ND5001');
  });
});

describe('the queues of a rule', () => {
  const texts: [string, ReturnType<typeof queuesIn>][] = [
    ['-A FORWARD -j NFQUEUE --queue-num 7', { first: 7, last: 7 }],
    ['-A FORWARD -p tcp -j NFQUEUE --queue-balance 7:9 --queue-bypass --queue-cpu-fanout', { first: 7, last: 9 }],
    ['-A FORWARD -j NFQUEUE', { first: 0, last: 0 }],
    ['-A FORWARD -j QUEUE', { first: 0, last: 0 }],
    ['meta l4proto tcp counter queue to 100', { first: 100, last: 100 }],
    ['queue flags bypass,fanout to 100-103', { first: 100, last: 103 }],
    ['queue to numgen inc mod 3', undefined],
    ['tcp dport 80 drop', undefined],
    ['-A FORWARD -j DROP', undefined],
  ];
  for (const [text, range] of texts)
    it(`${text}: ${range ? `${range.first} to ${range.last}` : 'not known'}`, () => expect(queuesIn(text)).to.deep.equal(range));
});
