import { expect } from 'chai';
import { parseCollection } from '../../../src/node/parse-collection.ts';
import type { RawCollection } from '../../../src/node/raw.ts';
import type { Netns, NodeSnapshot } from '../../../src/node/snapshot.ts';
import { duplicateAddresses } from '../../../src/topology/duplicates.ts';
import { findByHostIface, findByIp, orphanInterfaces } from '../../../src/topology/lookup.ts';
import { fixture, snapshotOf } from '../node/recorded.ts';

const collection = (name: string): NodeSnapshot => parseCollection(JSON.parse(fixture(`collections/${name}.json`)) as RawCollection);

describe('who is behind a host interface', () => {
  it('of a pod that was read: its interface', () =>
    expect(findByHostIface(snapshotOf('calico-healthy'), 'cali44c7791d104')).to.deep.include({ podUid: 'uid-a', interface: 'eth0', ifindex: 2 }));
  it('of a pod that was only listed: its namespace', () =>
    expect(findByHostIface(collection('flannel-node1'), 'veth6453aa56')).to.deep.equal({
      netns: '4026532859',
      role: 'pod',
      podUid: '8b27118e-1886-49b4-9638-fd7334f31b31',
    }));
  it('that leads nowhere: nobody', () => expect(findByHostIface(snapshotOf('calico-healthy'), 'vxlan.calico')).to.equal(undefined));
});

describe('who holds an address', () => {
  it('a pod', () => expect(findByIp(snapshotOf('calico-healthy'), '10.244.166.129').map(({ podUid }) => podUid)).to.deep.equal(['uid-a']));
  it('a pod that was only listed', () =>
    expect(findByIp(collection('flannel-node1'), '10.244.1.2').map(({ netns }) => netns)).to.deep.equal(['4026532859']));
  it('the node', () => expect(findByIp(snapshotOf('calico-healthy'), '172.30.0.11').map(({ role }) => role)).to.deep.equal(['host']));
  it('nobody', () => expect(findByIp(snapshotOf('calico-healthy'), '192.0.2.1')).to.deep.equal([]));
});

describe('an address held twice (a leaked namespace, case 4)', () => {
  const snapshot = collection('leaked-namespace');
  const [duplicate, ...more] = duplicateAddresses(snapshot);

  it('is the only one', () => expect(more).to.deep.equal([]));

  it('is named with the bridge where its holders meet', () => expect(duplicate).to.deep.include({ address: '10.233.14.145', segment: 'docker0' }));

  it('is held by the pod and by a namespace without a process', () =>
    expect(
      duplicate?.holders.map(({ podUid, processes, pinnedAt, hostInterface, up }) => ({ podUid, processes, pinnedAt, hostInterface, up })),
    ).to.deep.equal([
      { podUid: '0b5f3a51-7b3c-4c52-9c6e-2f1f6a1e5d01', processes: 1, pinnedAt: ['/run/docker/netns/ns1'], hostInterface: 'vethd1', up: true },
      { podUid: undefined, processes: 0, pinnedAt: ['/run/docker/netns/ns3'], hostInterface: 'vethd3', up: true },
    ]));

  it('is told apart by MAC', () => expect(new Set(duplicate?.holders.map(({ mac }) => mac)).size).to.equal(2));

  it('comes with its IPAM record', () => {
    const files = { '/var/lib/cni/networks/cbr0/10.233.14.145': 'abc\neth0', '/var/lib/cni/networks/cbr0/10.233.14.14': 'x' };
    expect(duplicateAddresses({ ...snapshot, files })[0]?.ipam).to.deep.equal({ '/var/lib/cni/networks/cbr0/10.233.14.145': 'abc\neth0' });
  });

  it('is no duplicate on two bridges', () => {
    const apart = (host: Netns): Netns => ({
      ...host,
      links: [
        ...host.links.map((link) => (link.name === 'vethd3' ? { ...link, master: { ifindex: 99, name: 'docker1' } } : link)),
        { ...(host.links.find(({ name }) => name === 'docker0') as Netns['links'][number]), ifindex: 99, name: 'docker1', addresses: [] },
      ],
    });
    expect(
      duplicateAddresses({ ...snapshot, namespaces: snapshot.namespaces.map((netns) => (netns.role === 'host' ? apart(netns) : netns)) }),
    ).to.deep.equal([]);
  });

  it('is found between a pod and the bridge itself', () => {
    const [bridge] = snapshot.namespaces[0]?.links.find(({ name }) => name === 'docker0')?.addresses ?? [];
    const taken = (netns: Netns): Netns =>
      netns.podUid === '0b5f3a51-7b3c-4c52-9c6e-2f1f6a1e5d01' && bridge
        ? { ...netns, links: netns.links.map((link) => (link.name === 'eth0' ? { ...link, addresses: [bridge] } : link)) }
        : netns;
    expect(
      duplicateAddresses({ ...snapshot, namespaces: snapshot.namespaces.map(taken) }).map(({ address, holders }) => [
        address,
        holders.map(({ role }) => role),
      ]),
    ).to.deep.equal([['10.233.14.129', ['host', 'pod']]]);
  });

  it('is none on healthy nodes', () => {
    for (const name of ['calico-healthy', 'cilium', 'kube-ovn', 'ovn-peerpod']) expect(duplicateAddresses(snapshotOf(name)), name).to.deep.equal([]);
    expect(duplicateAddresses(collection('flannel-node1'))).to.deep.equal([]);
  });
});

describe('interfaces that lead to a namespace without a name', () => {
  const snapshot = collection('leaked-namespace');
  it('are none while every nsid is known', () => expect(orphanInterfaces(snapshot)).to.deep.equal([]));
  it('are named when one is not', () => {
    const namespaces = snapshot.namespaces.map((netns) => (netns.role === 'host' ? { ...netns, nsids: { 0: netns.nsids[0] ?? '' } } : netns));
    expect(orphanInterfaces({ ...snapshot, namespaces }).map(({ interface: name }) => name)).to.deep.equal(['vethd2', 'vethd3']);
  });
  it('are not the NIC of a node that is a container', () => expect(orphanInterfaces(collection('flannel-node1'))).to.deep.equal([]));
});
