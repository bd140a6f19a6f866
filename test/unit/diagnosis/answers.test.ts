import { expect } from 'chai';
import { answersTo } from '../../../src/diagnosis/answers.ts';
import { diagnose } from '../../../src/diagnosis/diagnose.ts';
import type { Sighting, TapResult } from '../../../src/probe/observation.ts';
import { type FlannelCluster, flannelCluster, found, link } from '../forwarding/world.ts';
import { ask } from './evidence.ts';

const crossNode = { from: 'web-0', to: 'db-0' };

type Seen = Pick<Sighting, 'node' | 'interface' | 'direction' | 'time'> & Partial<Sighting>;

const taps = (cluster: FlannelCluster, sightings: Seen[]): TapResult[] =>
  sightings.map((seen) => {
    const netns = seen.netns ?? cluster.host(seen.node as 'node1').inode;
    const packet = { source: '10.244.1.5', destination: '10.244.0.4', protocol: 'tcp' as const };
    return {
      node: seen.node,
      netns,
      dropped: 0,
      sightings: [{ wireLength: 60, packet, what: 'reply', attempt: 0, probe: 'main', ...seen, netns }],
    };
  });

const inPod = (cluster: FlannelCluster): Seen => ({ node: 'node2', netns: cluster.pod('db-0').inode, interface: 'eth0', direction: 'out', time: 1 });

const atPort = (mac: string | undefined): Seen => ({
  node: 'node2',
  interface: 'veth-db-0',
  direction: 'in',
  time: 2,
  ...(mac === undefined ? {} : { sourceMac: mac }),
});

describe('who answered', () => {
  it('is the pod that sent it, whatever the clock of the asking node says', () => {
    const cluster = flannelCluster();
    const evidence = ask(cluster, { ...crossNode, outcome: 'answered' });
    const seen = taps(cluster, [
      { node: 'node1', interface: 'eth0', direction: 'in', time: -5 },
      atPort(link(cluster.pod('db-0'), 'eth0').mac),
      inPod(cluster),
    ]);
    const [answer, ...others] = answersTo(found(evidence.probes[0]), seen, evidence);
    expect(answer).to.include({ what: 'reply', how: 'sent', where: 'pod default/db-0', interface: 'eth0', attempts: 1 });
    expect(others).to.deep.equal([]);
  });

  it('is a stranger on the bridge when another MAC answers', () => {
    const cluster = flannelCluster();
    const evidence = ask(cluster, { ...crossNode, outcome: ['answered', 'refused'] });
    evidence.taps = taps(cluster, [{ ...atPort('02:42:00:00:00:99'), what: 'reset', attempt: 1 }, inPod(cluster)]);
    const finding = found(diagnose(evidence).findings[0]);
    expect(finding).to.include({ code: 'ND1102', confidence: 'certain' });
    expect(finding.title).to.include('02:42:00:00:00:99').and.include('veth-db-0').and.include('node2');
  });

  it('is no stranger when the pod itself answers by its port', () => {
    const cluster = flannelCluster();
    const evidence = ask(cluster, { ...crossNode, outcome: ['answered', 'timeout'] });
    evidence.taps = taps(cluster, [atPort(link(cluster.pod('db-0'), 'eth0').mac)]);
    expect(diagnose(evidence).findings.map(({ code }) => code)).to.not.include('ND1102');
  });
});
