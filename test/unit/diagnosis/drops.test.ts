import { expect } from 'chai';
import { diagnose } from '../../../src/diagnosis/diagnose.ts';
import { countedExactly } from '../../../src/diagnosis/drops/counters.ts';
import { meaningOf } from '../../../src/diagnosis/drops/meaning.ts';
import type { Evidence } from '../../../src/diagnosis/evidence.ts';
import type { Drop } from '../../../src/probe/observation.ts';
import { tablesFrom } from '../forwarding/iptables-text.ts';
import { dropRoutes, type FlannelCluster, flannelCluster, found, insertRule } from '../forwarding/world.ts';
import { ask, drop, drops, type Question } from './evidence.ts';

const crossNode: Question = { from: 'web-0', to: 'db-0', outcome: 'timeout' };

/** All five attempts dropped alike. */
const dropped = (cluster: FlannelCluster, evidence: Evidence, more: Partial<Drop> = {}): Evidence => ({
  ...evidence,
  drops: [{ node: more.node ?? 'node2', lostEvents: 0, drops: drops(cluster, more) }],
});

const first = (evidence: Evidence) => found(diagnose(evidence).findings[0]);

/** What a rule of node2's filter table counted before and after the probes. */
const withCounters = (cluster: FlannelCluster, evidence: Evidence, [before, after]: [string, string]): Evidence => {
  const earlier = structuredClone(cluster.snapshots);
  const set = (snapshots: typeof earlier, counter: string): void => {
    const host = snapshots.find(({ node }) => node === 'node2')?.namespaces.find(({ role }) => role === 'host');
    // a match that no model knows, so that only the counter can tell
    const text = `*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n${counter} -A FORWARD -m nobodyknows --strange -j DROP\nCOMMIT\n`;
    if (host) host.netfilter.iptables = tablesFrom(text);
  };
  set(earlier, before);
  set(cluster.snapshots, after);
  return { ...evidence, before: earlier, snapshots: cluster.snapshots };
};

