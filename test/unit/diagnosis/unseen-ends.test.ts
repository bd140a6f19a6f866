import { expect } from 'chai';
import { diagnose } from '../../../src/diagnosis/diagnose.ts';
import type { Evidence } from '../../../src/diagnosis/evidence.ts';
import type { AddressClaim, Sighting, TapResult } from '../../../src/probe/observation.ts';
import { type FlannelCluster, flannelCluster, found } from '../forwarding/world.ts';
import { ask, drops, type Question } from './evidence.ts';

const sameNode: Question = { from: 'web-0', to: 'web-1', outcome: 'timeout' };
const crossNode: Question = { from: 'web-0', to: 'db-0', outcome: 'timeout' };

const first = (evidence: Evidence) => found(diagnose(evidence).findings[0]);

const question = (direction: AddressClaim['direction'], more: Partial<AddressClaim> = {}): AddressClaim => ({
  time: 1,
  interface: 'eth0',
  direction,
  what: 'who-has',
  address: '10.244.0.5',
  asker: '10.244.0.4',
  ...more,
});

const tap = (inode: string, claims: AddressClaim[], sightings: Sighting[] = []): TapResult => ({
  node: 'node1',
  netns: inode,
  sightings,
  dropped: 0,
  claims,
});

describe('a neighbour that does not answer', () => {
  const asked = (cluster: FlannelCluster, answers: AddressClaim[]): Evidence => {
    const questions = [1, 2, 3].map((time) => question('out', { time }));
    const heard = [1, 2, 3].map((time) => question('in', { time }));
    return { ...ask(cluster, sameNode), taps: [tap(cluster.pod('web-0').inode, [...questions, ...answers]), tap(cluster.pod('web-1').inode, heard)] };
  };

  it('is told from the questions that went out and that its pod heard', () => {
    const finding = first(asked(flannelCluster(), []));
    expect(finding).to.include({ code: 'ND1007', confidence: 'certain' });
    expect(finding.evidence.join('\n'))
      .to.include('nobody answered 3 questions for the MAC of 10.244.0.5')
      .and.include('eth0 of pod default/web-1 on node1');
  });

  it('is no cause when somebody answered', () => {
    const answer = question('in', { what: 'is-at', mac: '02:00:00:00:00:09' });
    expect(first(asked(flannelCluster(), [answer])).code).to.equal('ND0001');
  });
});

describe('a frame for another MAC', () => {
  it('names the neighbour entry that is wrong, and takes it away', () => {
    const cluster = flannelCluster();
    cluster.host('node2').neighbours.push({
      family: 4,
      address: '10.244.1.5',
      device: 'cni0',
      mac: '02:00:00:00:be:ef',
      state: 'PERMANENT',
      proxy: false,
      router: false,
    });
    const evidence = {
      ...ask(cluster, crossNode),
      drops: [
        {
          node: 'node2',
          lostEvents: 0,
          drops: drops(cluster, {
            netns: cluster.pod('db-0').inode,
            interface: 'eth0',
            direction: 'peer',
            reason: 'OTHERHOST',
            function: 'ip_rcv_core',
            stack: ['ip_rcv_core'],
          }),
        },
      ],
    };
    const finding = first(evidence);
    expect(finding).to.include({ code: 'ND2112', confidence: 'certain' });
    expect(finding.evidence.join('\n')).to.include('node2 has 02:00:00:00:be:ef for 10.244.1.5');
    expect(finding.fix[0]).to.include('ip neighbour del 10.244.1.5 dev cni0');
  });
});
