import { expect } from 'chai';
import type { Packet, Walk } from '../../../src/forwarding/hop.ts';
import { certain, predict } from '../../../src/forwarding/predict.ts';
import { walk, walkBack } from '../../../src/forwarding/walk.ts';
import { type Break, breaks } from './breaks.ts';
import { type FlannelCluster, flannelCluster } from './world.ts';

const DESTINATIONS = { pod: ['10.244.1.5', 8080], service: ['10.96.0.50', 80], neighbour: ['10.244.0.5', 8080] } as const;

const question = ({ to = 'pod' as keyof typeof DESTINATIONS, length }: Pick<Break, 'length'> & { to?: keyof typeof DESTINATIONS }): Packet => {
  const [destination, destinationPort] = DESTINATIONS[to];
  return {
    source: '',
    destination,
    protocol: 'tcp',
    sourcePort: 40000,
    destinationPort,
    ...(length === undefined ? {} : { length, dontFragment: true }),
  };
};

const asked = (cluster: FlannelCluster, packet: Packet) => ({
  packet,
  start: { node: 'node1', netns: cluster.pod('web-0').inode },
});

/** Everything the walk there and back says, the end last. */
const storyOf = (walks: (Walk | undefined)[]): string =>
  walks
    .flatMap((one) => (one ? [...one.hops.flatMap(({ what, stop }) => [what, stop?.message ?? '', stop?.decidedBy ?? '']), one.outcome] : []))
    .join('\n');

describe('what really breaks traffic', () => {
  it('comes in 38 kinds and more', () => {
    expect(breaks.length).to.be.at.least(38);
  });

  for (const fault of breaks) {
    it(`${fault.title}: ${fault.result}`, () => {
      const cluster = flannelCluster();
      fault.make(cluster);
      const { packet, start } = asked(cluster, question(fault));
      const { forecast } = predict(packet, start, cluster);
      expect(certain(forecast), JSON.stringify(forecast)).to.equal(fault.result);
      const there = walk(packet, start, cluster);
      const back = walkBack(there, cluster);
      expect(storyOf([there, back])).to.match(fault.says);
      const end = [there, back].flatMap((one) => one?.hops ?? []).find(({ stop }) => stop);
      if (fault.at !== undefined) expect(end && `${end.node} ${end.interface}`).to.equal(fault.at);
      const exit = there.exit ?? back?.exit;
      if (fault.leaves !== undefined) expect(exit && `${exit.node} ${exit.interface}`).to.equal(fault.leaves);
    });
  }

  it('nothing of it is there when nothing is broken', () => {
    for (const to of ['pod', 'service', 'neighbour'] as const) {
      const cluster = flannelCluster();
      const { packet, start } = asked(cluster, question({ to }));
      expect(certain(predict(packet, start, cluster).forecast)).to.equal('ok');
    }
  });
});
