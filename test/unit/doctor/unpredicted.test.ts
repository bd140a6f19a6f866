import { expect } from 'chai';
import { withUnpredicted } from '../../../src/doctor/unpredicted.ts';
import type { TapPlace } from '../../../src/probe/tap/tap-summary.ts';
import { ask } from '../diagnosis/evidence.ts';
import { flannelCluster, found } from '../forwarding/world.ts';

const cluster = flannelCluster();
const evidence = ask(cluster, { from: 'web-0', to: 'web-1', outcome: 'answered' });
const walk = found(evidence.walks.main?.there);

const place = (name: string, direction: 'in' | 'out', time: number, more: Partial<TapPlace> = {}): TapPlace => ({
  node: 'node1',
  netns: cluster.host('node1').inode,
  interface: name,
  direction,
  otherHost: false,
  requests: new Map([[0, time]]),
  replies: new Map(),
  resets: new Map(),
  errors: new Map(),
  requestPackets: new Map([[0, walk.packet]]),
  answerPackets: new Map(),
  ...more,
});

const seen = (places: TapPlace[], others = new Set<number>()) =>
  withUnpredicted(walk, places, 'there', cluster, others).map((hop) => `${hop.interface}${hop.unpredicted ? '!' : ''}`);

const predicted = walk.hops.map((hop) => hop.interface);

describe('places that nobody predicted', () => {
  it('stand where the clock of their node puts them', () => {
    const last = found(walk.hops.at(-2));
    const places = [place(last.interface, last.direction, 5), place('eth0', 'out', 6)];
    const at = predicted.length - 1;
    expect(seen(places)).to.deep.equal([...predicted.slice(0, at), 'eth0!', ...predicted.slice(at)]);
  });

  it('are none where another endpoint was asked, or an answer passed', () => {
    expect(seen([place('eth0', 'out', 6)], new Set([0]))).to.deep.equal(predicted);
    expect(seen([place('eth0', 'out', 6, { requests: new Map(), replies: new Map([[0, 6]]) })])).to.deep.equal(predicted);
  });

  it('are no surprise on the bridge between two ports', () => {
    const names = seen([place('cni0', 'out', 5)]);
    expect(names).to.include('cni0').and.not.include('cni0!');
    const hops = withUnpredicted(walk, [place('cni0', 'out', 5)], 'there', cluster, new Set());
    expect(hops.find((hop) => hop.interface === 'cni0' && hop.direction === 'out')?.what).to.equal('by way of the bridge itself');
  });
});
