import { expect } from 'chai';
import { hostOrderAddress, networkOrderAddress } from '../../../../src/node/parse/hex-address.ts';
import { parseIpvs } from '../../../../src/node/parse/ipvs.ts';
import { parseNamespaces, parseNsids } from '../../../../src/node/parse/namespaces.ts';
import { parseQueues } from '../../../../src/node/parse/nfqueue.ts';
import { parseOvs } from '../../../../src/node/parse/ovs.ts';
import { parseConntrack, parseSysctls } from '../../../../src/node/parse/proc.ts';
import { parseProtocolCounters } from '../../../../src/node/parse/protocol-counters.ts';
import { parseProcSockets, parseSctpEndpoints, parseSockets } from '../../../../src/node/parse/sockets.ts';
import { parseFilters, parseQdiscs } from '../../../../src/node/parse/tc.ts';
import { parseVlans } from '../../../../src/node/parse/vlans.ts';
import { parseXdpDrops } from '../../../../src/node/parse/xdp.ts';
import { fixture } from '../recorded.ts';

describe('/proc/net/netfilter/nfnetlink_queue', () => {
  it('tells which queues are read, how many packets wait and how many were lost', () => {
    const text = '  101   4711    12 2 65531     3     4      120  1\n    7 2147487  1024 0     0     0     0        0  1\n';
    expect(parseQueues(text)).to.deep.equal({
      value: [
        { number: 7, portId: 2147487, waiting: 1024, copies: 'none', dropped: 0, userDropped: 0 },
        { number: 101, portId: 4711, waiting: 12, copies: 'packet', dropped: 3, userDropped: 4 },
      ],
      unparsed: [],
    });
  });
  it('is empty where nobody reads any', () => expect(parseQueues('')).to.deep.equal({ value: [], unparsed: [] }));
  it('is not guessed at', () => {
    const lines = ['  101   4711', '101 4711 0 7 65531 0 0 1 1', '101 x 0 2 65531 0 0 1 1'];
    expect(parseQueues(lines.join('\n'))).to.deep.equal({ value: [], unparsed: lines });
  });
});

describe('what XDP programs dropped', () => {
  it('is the sum over the queues, or the sum that the driver has itself', () => {
    const veth = ['eth0 rx_queue_0_xdp_drops 4', 'eth0 rx_queue_1_xdp_drops 3', 'veth1 rx_queue_0_xdp_drops 0'];
    const mlx5 = ['ens1 rx_xdp_drop 9', 'ens1 rx0_xdp_drop 5', 'ens1 rx1_xdp_drop 4'];
    const { value, unparsed } = parseXdpDrops([...veth, ...mlx5].join('\n'));
    expect([...value]).to.deep.equal([
      ['eth0', 7],
      ['veth1', 0],
      ['ens1', 9],
    ]);
    expect(unparsed).to.deep.equal([]);
  });
  it('is not guessed at', () =>
    expect(parseXdpDrops('eth0 rx_queue_0_xdp_drops')).to.deep.equal({ value: new Map(), unparsed: ['eth0 rx_queue_0_xdp_drops'] }));
});

