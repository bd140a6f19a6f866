import { expect } from 'chai';
import { parseCollection } from '../../../src/node/parse-collection.ts';
import type { RawCollection } from '../../../src/node/raw.ts';
import type { Link, Netns, NodeSnapshot } from '../../../src/node/snapshot.ts';
import type { Attachment } from '../../../src/topology/attachment.ts';
import { attachmentsOf } from '../../../src/topology/attachments.ts';
import { fixture, snapshotOf } from '../node/recorded.ts';

const only = (attachments: Attachment[]): Attachment => {
  expect(attachments).to.have.length(1);
  return attachments[0] as Attachment;
};

const about = ({ disagreements }: Attachment): string[] => disagreements.map((one) => one.about);

/** The snapshot with some of the host's namespace replaced. */
const withHost = (snapshot: NodeSnapshot, change: (host: Netns) => Partial<Netns>): NodeSnapshot => ({
  ...snapshot,
  namespaces: snapshot.namespaces.map((netns) => (netns.role === 'host' ? { ...netns, ...change(netns) } : netns)),
});

const changeLink = (netns: Netns, name: string, change: Partial<Link>): Link[] =>
  netns.links.map((link) => (link.name === name ? { ...link, ...change } : link));

describe('a pod of flannel', () => {
  const snapshot = parseCollection(JSON.parse(fixture('collections/flannel-node1.json')) as RawCollection);
  const of = (changed: NodeSnapshot): Attachment => only(attachmentsOf(changed, { podUid: '77f7f58a-d357-4aae-adc1-d3269ddaa516' }));

  it('hangs on a port of cni0', () => {
    const attachment = of(snapshot);
    expect(attachment).to.deep.include({
      attached: { how: 'bridge', bridge: 'cni0', portState: 'forwarding' },
      hostRoute: '10.244.1.0/24 dev cni0 scope link src 10.244.1.1',
      disagreements: [],
    });
    expect(attachment.interface).to.deep.include({ name: 'eth0', kind: 'veth', addresses: ['10.244.1.4/24'] });
    expect(attachment.peer).to.deep.include({ name: 'vethf34d091c', ifindex: 7 });
  });

  it('is found by its namespace as well', () => expect(only(attachmentsOf(snapshot, { inode: '4026533081' })).interface.name).to.equal('eth0'));

  it('whose other end is gone says so', () => {
    const attachment = of(withHost(snapshot, (host) => ({ links: host.links.filter(({ name }) => name !== 'vethf34d091c') })));
    expect(attachment.attached).to.deep.equal({ how: 'loose', why: 'its far end was not found' });
    expect(about(attachment)).to.deep.equal(['no-peer']);
  });

  it('whose other end left the bridge is routed, while the route still leads to the bridge', () => {
    const attachment = of(withHost(snapshot, (host) => ({ links: changeLink(host, 'vethf34d091c', { master: { ifindex: 0, name: '' } }) })));
    expect(attachment.attached).to.deep.equal({ how: 'routed' });
    expect(about(attachment)).to.deep.equal(['route-device']);
  });

  it('whose MAC the bridge has on another port says so', () => {
    const mac = of(snapshot).interface.mac ?? '';
    const attachment = of(
      withHost(snapshot, (host) => ({ fdb: [...host.fdb, { mac, device: 'veth6453aa56', master: 'cni0', flags: [], state: '' }] })),
    );
    expect(about(attachment)).to.deep.equal(['fdb-port']);
  });

  it('whose MAC is not the one the node uses says so', () => {
    const neighbour = {
      family: 4,
      address: '10.244.1.4',
      device: 'cni0',
      mac: '02:00:00:00:00:01',
      state: 'REACHABLE',
      proxy: false,
      router: false,
    } as const;
    expect(about(of(withHost(snapshot, () => ({ neighbours: [neighbour] }))))).to.deep.equal(['mac']);
  });

  it('whose MTU differs from its other end says so', () =>
    expect(about(of(withHost(snapshot, (host) => ({ links: changeLink(host, 'vethf34d091c', { mtu: 1500 }) }))))).to.deep.equal(['mtu']));

  it('whose driver names another peer says so', () => {
    const namespaces = snapshot.namespaces.map((netns) =>
      netns.inode === '4026533081' ? { ...netns, links: changeLink(netns, 'eth0', { ethtoolPeerIfindex: 99 }) } : netns,
    );
    expect(about(of({ ...snapshot, namespaces }))).to.deep.equal(['peer-index']);
  });

  it('is still found when no nsid is known', () => expect(of(withHost(snapshot, () => ({ nsids: {} }))).peer?.name).to.equal('vethf34d091c'));
});

