import { expect } from 'chai';
import { judgeDrops } from '../../../src/doctor/judge-drops.ts';
import type { NodeSnapshot } from '../../../src/node/snapshot.ts';
import type { DropRow, DropsReport } from '../../../src/report/drops-report.ts';
import { type FlannelCluster, flannelCluster, found, insertRule, setPolicy } from '../forwarding/world.ts';
import { cooked2, ipv4, tcp, udp } from '../probe/packets.ts';
import { type MadeWatch, makeWatch } from './watch-output.ts';

const SYN = 2;
const OUT = 4;
const FORWARD = ['nft_do_chain', 'nft_do_chain_ipv4', 'nf_hook_slow', 'ip_forward', 'ip_rcv'];

const ip = (bytes: Buffer, ifindex: number, pkttype = 0): Buffer => cooked2(0x0800, ifindex, pkttype, bytes);

const syn = (from: number, destination = '10.244.1.5'): Buffer => ipv4('10.244.0.4', destination, 6, tcp(from, 8080, 1, 0, SYN));

const freed = (skb: string, reason: string, place: string): string =>
  `kfree_skb: skbaddr=00000000${skb} rx_sk=0000000000000000 protocol=2048 location=${place}+0x1/0x2 reason: ${reason}`;

/** Our own event just before it: skb->data at the network header. */
const headersOf = (bytes: Buffer, device: string, netns: string): string => {
  const window = Buffer.concat([bytes, Buffer.alloc(80 - bytes.length)]);
  const words = Array.from({ length: 10 }, (_, index) => `w${index + 6}=0x${window.readBigUInt64LE(index * 8).toString(16)}`);
  return `drop: (skb.kfree_skb) len=${bytes.length} proto=8 iif=4 head=0xff00 data=0xff50 nh=80 name="${device}" dev=4 ns=${netns} sns=0 ${words.join(' ')}`;
};

const received = (device: string, skb: string, length: number): string => `netif_receive_skb: dev=${device} skbaddr=00000000${skb} len=${length}`;

const queued = (device: string, skb: string, length: number): string => `net_dev_queue: dev=${device} skbaddr=00000000${skb} len=${length}`;

/** Ten seconds of node2, in which what is given happens. */
const watch = (
  cluster: FlannelCluster,
  more: Partial<MadeWatch>,
  about: { before?: NodeSnapshot; pod?: string } = {},
): Omit<DropsReport, 'timings'> => {
  const host = cluster.host('node2');
  const links = Object.fromEntries(host.links.map(({ ifindex, name }) => [ifindex, name]));
  return judgeDrops(
    {
      node: 'node2',
      facts: cluster.facts,
      ...(about.pod === undefined ? {} : { pod: cluster.podFacts(about.pod) }),
      ...(about.before ? { before: about.before } : {}),
      after: cluster.node('node2'),
      watch: makeWatch({ node: 'node2', netns: host.inode, links, drops: [], ...more }),
      notChecked: [],
    },
    '2026-01-02T03:04:05Z',
  );
};

/** So many connections to db-0 that come in by flannel.1 and end in the FORWARD hook. */
const dropped = (count: number): Pick<MadeWatch, 'drops' | 'devices' | 'packets'> => {
  const times = Array.from({ length: count }, (_, index) => 0.1 + index * 0.3);
  return {
    packets: times.map((at, index) => [at, ip(syn(40_000 + index), 4)]),
    devices: times.map((at, index) => [at + 2e-6, received('flannel.1', `aa${index}`, 40)]),
    drops: times.map((at, index) => [at + 9e-6, freed(`aa${index}`, 'NETFILTER_DROP', 'nft_do_chain'), FORWARD]),
  };
};

const only = ({ rows }: Pick<DropsReport, 'rows'>): DropRow => {
  expect(rows).to.have.length(1);
  return found(rows[0]);
};

/** The same node before, when the first rule of FORWARD had counted so much less. */
const countedBefore = (cluster: FlannelCluster, packets: number): NodeSnapshot => {
  const before = structuredClone(cluster.node('node2'));
  const rule = (snapshot: NodeSnapshot) =>
    found(
      found(snapshot.namespaces[0]?.netfilter.iptables.find(({ table }) => table === 'filter')).chains.find(({ name }) => name === 'FORWARD')
        ?.rules[0],
    );
  rule(cluster.node('node2')).packets += packets;
  rule(cluster.node('node2')).bytes += packets * 40;
  return before;
};