describe('/proc/net/ip_vs', () => {
  const text = [
    'IP Virtual Server version 1.2.1 (size=4096)',
    'Prot LocalAddress:Port Scheduler Flags',
    '  -> RemoteAddress:Port Forward Weight ActiveConn InActConn',
    'TCP  0A600001:01BB rr ',
    '  -> 0A21BC8A:192B      Masq    1      0          0         ',
    'UDP  [fd00:0010:0096:0000:0000:0000:0000:000a]:0035 rr ',
    '  -> [fd00:0010:0244:0000:0000:0000:0000:0002]:0035      Masq    0      0          0         ',
    'TCP  0A600002:0050 rr persistent 10800 FFFFFFFF',
    'FWM  00000001 wlc ',
  ].join('\n');

  it('is read with IPv6, weights, persistence and firewall marks', () => {
    const { value, unparsed } = parseIpvs(text);
    expect(unparsed).to.deep.equal([]);
    expect(value).to.deep.equal([
      {
        protocol: 'tcp',
        address: '10.96.0.1',
        port: 443,
        scheduler: 'rr',
        servers: [{ address: '10.33.188.138', port: 6443, weight: 1, forward: 'Masq' }],
      },
      {
        protocol: 'udp',
        address: 'fd00:10:96::a',
        port: 53,
        scheduler: 'rr',
        servers: [{ address: 'fd00:10:244::2', port: 53, weight: 0, forward: 'Masq' }],
      },
      { protocol: 'tcp', address: '10.96.0.2', port: 80, scheduler: 'rr', persistent: true, servers: [] },
      { protocol: 'fwmark', address: '0x00000001', port: 0, scheduler: 'wlc', servers: [] },
    ]);
  });
});

describe('hexadecimal addresses', () => {
  it('of ip_vs are in network order', () => expect(networkOrderAddress('0A600001')).to.equal('10.96.0.1'));
  it('of sockets are in host order', () => expect(hostOrderAddress('0100007F')).to.equal('127.0.0.1'));
  it('of IPv6 sockets are in host order word by word', () => {
    expect(hostOrderAddress('00000000000000000000000001000000')).to.equal('::1');
    expect(hostOrderAddress('000000FD0000000000000000BC010000')).to.equal('fd00::1bc');
  });
});

describe('listening sockets', () => {
  it('of ss tell IPv6 alone from both families, and the process', () => {
    const { value, unparsed } = parseSockets(
      [
        'Netid State  Recv-Q Send-Q Local Address:Port  Peer Address:PortProcess',
        'tcp LISTEN 0 4096 127.0.0.1:10249 0.0.0.0:* users:(("kube-proxy",pid=631,fd=9))',
        'tcp LISTEN 0 4096 *:10250 *:* users:(("kubelet",pid=50,fd=14))',
        'udp UNCONN 0 0 [::]:53 [::]:*',
        'udp UNCONN 0 0 [fe80::1]%eth0:546 [::]:*',
        'tcp LISTEN 0 128 :::22 :::*',
      ].join('\n'),
    );
    expect(unparsed).to.deep.equal([]);
    expect(value.map(({ protocol, address, port, dual, process }) => [protocol, address, port, dual, process])).to.deep.equal([
      ['tcp', '127.0.0.1', 10249, false, 'kube-proxy'],
      ['tcp', '::', 10250, true, 'kubelet'],
      ['udp', '::', 53, false, undefined],
      ['udp', 'fe80::1', 546, false, undefined],
      ['tcp', '::', 22, true, undefined],
    ]);
  });

  it('of /proc/net are the same ones', () => {
    const { value } = parseProcSockets(
      '/proc/net/tcp:   0: 0100007F:2809 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12345 1\n/proc/net/udp6:  5: 00000000000000000000000000000000:0035 00000000000000000000000000000000:0000 07 00000000:00000000',
    );
    expect(value).to.deep.equal([
      { protocol: 'tcp', family: 4, address: '127.0.0.1', port: 10249, dual: false },
      { protocol: 'udp', family: 6, address: '::', port: 53, dual: true },
    ]);
  });

  it('of SCTP are one per local address', () => {
    const text = ' ENDPT     SOCK   STY SST HBKT LPORT   UID INODE LADDRS\nffff88 ffff99 2   10  29   11168   0   25 10.0.0.1 fd00::1\n';
    expect(parseSctpEndpoints(text).value.map(({ address, port }) => `${address} ${port}`)).to.deep.equal(['10.0.0.1 11168', 'fd00::1 11168']);
  });
});

