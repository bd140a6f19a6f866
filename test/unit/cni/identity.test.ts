import { expect } from 'chai';
import { withoutTunnel } from '../../../src/cni/flannel.ts';
import { flannelMismatches } from '../../../src/cni/flannel-mismatch.ts';
import { dataPlane, identifyCni } from '../../../src/cni/identity.ts';
import { kubeProxyMode } from '../../../src/cni/kube-proxy/mode.ts';
import { recorded } from '../forwarding/recordings.ts';
import { address, dropRoutes, emptyNetns, flannelCluster, link, makeLink, route } from '../forwarding/world.ts';

describe('the network plugin of a node', () => {
  it('is told by its signs', () => {
    const cluster = flannelCluster();
    const { name, mode, signs } = identifyCni(cluster.node('node1'), cluster.facts);
    expect([name, mode]).to.deep.equal(['flannel', 'vxlan']);
    expect(signs).to.include('/run/flannel/subnet.env').and.to.include('process flanneld');
  });

  it('is told on recorded nodes', () => {
    for (const [name, plane] of [
      ['calico-policy-drop', { cni: 'calico', kubeProxy: 'iptables' }],
      ['calico-nft-policy-drop', { cni: 'calico', kubeProxy: 'iptables' }],
      ['flannel-hostgw-nftables-dual', { cni: 'flannel host-gw', kubeProxy: 'nftables' }],
    ] as const) {
      const world = recorded(name);
      expect(dataPlane(world.snapshots, world.facts), name).to.deep.equal(plane);
    }
  });

  it('is unknown where there is none', () => {
    const cluster = flannelCluster();
    const bare = { ...cluster.node('node1'), files: {}, daemons: {}, namespaces: [emptyNetns('1', 'host')] };
    expect(identifyCni(bare, cluster.facts).name).to.equal('unknown');
    expect(kubeProxyMode(bare)).to.equal('none');
  });

  it('of each other kind is named by the interface that only it makes', () => {
    const cluster = flannelCluster();
    for (const [name, device] of [
      ['cilium', 'cilium_host'],
      ['kube-ovn', 'ovn0'],
      ['ovn-kubernetes', 'ovn-k8s-mp0'],
      ['antrea', 'antrea-gw0'],
      ['kindnet', 'knet1a2b3c'],
      ['weave', 'weave'],
    ] as const) {
      const netns = { ...emptyNetns('1', 'host'), links: [makeLink(2, device, '')] };
      expect(identifyCni({ ...cluster.node('node1'), files: {}, daemons: {}, namespaces: [netns] }, cluster.facts).name).to.equal(name);
    }
  });
});

describe('what flannel should have set up', () => {
  it('is all there on a healthy node', () => {
    const cluster = flannelCluster();
    expect(flannelMismatches(cluster.node('node1'), 'node2', cluster.facts, cluster.node('node2'))).to.deep.equal([]);
  });

  it('is told with the command that puts one entry right', () => {
    const cluster = flannelCluster();
    dropRoutes(cluster.host('node1'), '10.244.1.0/24');
    const [mismatch] = flannelMismatches(cluster.node('node1'), 'node2', cluster.facts);
    expect(mismatch).to.include({
      kind: 'route-missing',
      expected: '10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink',
      repair: 'ip route replace 10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink',
    });
  });

  it('may as well be a route straight to a neighbour on the same subnet', () => {
    const cluster = flannelCluster();
    dropRoutes(cluster.host('node1'), '10.244.1.0/24');
    cluster.host('node1').routes.push(route('10.244.1.0/24 via 10.33.188.142 dev eth0'));
    expect(flannelMismatches(cluster.node('node1'), 'node2', cluster.facts)).to.deep.equal([]);
  });

  it('is not judged from tables that could not be read', () => {
    const cluster = flannelCluster();
    dropRoutes(cluster.host('node1'), '10.244.1.0/24');
    cluster.node('node1').problems.push({ section: 'routes-4', netns: cluster.host('node1').inode, kind: 'failed', detail: 'killed' });
    expect(flannelMismatches(cluster.node('node1'), 'node2', cluster.facts)).to.deep.equal([]);
  });

  it('can do without the tunnel only where the nodes share a subnet', () => {
    const cluster = flannelCluster();
    expect(withoutTunnel(cluster.node('node1'), 'node2', cluster.facts).join('\n')).to.include('10.33.188.0/24');
    link(cluster.host('node1'), 'eth0').addresses = [address('10.33.188.138/32')];
    expect(withoutTunnel(cluster.node('node1'), 'node2', cluster.facts)).to.deep.equal([]);
  });
});
