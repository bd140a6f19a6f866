import { expect } from 'chai';
import fc from 'fast-check';
import { walk, walkBack } from '../../../src/forwarding/walk.ts';
import { flannelCluster, link, route } from './world.ts';

describe('a walk always ends', () => {
  it('whatever routes, masters and link states the nodes have', () => {
    const destination = fc.constantFrom('10.244.0.0/24', '10.244.1.0/24', '10.244.1.5', '0.0.0.0/0', '10.33.188.0/24', '10.96.0.0/12');
    const via = fc.constantFrom('', 'via 10.244.1.0 ', 'via 10.33.188.142 ', 'via 10.33.188.138 ', 'via 10.244.0.4 ');
    const device = fc.constantFrom('eth0', 'cni0', 'flannel.1', 'lo', 'veth-web-0', 'nowhere');
    const change = fc.record({ node: fc.constantFrom('node1', 'node2'), destination, via, device, first: fc.boolean() });
    const broken = fc.record({
      node: fc.constantFrom('node1', 'node2'),
      device: fc.constantFrom('eth0', 'cni0', 'flannel.1'),
      up: fc.boolean(),
      carrier: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 6 }), fc.array(broken, { maxLength: 3 }), (changes, states) => {
        const cluster = flannelCluster();
        for (const { node, destination: prefix, via: gateway, device: name, first } of changes) {
          const made = route(`${prefix} ${gateway}dev ${name}`);
          const { routes } = cluster.host(node);
          if (first) routes.unshift(made);
          else routes.push(made);
        }
        for (const { node, device: name, up, carrier } of states) Object.assign(link(cluster.host(node), name), { up, carrier });
        for (const target of ['10.244.1.5', '10.96.0.50', '10.33.188.142', '8.8.8.8']) {
          const there = walk(
            { source: '', destination: target, protocol: 'tcp', sourcePort: 1, destinationPort: 80 },
            { node: 'node1', netns: cluster.pod('web-0').inode },
            cluster,
          );
          walkBack(there, cluster);
          expect(['delivered', 'stopped', 'left', 'unknown']).to.include(there.outcome);
          expect(there.outcome === 'stopped').to.equal(there.hops.some((hop) => hop.stop !== undefined));
        }
      }),
      { numRuns: 200 },
    );
  });

  it('in a routing loop between two nodes, and says so', () => {
    const cluster = flannelCluster();
    cluster.host('node2').routes.unshift(route('10.244.1.5 via 10.244.0.0 dev flannel.1 onlink'));
    cluster.host('node1').routes.unshift(route('10.244.1.5 via 10.244.1.0 dev flannel.1 onlink'));
    const there = walk(
      { source: '', destination: '10.244.1.5', protocol: 'udp', destinationPort: 53 },
      { node: 'node1', netns: cluster.pod('web-0').inode },
      cluster,
    );
    expect(there.hops.at(-1)?.stop?.reason).to.be.oneOf(['loop', 'reverse-path']);
  });
});