describe('a pod of Calico', () => {
  it('is routed by its own /32', () => {
    expect(only(attachmentsOf(snapshotOf('calico-healthy'), { podUid: 'uid-a' }))).to.deep.include({
      attached: { how: 'routed' },
      hostRoute: '10.244.166.129 dev cali44c7791d104 scope link',
      disagreements: [],
    });
  });

  it('without its /32 is taken by the block', () => {
    const attachment = only(attachmentsOf(snapshotOf('calico-missing-host-route'), { podUid: 'uid-b' }));
    expect(attachment.disagreements).to.deep.equal([
      { about: 'no-host-route', message: 'no route leads to 10.244.104.1 on cali173247f042b; "blackhole 10.244.104.0/26" takes it' },
    ]);
  });
});

describe('a pod of Cilium', () => {
  it('is routed by BPF behind cilium_host', () => {
    const attachment = only(attachmentsOf(snapshotOf('cilium'), { podUid: 'uid-a' }));
    expect(attachment.attached).to.deep.equal({ how: 'routed' });
    expect(attachment.peer?.name).to.match(/^lxc/);
    expect(attachment.hostRoute).to.include('dev cilium_host');
    expect(attachment.disagreements).to.deep.equal([]);
  });
});

describe('a pod of kube-ovn', () => {
  it('hangs on its OVS port, which no master tells in the userspace datapath', () => {
    const attachment = only(attachmentsOf(snapshotOf('kube-ovn'), { podUid: 'uid-a' }));
    expect(attachment.attached).to.deep.include({ how: 'ovs', bridge: 'br-int' });
    expect(attachment.peer?.name).to.equal('9cf14f6f41ea_h');
  });
});

describe('a peer pod of OVN-Kubernetes', () => {
  const attachments = attachmentsOf(snapshotOf('ovn-peerpod', { a: '/run/netns/cni-ce36d72d-ebf6-e525-b729-40221b91a141' }), { podUid: 'uid-peer' });

  it('has its interface on OVS and a VXLAN whose socket is elsewhere', () => {
    expect(attachments.map(({ interface: { name } }) => name)).to.deep.equal(['eth0', 'vxlan1']);
    expect(attachments[0]?.attached).to.deep.include({ how: 'ovs', bridge: 'br-int' });
    expect(attachments[1]?.attached).to.deep.equal({ how: 'loose', why: 'VXLAN 555005 to 172.28.0.60 UDP 4789, its socket is in another namespace' });
  });

  it('has no far end of its VXLAN to miss', () => expect(attachments[1]?.disagreements).to.deep.equal([]));
});

describe('interfaces without a pair', () => {
  const base = snapshotOf('calico-healthy');
  const eth0 = base.namespaces.find(({ podUid }) => podUid === 'uid-a')?.links.find(({ name }) => name === 'eth0') as Link;
  const { linkNsid: _, peerIfindex: __, ...alone } = eth0;
  const withLinks = (links: Link[]): NodeSnapshot => ({
    ...base,
    namespaces: base.namespaces.map((netns) => (netns.podUid === 'uid-a' ? { ...netns, links } : netns)),
  });
  const howOf = (link: Partial<Link>): Attachment['attached'] =>
    only(attachmentsOf(withLinks([{ ...alone, ...link }]), { podUid: 'uid-a' })).attached;

  it('macvlan: on the host device', () =>
    expect(howOf({ kind: 'macvlan', peerIfindex: 2, linkNsid: 0 })).to.deep.equal({ how: 'parent', device: 'eth0', kind: 'macvlan' }));
  it('ipvlan on a device nobody knows', () =>
    expect(howOf({ kind: 'ipvlan', peerIfindex: 999, linkNsid: 0 })).to.deep.equal({ how: 'loose', why: 'ipvlan on a device that was not found' }));
  it('SR-IOV', () => expect(howOf({ kind: '' })).to.deep.equal({ how: 'loose', why: 'a device of its own (SR-IOV or passed through)' }));
  it('a tap', () => expect(howOf({ kind: 'tun' })).to.deep.equal({ how: 'loose', why: 'tap of a virtual machine or a VPN' }));
  it('Multus: each for itself', () => {
    const second: Link = { ...alone, name: 'net1', ifindex: 3, kind: 'macvlan', peerIfindex: 2, linkNsid: 0 };
    expect(attachmentsOf(withLinks([eth0, second]), { podUid: 'uid-a' }).map(({ attached }) => attached.how)).to.deep.equal(['routed', 'parent']);
  });
  it('what never leaves the pod is none', () => {
    const inner: Link[] = [
      { ...alone, name: 'lo', ifindex: 1 },
      { ...alone, name: 'docker0', ifindex: 4, kind: 'bridge' },
      { ...alone, name: 'veth0', ifindex: 5, kind: 'veth', peerIfindex: 6 },
      { ...alone, name: 'tunl0', ifindex: 7, kind: 'ipip' },
    ];
    expect(attachmentsOf(withLinks(inner), { podUid: 'uid-a' })).to.deep.equal([]);
  });
});

describe('a pod on the network of its host', () => {
  it('is attached to nothing', () => expect(attachmentsOf(snapshotOf('calico-healthy'), { inode: '4026531840' })).to.deep.equal([]));
});