describe('tc', () => {
  it('finds both redirects of a peer pod with their counters', () => {
    const { value } = parseFilters(fixture('recordings/ovn-peerpod/peer/tc-ingress'), 'ingress', fixture('recordings/ovn-peerpod/peer/tc-devices'));
    expect(value.map(({ device, kind, actions }) => [device, kind, actions[0]?.redirectTo])).to.deep.equal([
      ['eth0', 'u32', 'vxlan1'],
      ['vxlan1', 'u32', 'eth0'],
    ]);
    expect(value[0]?.actions[0]?.packets).to.be.greaterThan(0);
  });

  it('names no device when the answers are not one for each', () => {
    const { value, unparsed } = parseFilters(fixture('recordings/ovn-peerpod/peer/tc-ingress'), 'ingress', 'ingress eth0\n');
    expect(value).to.deep.equal([]);
    expect(unparsed).to.deep.equal(['2 answers for 1 devices']);
  });

  it('takes a BPF program for an action', () => {
    const text =
      'qdisc clsact ffff: parent ffff:fff1\nfilter protocol all pref 1 bpf chain 0 \nfilter protocol all pref 1 bpf chain 0 handle 0x1 cil_from_container-lxc1 direct-action not_in_hw id 99 tag ab jited \n';
    expect(parseFilters(text, 'ingress', 'clsact lxc1').value).to.deep.equal([
      {
        device: 'lxc1',
        parent: 'ingress',
        kind: 'bpf',
        protocol: 'all',
        pref: 1,
        keys: [],
        actions: [{ kind: 'bpf', detail: 'cil_from_container-lxc1 direct-action not_in_hw id 99 tag ab jited', packets: 0, dropped: 0 }],
      },
    ]);
  });

  it('reads qdiscs with what they dropped', () => {
    const text =
      'qdisc tbf 8001: dev eth0 root refcnt 2 rate 1Mbit\n Sent 10 bytes 7 pkt (dropped 3, overlimits 0 requeues 0) \n backlog 0b 0p requeues 0\n';
    expect(parseQdiscs(text)).to.deep.equal({
      value: [{ device: 'eth0', kind: 'tbf', handle: '8001:', parent: 'root', packets: 7, dropped: 3 }],
      unparsed: [],
    });
  });
});

describe('bridge VLANs', () => {
  it('are the same in text and JSON, ranges spread out', () => {
    const text =
      'port              vlan-id  \nbr0               1 PVID Egress Untagged\nv0                1 PVID Egress Untagged\n                  10-12\n';
    const json = JSON.stringify([
      { ifname: 'br0', vlans: [{ vlan: 1, flags: ['PVID', 'Egress Untagged'] }] },
      {
        ifname: 'v0',
        vlans: [
          { vlan: 1, flags: ['PVID', 'Egress Untagged'] },
          { vlan: 10, vlanEnd: 12 },
        ],
      },
    ]);
    expect(parseVlans(text)).to.deep.equal(parseVlans(json));
    expect(parseVlans(text).value.map(({ device, vlan }) => `${device} ${vlan}`)).to.deep.equal(['br0 1', 'v0 1', 'v0 10', 'v0 11', 'v0 12']);
  });
});

describe('sysctls', () => {
  it('are named as one would build the name', () =>
    expect(
      parseSysctls('/proc/sys/net/ipv4/conf/vxlan.calico/rp_filter:0\n/proc/sys/net/ipv4/ip_local_port_range:32768\t60999\n').value,
    ).to.deep.equal({
      'net.ipv4.conf.vxlan.calico.rp_filter': '0',
      'net.ipv4.ip_local_port_range': '32768 60999',
    }));
});

describe('counters of the IP stack', () => {
  it('are a line of names over a line of values, or a name and a value', () => {
    const text = [
      'Ip: Forwarding DefaultTTL InReceives InAddrErrors',
      'Ip: 1 64 1200 7',
      'TcpExt: SyncookiesSent IPReversePathFilter',
      'TcpExt: 0 5',
      'Ip6InNoRoutes                   \t3',
      'Icmp6InMsgs 12',
    ].join('\n');
    expect(parseProtocolCounters(text)).to.deep.equal({
      value: {
        'Ip.Forwarding': 1,
        'Ip.DefaultTTL': 64,
        'Ip.InReceives': 1200,
        'Ip.InAddrErrors': 7,
        'TcpExt.SyncookiesSent': 0,
        'TcpExt.IPReversePathFilter': 5,
        'Ip6.InNoRoutes': 3,
        'Icmp6.InMsgs': 12,
      },
      unparsed: [],
    });
  });
});

