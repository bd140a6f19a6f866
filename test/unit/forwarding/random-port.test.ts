import { expect } from 'chai';
import type { Walk } from '../../../src/forwarding/hop.ts';
import { walk, walkBack } from '../../../src/forwarding/walk.ts';
import { type FlannelCluster, flannelCluster, insertRule } from './world.ts';

/** web-0 asks the other node: flannel masquerades that with `--random-fully`. */
const toOtherNode = (cluster: FlannelCluster): Walk =>
  walk(
    { source: '', destination: '10.33.188.142', protocol: 'tcp', sourcePort: 40000, destinationPort: 10250 },
    { node: 'node1', netns: cluster.pod('web-0').inode },
    cluster,
  );

describe('a source port drawn at random', () => {
  it('leaves open what a rule for source ports beyond it does', () => {
    const cluster = flannelCluster();
    insertRule(cluster.host('node2'), 'filter', 'INPUT', '-p tcp -m tcp --sport 30000:40000 -j DROP');
    const there = toOtherNode(cluster);
    expect(there.doubts.join()).to.contain('--sport 30000:40000');
    expect(there.outcome).to.equal('delivered');
  });

  it('is the asker’s own for rules before it is drawn', () => {
    const cluster = flannelCluster();
    insertRule(cluster.host('node1'), 'filter', 'FORWARD', '-p tcp -m tcp --sport 40000 -j DROP');
    expect(toOtherNode(cluster)).to.deep.include({ outcome: 'stopped', doubts: [] });
  });

  it('is none of a few ports that a rule names, and one of nearly all', () => {
    const few = flannelCluster();
    insertRule(few.host('node2'), 'filter', 'INPUT', '-p tcp -m multiport --sports 40000,8080,9000:9100 -j DROP');
    expect(toOtherNode(few)).to.deep.include({ outcome: 'delivered', doubts: [] });
    const all = flannelCluster();
    insertRule(all.host('node2'), 'filter', 'INPUT', '-p tcp -m tcp --sport 1024: -j DROP');
    expect(toOtherNode(all)).to.deep.include({ outcome: 'stopped', doubts: [] });
  });

  it('leaves open what a rule does with the answer to it', () => {
    const cluster = flannelCluster();
    insertRule(cluster.host('node2'), 'filter', 'OUTPUT', '-p tcp -m tcp --dport 30000:40000 -j DROP');
    expect(walkBack(toOtherNode(cluster), cluster)?.doubts.join()).to.contain('--dport 30000:40000');
  });

  it('is the asker’s own again once the answer is translated back', () => {
    const cluster = flannelCluster();
    insertRule(cluster.host('node1'), 'filter', 'FORWARD', '-p tcp -m tcp --dport 40000 -j DROP');
    expect(walkBack(toOtherNode(cluster), cluster)).to.deep.include({ outcome: 'stopped', doubts: [] });
  });
});
