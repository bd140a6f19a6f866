import { expect } from 'chai';
import { predict } from '../../../src/forwarding/predict.ts';
import { walk } from '../../../src/forwarding/walk.ts';
import { flannelCluster, found } from './world.ts';

/** web-0 asks a pod, with an XDP program on the node's end of its link. */
const asked = (destination: string) => {
  const cluster = flannelCluster();
  const { links } = cluster.host('node1');
  found(links.find(({ name }) => name === 'veth-web-0')).xdp = { mode: 'generic' };
  const packet = { source: '', destination, protocol: 'tcp' as const, sourcePort: 40000, destinationPort: 8080 };
  const start = { node: 'node1', netns: cluster.pod('web-0').inode };
  return { walked: walk(packet, start, cluster), predicted: predict(packet, start, cluster) };
};

describe('an XDP program on the way', () => {
  it('is followed as if there were none, with a doubt', () => {
    const { walked } = asked('10.244.1.5');
    expect(walked.hops.map((hop) => `${hop.node} ${hop.interface}`)).to.include.members(['node1 cni0', 'node1 flannel.1', 'node2 cni0']);
    expect(walked.outcome).to.equal('unknown');
    expect(walked.hops.flatMap(({ unsure }) => unsure ?? [])).to.deep.equal(['an XDP program on veth-web-0 decides']);
  });

  it('leaves open what becomes of the packet, and how often', () => {
    const { forecast, ways, doubts } = asked('10.244.1.5').predicted;
    expect(forecast.unknown).to.equal(1);
    expect(doubts).to.deep.equal(['an XDP program on veth-web-0 decides']);
    expect(ways.length).to.be.greaterThan(1);
    expect(ways.filter(({ share }) => share !== undefined)).to.deep.equal([]);
  });
});