describe('a drop that the kernel tells of', () => {
  it('names the rule whose counter rose by exactly the probes, though no model understands it', () => {
    const cluster = flannelCluster();
    const evidence = withCounters(cluster, dropped(cluster, ask(cluster, crossNode), { reason: 'NETFILTER_DROP' }), ['[7:420]', '[12:720]']);
    const finding = first(evidence);
    expect(finding).to.include({ code: 'ND3003', confidence: 'certain' });
    expect(finding.title).to.equal('A firewall rule on node2 drops it: filter FORWARD #1.');
    expect(finding.evidence.join('\n'))
      .to.include('exactly the 5 lost probes: 5 packets, 300 bytes')
      .and.include('NETFILTER_DROP in nft_do_chain(), at the FORWARD hook');
  });

  it("is told with the counter of its own family's rule where the other family has the same one", () => {
    const cluster = flannelCluster();
    const twins = (counter: string) => {
      const text = `*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n${counter} -A FORWARD -p tcp -j DROP\nCOMMIT\n`;
      return [...tablesFrom(text.replace(counter, '[70:4200]'), 'nft', 6), ...tablesFrom(text)];
    };
    const node2 = (snapshots: typeof cluster.snapshots) => found(snapshots.find(({ node }) => node === 'node2')?.namespaces[0]).netfilter;
    const earlier = structuredClone(cluster.snapshots);
    node2(earlier).iptables = twins('[7:420]');
    node2(cluster.snapshots).iptables = twins('[12:720]');
    const finding = first({ ...ask(cluster, crossNode), before: earlier });
    expect(finding.code).to.equal('ND3003');
    expect(finding.evidence.join('\n')).to.include('its counter rose by 5 while the probes ran (7 → 12)');
  });

  it('is numbered as in the tables of its own family when it was traced', () => {
    const cluster = flannelCluster();
    const filter = (...rules: string[]) => `*filter\n:FORWARD ACCEPT [0:0]\n${rules.map((rule) => `-A FORWARD ${rule}\n`).join('')}COMMIT\n`;
    const forbidden = '-m nobodyknows --strange -j DROP';
    cluster.host('node2').netfilter.iptables = [
      ...tablesFrom(filter(forbidden), 'nft', 6),
      ...tablesFrom(filter('-p sctp -j ACCEPT', '-p dccp -j ACCEPT', forbidden)),
    ];
    const ref = { backend: 'iptables-nft' as const, table: 'filter', chain: 'FORWARD', text: `-A FORWARD ${forbidden}` };
    const finding = first({
      ...dropped(cluster, ask(cluster, crossNode), { reason: 'NETFILTER_DROP' }),
      ruleTraces: [{ node: 'node2', ends: [{ node: 'node2', ref, does: 'drop', packets: 5 }], legacy: [] }],
    });
    expect(finding.title).to.equal('A firewall rule on node2 drops it: filter FORWARD #3.');
  });

  it('is a rule without a name when no counter fits, and not certain', () => {
    const cluster = flannelCluster();
    const evidence = dropped(cluster, ask(cluster, crossNode), { reason: 'NETFILTER_DROP' });
    expect(first(evidence)).to.include({ code: 'ND3003', confidence: 'likely' });
    expect(first(evidence).title).to.include('node2').and.include('FORWARD hook');
  });

  it('is certain where the model ends it, too', () => {
    const cluster = flannelCluster();
    cluster.host('node2').sysctls['net.ipv4.ip_forward'] = '0';
    cluster.host('node2').sysctls['net.ipv4.conf.flannel.1.forwarding'] = '0';
    const evidence = dropped(cluster, ask(cluster, crossNode), { reason: 'IP_INADDRERRORS', function: 'ip_error', stack: ['ip_error'] });
    expect(first(evidence)).to.include({ code: 'ND3001', confidence: 'certain' });
    expect(diagnose(evidence).notes).to.deep.equal([]);
  });

  it('wins over a model that ends it elsewhere, and the report says so', () => {
    const cluster = flannelCluster();
    dropRoutes(cluster.host('node1'), '10.244.1.0/24');
    const evidence = dropped(cluster, ask(cluster, crossNode), { reason: 'TC_INGRESS', function: '__netif_receive_skb_core', stack: [] });
    expect(first(evidence)).to.include({ code: 'ND3011', confidence: 'certain' });
    expect(diagnose(evidence).notes.join('\n')).to.include('TC_INGRESS').and.include('node1');
  });

  it('contradicts no model that ends it farther on its way, where nobody can foresee it', () => {
    const cluster = flannelCluster();
    insertRule(cluster.host('node2'), 'filter', 'FORWARD', '-s 10.244.0.4/32 -j DROP');
    const tc = dropped(cluster, ask(cluster, crossNode), { reason: 'TC_INGRESS', function: '__netif_receive_skb_core', stack: [] });
    expect(first(tc)).to.include({ code: 'ND3011', confidence: 'certain' });
    expect(diagnose(tc).notes).to.deep.equal([]);
    const behind = dropped(cluster, ask(cluster, crossNode), { interface: 'veth-db-0', direction: 'out', reason: 'TC_EGRESS', stack: [] });
    expect(diagnose(behind).notes.join()).to.include('TC_EGRESS').and.include('FORWARD #1');
  });

  it('of a few by a traffic-control filter is certain where its qdisc dropped as many as were lost', () => {
    const cluster = flannelCluster();
    const evidence: Evidence = {
      ...ask(cluster, crossNode),
      drops: [{ node: 'node2', lostEvents: 9000, drops: [drop(cluster, { reason: 'TC_INGRESS', function: '__netif_receive_skb_core', stack: [] })] }],
    };
    const clsact = (dropped: number) => [{ device: 'flannel.1', kind: 'clsact', handle: 'ffff:', parent: 'ffff:fff1', packets: dropped, dropped }];
    const read = (before: number, after: number): Evidence => {
      const earlier = structuredClone(cluster.snapshots);
      found(earlier.find(({ node }) => node === 'node2')?.namespaces.find(({ role }) => role === 'host')).tc.qdiscs = clsact(before);
      cluster.host('node2').tc.qdiscs = clsact(after);
      return { ...evidence, before: earlier };
    };
    expect(first(read(100, 105))).to.include({ code: 'ND3011', confidence: 'certain' });
    expect(first(read(100, 105)).evidence).to.include('clsact of flannel.1 dropped 5 packets while the probes ran');
    for (const others of [104, 5000]) expect(first(read(100, others)), `${others}`).to.include({ code: 'ND3011', confidence: 'likely' });
    expect(first(evidence)).to.include({ code: 'ND3011', confidence: 'likely' });
  });

  it('explains some lost attempts of many', () => {
    const cluster = flannelCluster();
    const evidence = ask(cluster, { ...crossNode, outcome: ['answered', 'timeout', 'answered', 'answered', 'timeout'] });
    evidence.drops = [{ node: 'node2', lostEvents: 0, drops: [1, 4].map((attempt) => drop(cluster, { attempt, reason: 'NETFILTER_DROP' })) }];
    expect(first(evidence).evidence.join('\n')).to.include('dropped 2 of 5');
  });

  describe('of one lost attempt in five', () => {
    const few = (cluster: FlannelCluster, evidence: Evidence): Evidence => ({
      ...evidence,
      drops: [
        {
          node: 'node2',
          lostEvents: 0,
          drops: [drop(cluster, { attempt: 1, reason: 'SOCKET_FILTER', function: 'udp_queue_rcv_one_skb', stack: [] })],
        },
      ],
    });

    it('does not outweigh a prediction that no packet refutes, and the report says so', () => {
      const cluster = flannelCluster();
      dropRoutes(cluster.host('node1'), '10.244.1.0/24');
      const evidence = few(cluster, ask(cluster, crossNode));
      expect(first(evidence).code).to.equal('ND2102');
      expect(diagnose(evidence).notes.join('\n')).to.include('SOCKET_FILTER');
    });

    it('makes nothing certain by itself', () => {
      const cluster = flannelCluster();
      expect(first(few(cluster, ask(cluster, crossNode)))).to.include({ code: 'ND3015', confidence: 'likely' });
    });
  });

  it('does not count for an attempt that was answered', () => {
    const cluster = flannelCluster();
    const evidence = dropped(cluster, ask(cluster, { ...crossNode, outcome: 'answered' }), { reason: 'NETFILTER_DROP' });
    expect(diagnose(evidence).findings).to.deep.equal([]);
  });

  it('of a reply is told as that', () => {
    const cluster = flannelCluster();
    const evidence = dropped(cluster, ask(cluster, crossNode), {
      node: 'node1',
      netns: cluster.host('node1').inode,
      what: 'reply',
      reason: 'NETFILTER_DROP',
    });
    expect(first(evidence).evidence.join('\n')).to.include('The request arrives').and.include('the kernel of node1');
  });

  for (const [reason, code, more] of [
    ['QDISC_DROP', 'ND3012', {}],
    ['IP_INHDR', 'ND3013', { function: 'ip_forward', stack: ['ip_forward'] }],
    ['PKT_TOO_BIG', 'ND3014', { function: 'ip_forward', stack: ['ip_forward'] }],
    ['XDP', 'ND3019', {}],
    ['UDP_CSUM', 'ND3015', {}],
    ['IP_RPFILTER', 'ND3005', { function: 'ip_rcv_finish_core' }],
    ['NEIGH_FAILED', 'ND1007', { function: 'neigh_invalidate', interface: 'cni0' }],
    ['OTHERHOST', 'ND2112', { function: 'ip_rcv_core' }],
    ['VXLAN_VNI_NOT_FOUND', 'ND2112', { interface: 'eth0', tunnelled: true }],
    ['NO_SOCKET', 'ND2112', { interface: 'eth0', tunnelled: true, function: '__udp4_lib_rcv' }],
  ] as [string, string, Partial<Drop>][]) {
    it(`for ${reason} is ${code}`, () => {
      const cluster = flannelCluster();
      const finding = first(dropped(cluster, ask(cluster, crossNode), { reason, stack: [], ...more }));
      expect(finding).to.include({ code, confidence: 'certain' });
      expect(finding.title).to.include('node2');
    });
  }
});

