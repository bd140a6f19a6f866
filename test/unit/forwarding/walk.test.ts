import { expect } from 'chai';
import type { Walk } from '../../../src/forwarding/hop.ts';
import { walk, walkBack } from '../../../src/forwarding/walk.ts';
import { tablesFrom } from './iptables-text.ts';
import { kubeProxyAndFlannel } from './rules.ts';
import { type FlannelCluster, flannelCluster } from './world.ts';

const way = ({ hops }: Walk): string[] => hops.map((hop) => `${hop.node} ${hop.interface} ${hop.direction}`);

const fromPod = (cluster: FlannelCluster, name: string, destination: string, destinationPort = 8080): Walk =>
  walk(
    { source: '', destination, protocol: 'tcp', sourcePort: 40000, destinationPort },
    { node: cluster.podFacts(name).node ?? '', netns: cluster.pod(name).inode },
    cluster,
  );

describe('a walk through a healthy flannel cluster', () => {
  it('goes through veth, bridge, VXLAN and underlay to a pod on the other node', () => {
    const there = fromPod(flannelCluster(), 'web-0', '10.244.1.5');
    expect(way(there)).to.deep.equal([
      'node1 eth0 out',
      'node1 veth-web-0 in',
      'node1 cni0 in',
      'node1 flannel.1 out',
      'node1 eth0 out',
      'node2 eth0 in',
      'node2 flannel.1 in',
      'node2 cni0 out',
      'node2 veth-db-0 out',
      'node2 eth0 in',
    ]);
    expect(there.outcome).to.equal('delivered');
    expect(there.hops.filter((hop) => hop.unsure !== undefined)).to.deep.equal([]);
  });

  it('and the reply comes back the same way', () => {
    const cluster = flannelCluster();
    const back = walkBack(fromPod(cluster, 'web-0', '10.244.1.5'), cluster);
    expect(back?.outcome).to.equal('delivered');
    expect(back && way(back)).to.have.length(10);
    expect(back?.arrived).to.include({ source: '10.244.1.5', destination: '10.244.0.4', destinationPort: 40000 });
  });

  it('crosses only the bridge to a pod of the same node', () => {
    const cluster = flannelCluster();
    const there = fromPod(cluster, 'web-0', '10.244.0.5');
    expect(way(there)).to.deep.equal(['node1 eth0 out', 'node1 veth-web-0 in', 'node1 veth-web-1 out', 'node1 eth0 in']);
    expect(walkBack(there, cluster)?.outcome).to.equal('delivered');
  });

  it('is translated to the endpoint of a Service and back', () => {
    const cluster = flannelCluster();
    const there = fromPod(cluster, 'web-0', '10.96.0.50', 80);
    expect(there.outcome).to.equal('delivered');
    expect(there.arrived).to.include({ source: '10.244.0.4', destination: '10.244.1.5', destinationPort: 8080 });
    const back = walkBack(there, cluster);
    expect(back?.outcome).to.equal('delivered');
    expect(back?.arrived).to.include({ source: '10.96.0.50', sourcePort: 80 });
  });

  it('stays on the bridge to an endpoint of its own node, as br_netfilter translates there', () => {
    const cluster = flannelCluster();
    cluster.host('node1').netfilter.iptables = tablesFrom(kubeProxyAndFlannel(0).replaceAll('10.244.1.5', '10.244.0.5'));
    const there = fromPod(cluster, 'web-0', '10.96.0.50', 80);
    expect(way(there)).to.deep.equal(['node1 eth0 out', 'node1 veth-web-0 in', 'node1 veth-web-1 out', 'node1 eth0 in']);
    expect(walkBack(there, cluster)?.arrived).to.include({ source: '10.96.0.50', sourcePort: 80 });
  });

  it('is masqueraded when a pod asks for itself through its Service', () => {
    const cluster = flannelCluster();
    const there = fromPod(cluster, 'db-0', '10.96.0.50', 80);
    expect(there.outcome).to.equal('delivered');
    expect(there.arrived).to.include({ source: '10.244.1.1', destination: '10.244.1.5' });
    expect(walkBack(there, cluster)?.outcome).to.equal('delivered');
  });

  it('reaches its own node and the other node', () => {
    const cluster = flannelCluster();
    for (const destination of ['10.33.188.138', '10.33.188.142', '10.244.0.1']) {
      const there = fromPod(cluster, 'web-0', destination, 10250);
      expect(there.outcome, destination).to.equal('delivered');
      expect(walkBack(there, cluster)?.outcome, destination).to.equal('delivered');
    }
  });

  it('leaves masqueraded to what lies outside', () => {
    const there = fromPod(flannelCluster(), 'web-0', '10.1.1.7', 27017);
    expect(there.outcome).to.equal('left');
    expect(there.hops.at(-1)?.packet.source).to.equal('10.33.188.138');
  });

  it('comes from a node to a pod of the other node and back', () => {
    const cluster = flannelCluster();
    const there = walk({ source: '', destination: '10.244.1.5', protocol: 'icmp' }, { node: 'node1', netns: cluster.host('node1').inode }, cluster);
    expect(there.outcome).to.equal('delivered');
    expect(walkBack(there, cluster)?.outcome).to.equal('delivered');
  });

  it('is rejected for a Service without endpoints', () => {
    const there = fromPod(flannelCluster(), 'web-0', '10.96.0.60', 80);
    expect(there.hops.at(-1)?.stop).to.include({ reason: 'reject' });
    expect(there.hops.at(-1)?.stop?.facts).to.include({ chain: 'KUBE-SERVICES', number: '1' });
  });
});