describe('conntrack counters', () => {
  it('are summed over the CPUs, from hexadecimal', () => {
    const stat = (line: string): string => `/proc/net/stat/nf_conntrack:${line}`;
    const text = [
      '/proc/sys/net/netfilter/nf_conntrack_count:12',
      '/proc/sys/net/netfilter/nf_conntrack_max:262144',
      stat('entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop'),
      stat('0000000c  00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 0000000a 00000001 00000000'),
      stat('0000000c  00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000010 00000000 00000002'),
    ].join('\n');
    expect(parseConntrack(text)).to.deep.equal({ count: 12, max: 262144, insertFailed: 26, drop: 1, earlyDrop: 2 });
  });
});

describe('OVSDB', () => {
  it('gives bridges their ports, with who is behind them', () => {
    const { value, unparsed } = parseOvs(fixture('recordings/kube-ovn/host/ovs'));
    expect(unparsed).to.deep.equal([]);
    const bridge = value.bridges.find(({ name }) => name === 'br-int');
    expect(bridge?.datapathType).to.equal('netdev');
    const port = bridge?.ports.find(({ name }) => name === '9cf14f6f41ea_h');
    expect(port).to.deep.include({ kind: 'system' });
    expect(port?.ofport).to.be.a('number');
    expect(port?.externalIds['iface-id']).to.match(/\./);
    expect(bridge?.ports.find(({ kind }) => kind === 'geneve')?.options.remote_ip).to.equal('172.31.1.12');
  });
});

describe('namespaces', () => {
  it('belong to the pod whose cgroup any of their processes is in', () => {
    const found = parseNamespaces([
      'P 1 1\nP 2 40\nP 2 9\nN 2 1 /run/netns/a b',
      'C 40 0b5f3a51_7b3c_4c52_9c6e_2f1f6a1e5d01',
      'A 2 fd00:0000:0000:0000:0000:0000:0000:0001\nA 2 127.0.0.1',
    ]);
    expect(found.get('2')).to.deep.equal({
      inode: '2',
      pids: [9, 40],
      pinnedAt: ['/run/netns/a b'],
      podUid: '0b5f3a51-7b3c-4c52-9c6e-2f1f6a1e5d01',
      addresses: ['fd00::1'],
    });
  });

  it('without a process belong to the pod of the sandbox record', () =>
    expect(parseNamespaces(['N 3 1 /run/netns/x', 'S 3 uid']).get('3')).to.deep.include({ podUid: 'uid', pids: [] }));
  it('keep their pod while an agent on a visit captures inside', () => {
    const processes = ['P 1 10', 'P 3 20', 'P 3 90', 'P 4 30', 'P 4 91'];
    const claims = ['C 20 web', 'C 90 agent', 'C 30 db', 'C 91 agent'];
    const found = parseNamespaces([...processes, ...claims]);
    expect([found.get('3')?.podUid, found.get('4')?.podUid]).to.deep.equal(['web', 'db']);
  });
  it('belong to whom the runtime says when two claim them', () =>
    expect(parseNamespaces(['P 3 20', 'C 20 old', 'S 3 new']).get('3')).to.deep.include({ podUid: 'new' }));

  it('have nsids by inode or by the name of their pin', () => {
    const text = 'nsid 0 \nnsid 1 (iproute2 netns name: 4026532345)\nnsid 2 (iproute2 netns name: cni-x)\n';
    expect(parseNsids(text, new Map([['/run/netns/cni-x', '7']]))).to.deep.equal({ 1: '4026532345', 2: '7' });
  });
});