describe('what a drop means', () => {
  const meaning = (more: Partial<Drop>) => meaningOf(drop(flannelCluster(), more));

  it('is told by the function where a kernel has no reasons', () => {
    expect(meaning({ function: 'nf_hook_slow', stack: ['nf_hook_slow', 'ip_forward', 'ip_rcv'] })).to.deep.equal({
      kinds: ['rule', 'policy', 'reject'],
      hook: 'FORWARD',
    });
    expect(meaning({ function: 'neigh_invalidate', stack: ['neigh_invalidate', 'neigh_timer_handler'] }).kinds[0]).to.equal('no-neighbour');
    for (const place of ['do_xdp_generic', 'veth_xdp_rcv_skb'])
      expect(meaning({ reason: 'NOT_SPECIFIED', function: place, stack: [place] }).kinds).to.deep.equal(['xdp']);
    expect(meaning({ function: 'somewhere_new', stack: [] }).kinds).to.deep.equal(['other']);
  });

  it('knows the hook by who called netfilter', () => {
    const hookOf = (...stack: string[]) =>
      meaning({ reason: 'NETFILTER_DROP', stack: ['nft_do_chain', 'nft_do_chain_inet', 'nf_hook_slow', ...stack] }).hook;
    expect(hookOf('ip_local_deliver', 'ip_rcv')).to.equal('INPUT');
    expect(hookOf('ip_rcv', '__netif_receive_skb_one_core')).to.equal('PREROUTING');
    expect(hookOf('__ip_local_out', 'ip_local_out')).to.equal('OUTPUT');
    expect(hookOf('ip_output', 'ip_forward_finish')).to.equal('POSTROUTING');
    expect(hookOf('ip6_forward')).to.equal('FORWARD');
    expect(hookOf('br_forward')).to.equal('bridge');
    expect(hookOf('__netif_receive_skb_core')).to.equal('ingress');
  });
});