describe('what a node drops', () => {
  it('says of an XDP program in a driver that the kernel does not see what it drops, and what the driver counted', () => {
    const cluster = flannelCluster();
    const program = (snapshot: NodeSnapshot, dropped?: number): NodeSnapshot => {
      found(snapshot.namespaces[0]?.links.find(({ name }) => name === 'eth0')).xdp = {
        mode: 'native',
        ...(dropped === undefined ? {} : { dropped }),
      };
      return snapshot;
    };
    const before = program(structuredClone(cluster.node('node2')), 30);
    program(cluster.node('node2'), 42);
    const said = 'what the XDP program on eth0 of node2 drops: the kernel never sees it';
    expect(watch(cluster, {}, { before }).notChecked).to.include(`${said}; its driver counted 12 in the meantime`);
    program(cluster.node('node2'));
    expect(watch(cluster, {}, { before }).notChecked).to.include(said);
  });

  it('knows what an XDP program in generic mode drops by the place before, though it was in a tunnel there', () => {
    const cluster = flannelCluster();
    const inner = syn(40_000);
    const wrapped = Buffer.concat([Buffer.alloc(14), inner]);
    wrapped.writeUInt16BE(0x0800, 12);
    const vxlan = Buffer.concat([Buffer.from('0800000000000100', 'hex'), wrapped]);
    const outer = ipv4('10.33.188.141', '10.33.188.142', 17, udp(50_000, 8472, vxlan));
    const row = only(
      watch(cluster, {
        packets: [[0.1, ip(outer, 2)]],
        devices: [
          [0.1 + 2e-6, received('eth0', 'aa', outer.length)],
          [0.1 + 9e-6, received('flannel.1', 'aa', inner.length)],
        ],
        drops: [[0.1 + 12e-6, freed('aa', 'NOT_SPECIFIED', 'do_xdp_generic'), ['do_xdp_generic', '__netif_receive_skb_core']]],
      }),
    );
    expect(row).to.include({ code: 'ND3019', what: 'XDP program', interface: 'flannel.1', direction: 'in' });
    expect(row.flows.map(({ destination }) => destination)).to.deep.equal(['10.244.1.5']);
  });

  it("names the rule that drops others' traffic, whose it is, and at which rate", () => {
    const cluster = flannelCluster();
    insertRule(cluster.host('node2'), 'filter', 'FORWARD', '-d 10.244.1.5/32 -p tcp -j DROP');
    const report = watch(cluster, dropped(20), { before: countedBefore(cluster, 23) });
    const row = only(report);
    expect(row).to.include({
      severity: 'problem',
      code: 'ND3003',
      where: 'host',
      interface: 'flannel.1',
      direction: 'in',
      hook: 'FORWARD',
      count: 20,
      perSecond: 2,
    });
    expect(row.rule).to.include({ table: 'filter', chain: 'FORWARD', number: 1, packets: 23, sure: true });
    expect(row.flows).to.deep.equal([{ source: '10.244.0.4', destination: '10.244.1.5', protocol: 'tcp', destinationPort: 8080, count: 20 }]);
    const [finding] = report.findings;
    expect(finding).to.include({
      code: 'ND3003',
      confidence: 'certain',
      severity: 'problem',
      title: 'node2 drops 2.0 packets/s by a firewall rule: filter FORWARD #1.',
    });
    expect(finding?.fix.join()).to.match(/iptables -t filter -D FORWARD 1$/);
  });

  it('needs no captures where an event of our own reads the headers', () => {
    const cluster = flannelCluster();
    const host = cluster.host('node2');
    insertRule(host, 'filter', 'FORWARD', '-d 10.244.1.5/32 -p tcp -j DROP');
    const report = watch(cluster, {
      headers: true,
      ownKernel: false,
      drops: [
        ...[0.1, 0.2].flatMap((at): MadeWatch['drops'] => [
          [at - 2e-6, headersOf(syn(40_000), 'flannel.1', host.inode)],
          [at, freed('aa', 'NETFILTER_DROP', 'nft_do_chain'), FORWARD],
        ]),
        // of another node on the same kernel
        [0.3 - 2e-6, headersOf(syn(40_001), 'flannel.1', '4026539999')],
        [0.3, freed('bb', 'NETFILTER_DROP', 'nft_do_chain'), FORWARD],
      ],
    });
    const row = only(report);
    expect(row).to.include({ code: 'ND3003', where: 'host', interface: 'flannel.1', direction: 'in', count: 2 });
    expect(row.flows).to.deep.equal([{ source: '10.244.0.4', destination: '10.244.1.5', protocol: 'tcp', destinationPort: 8080, count: 2 }]);
    expect(report).to.include({ seenBy: 'headers' }).and.deep.include({ notChecked: [] });
  });

  it('names the rule by the model where it has no counter, and is less sure', () => {
    const cluster = flannelCluster();
    insertRule(cluster.host('node2'), 'filter', 'FORWARD', '-d 10.244.1.5/32 -p tcp -j DROP');
    const report = watch(cluster, dropped(3));
    expect(only(report).rule).to.include({ chain: 'FORWARD', number: 1, sure: false });
    expect(report.findings[0]).to.include({ code: 'ND3003', confidence: 'likely' });
  });

  it('names the queue that no program reads, and the rule that hands packets there', () => {
    const cluster = flannelCluster();
    const host = cluster.host('node2');
    insertRule(host, 'filter', 'FORWARD', '-d 10.244.1.5/32 -p tcp -j NFQUEUE --queue-num 100');
    host.netfilter.queues = [];
    const drops = dropped(3).drops.map(([at], index): MadeWatch['drops'][number] => [
      at,
      freed(`aa${index}`, 'NOT_SPECIFIED', 'nf_queue'),
      ['nf_queue', 'nf_hook_slow', 'ip_forward', 'ip_rcv'],
    ]);
    const report = watch(cluster, { ...dropped(3), drops }, { before: countedBefore(cluster, 3) });
    expect(only(report)).to.include({ severity: 'problem', code: 'ND3018', hook: 'FORWARD', count: 3 });
    expect(only(report).rule).to.include({ chain: 'FORWARD', number: 1, packets: 3, sure: true });
    const [finding] = report.findings;
    expect(finding).to.include({ code: 'ND3018', confidence: 'certain' });
    expect(finding?.title).to.match(/hands to a queue which no program reads, or not fast enough: filter FORWARD #1\.$/);
    expect(finding?.evidence).to.include('nobody has bound queue 100 (no queue is bound there)');
  });

  it('names the policy of a chain', () => {
    const cluster = flannelCluster();
    const host = cluster.host('node2');
    setPolicy(host, 'FORWARD', 'DROP');
    const forward = found(host.netfilter.iptables.find(({ table }) => table === 'filter')?.chains.find(({ name }) => name === 'FORWARD'));
    forward.rules = [];
    const row = only(watch(cluster, dropped(2)));
    expect(row).to.include({ code: 'ND3002', severity: 'problem' });
    expect(row.rule?.number).to.equal(undefined);
  });

  it('says that a Service has no endpoints where kube-proxy rejects for it', () => {
    const cluster = flannelCluster();
    const at = 0.5;
    const report = watch(cluster, {
      packets: [[at, ip(ipv4('10.244.1.5', '10.96.0.60', 6, tcp(40_000, 80, 1, 0, SYN)), 5)]],
      devices: [[at, received('cni0', 'bb', 40)]],
      drops: [[at + 5e-6, freed('bb', 'NETFILTER_DROP', 'nft_do_chain'), FORWARD]],
    });
    expect(report.findings[0]?.code).to.equal('ND4003');
    expect(report.findings[0]?.title).to.match(/for a Service without ready endpoints/);
  });

  it('places a drop in the pod behind the veth it went out by', () => {
    const cluster = flannelCluster();
    const at = 1;
    const packet = ipv4('10.244.0.4', '10.244.1.5', 17, udp(40_000, 9, Buffer.alloc(12)));
    const report = watch(cluster, {
      packets: [[at, ip(packet, 10, OUT)]],
      devices: [
        [at, queued('veth-db-0', 'cc', packet.length + 14)],
        [at + 3e-6, received('eth0', 'cc', packet.length)],
      ],
      drops: [[at + 8e-6, freed('cc', 'NO_SOCKET', '__udp4_lib_rcv'), ['__udp4_lib_rcv', 'ip_protocol_deliver_rcu']]],
    });
    expect(only(report)).to.include({ severity: 'warning', code: 'ND4001', where: 'pod default/db-0', interface: 'eth0' });
    expect(report.findings.map(({ severity }) => severity)).to.deep.equal(['warning']);
  });

  it('of a pod is only what concerns it', () => {
    const cluster = flannelCluster();
    const other = {
      ...dropped(2),
      packets: dropped(2).packets?.map(([at], index) => [at, ip(syn(40_000 + index, '10.244.1.9'), 4)] as [number, Buffer]) ?? [],
    };
    expect(watch(cluster, dropped(2), { pod: 'db-0' }).rows).to.have.length(1);
    expect(watch(cluster, other, { pod: 'db-0' }).rows).to.deep.equal([]);
    expect(watch(cluster, other).rows).to.have.length(1);
  });

  it('finds nothing that matters on a healthy node', () => {
    const cluster = flannelCluster();
    const harmless: [string, string, string[]][] = [
      ['NO_SOCKET', 'ping_rcv', ['ping_rcv', 'icmp_rcv']],
      ['TCP_OLD_SEQUENCE', 'tcp_validate_incoming', ['tcp_validate_incoming']],
      ['NOT_SPECIFIED', 'ip_mc_output', ['ip_mc_output', 'igmp_send_report']],
      ['QUEUE_PURGE', 'skb_queue_purge_reason', ['skb_queue_purge_reason']],
      ['SOCKET_FILTER', 'sk_filter_trim_cap', ['raw_rcv']],
      ['QDISC_DROP', '__dev_queue_xmit', ['__dev_queue_xmit', 'ip6_finish_output', 'mld_sendpack']],
    ];
    const report = watch(cluster, {
      drops: harmless.map(([reason, place, stack], index) => [index + 0.5, freed(`d${index}`, reason, place), stack]),
    });
    expect(report.rows.map(({ severity }) => severity)).to.deep.equal(harmless.map(() => 'harmless'));
    expect(report.rows.every(({ why }) => why !== undefined)).to.equal(true);
    expect(report.findings).to.deep.equal([]);
    expect(report.notChecked).to.deep.equal([]);
  });

  it('shows what it cannot tell the owner of, where the kernel is its own', () => {
    const cluster = flannelCluster();
    const drops: MadeWatch['drops'] = [
      [0.5, freed('ee', 'NETFILTER_DROP', 'nft_do_chain'), ['nft_do_chain', 'nf_hook_slow', '__ip_local_out', 'udp_sendmsg']],
    ];
    const report = watch(cluster, { drops });
    expect(only(report)).to.include({ severity: 'problem', where: '', hook: 'OUTPUT' });
    expect(report.findings[0]?.evidence.join('\n')).to.include('whose packets they are could not be seen');
    const shared = watch(cluster, { drops, ownKernel: false });
    expect(shared.rows).to.deep.equal([]);
    expect(shared.notChecked.join('\n')).to.match(/shares its kernel with others: 1 drops/);
  });

  it('does not take a packet that was delivered for one that waits for a neighbour', () => {
    const cluster = flannelCluster();
    const packet = ipv4('10.33.188.138', '10.33.188.142', 6, tcp(40_000, 10_250, 1, 1, 0x10));
    const report = watch(cluster, {
      packets: [[0.5, ip(packet, 2)]],
      devices: [[0.5, received('eth0', 'ff', packet.length)]],
      drops: [[3.6, freed('ff', 'NEIGH_FAILED', 'neigh_invalidate'), ['neigh_invalidate', 'neigh_timer_handler']]],
    });
    expect(only(report)).to.include({ code: 'ND1007', where: '' }).and.deep.include({ flows: [] });
  });

  it('sees one flood where every pod drops the same frame', () => {
    const cluster = flannelCluster();
    const others = cluster.node('node2');
    const packet = syn(40_000);
    const report = watch(cluster, {
      packets: [1, 2].map((at): [number, Buffer] => [at, ip(packet, 10, OUT)]),
      devices: [1, 2].flatMap((at): [number, string][] => [
        [at, queued('veth-db-0', `a${at}`, 54)],
        [at + 2e-6, received('eth0', `a${at}`, 40)],
      ]),
      drops: [1, 2].map((at) => [at + 5e-6, freed(`a${at}`, 'OTHERHOST', 'ip_rcv_core'), ['ip_rcv_core']]),
    });
    // the pod that is asked for is not the one that drops it
    expect(others.namespaces.length).to.be.greaterThan(1);
    expect(only(report).severity).to.equal('problem');
    const elsewhere = flannelCluster();
    for (const netns of elsewhere.node('node2').namespaces)
      for (const link of netns.links) link.addresses = link.addresses.filter(({ address }) => address !== '10.244.1.5');
    const flood = only(
      watch(elsewhere, {
        packets: [1, 2].map((at): [number, Buffer] => [at, ip(packet, 10, OUT)]),
        devices: [1, 2].flatMap((at): [number, string][] => [
          [at, queued('veth-db-0', `a${at}`, 54)],
          [at + 2e-6, received('eth0', `a${at}`, 40)],
        ]),
        drops: [1, 2].map((at) => [at + 5e-6, freed(`a${at}`, 'OTHERHOST', 'ip_rcv_core'), ['ip_rcv_core']]),
      }),
    );
    expect(flood).to.include({ severity: 'warning', where: 'every port', what: 'flooded by a bridge', count: 2 });
  });

  it('says what limits it: a full buffer, a busy node, a capture that lost packets, no trace at all', () => {
    const cluster = flannelCluster();
    const busy = watch(cluster, { ...dropped(20), lost: { drops: 500, devices: 9, capture: 3 } });
    expect(busy.notChecked.join('\n'))
      .to.match(/drops more than can be recorded: after 5\.8 s the buffer was full/)
      .and.match(/known of the first 5\.8 s only/)
      .and.match(/lost 3 packets/);
    expect(busy.seconds).to.be.closeTo(5.8, 0.01);
    const locked = watch(cluster, { untraced: 'the kernel is locked down (lockdown=confidentiality)' });
    expect(locked).to.include({ seconds: 0, seenBy: 'reasons' });
    expect(locked.notChecked).to.deep.equal(['what the kernel of node2 drops: the kernel is locked down (lockdown=confidentiality)']);
    expect(locked.findings).to.deep.equal([]);
  });
});