describe('a counter that rose', () => {
  const groups = [
    { probe: '1', packets: 5, bytes: 300 },
    { probe: '2', packets: 3, bytes: 252 },
    { probe: '3', packets: 3, bytes: 180 },
  ];
  it('fits the question alone, or with checks that met the same rule', () => {
    expect(countedExactly({ packets: 5, bytes: 300 }, groups, '1')?.map(({ probe }) => probe)).to.deep.equal(['1']);
    expect(countedExactly({ packets: 8, bytes: 552 }, groups, '1')?.map(({ probe }) => probe)).to.deep.equal(['1', '2']);
  });
  it('fits though an event of the kernel was missed: the rule counted what was lost', () => {
    const missed = [{ probe: '1', packets: 4, bytes: 240, attempts: 5 }, ...groups.slice(1)];
    const packets = (counted: { packets: number; bytes: number }): string[] | undefined =>
      countedExactly(counted, missed, '1')?.map((group) => `${group.probe}: ${group.packets}`);
    expect(packets({ packets: 5, bytes: 300 })).to.deep.equal(['1: 5']);
    expect(packets({ packets: 8, bytes: 552 })).to.deep.equal(['1: 5', '2: 3']);
    expect(packets({ packets: 4, bytes: 240 })).to.deep.equal(['1: 4']);
    expect(packets({ packets: 6, bytes: 360 })).to.equal(undefined);
  });
  it('does not fit by number alone, nor without the question', () => {
    expect(countedExactly({ packets: 5, bytes: 420 }, groups, '1')).to.equal(undefined);
    expect(countedExactly({ packets: 3, bytes: 252 }, groups, '1')).to.equal(undefined);
  });
});
