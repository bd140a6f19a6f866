import { expect } from 'chai';
import { withSeen } from '../../../src/doctor/seen.ts';
import type { Hop } from '../../../src/forwarding/hop.ts';
import type { Sighting, TapResult } from '../../../src/probe/observation.ts';
import type { Outcome, ProbeResult } from '../../../src/probe/probe.ts';

const VIP = '10.96.0.5';
const BACKEND = '10.244.1.5';
const OTHER = '10.244.2.6';

const hop = (name: string, direction: 'in' | 'out', destination: string): Hop => ({
  node: 'n',
  netns: '1',
  where: 'host',
  interface: name,
  direction,
  what: '',
  packet: { source: 'a', destination, protocol: 'tcp' },
});

const probe = (outcomes: Outcome[]): ProbeResult => ({
  request: {
    id: '1',
    purpose: 'main',
    node: 'n',
    from: { netns: 'host' },
    fromLabel: '',
    toLabel: '',
    destination: VIP,
    protocol: 'tcp',
    port: 80,
    count: outcomes.length,
    timeoutMs: 1,
  },
  attempts: outcomes.map((outcome) => ({ outcome })),
});

const sighting = (attempt: number, name: string, direction: 'in' | 'out', destination: string, time: number): Sighting => ({
  wireLength: 60,
  node: 'n',
  netns: '1',
  interface: name,
  direction,
  time,
  packet: { source: 'a', destination, protocol: 'tcp' },
  what: 'request',
  attempt,
  probe: '1',
});

const tap = (sightings: Sighting[], more: Partial<TapResult> = {}): TapResult => ({ node: 'n', netns: '1', sightings, dropped: 0, ...more });

describe('how often a hop saw the probes', () => {
  it('counts attempts, not packets: a retransmission is no second probe', () => {
    const [first] = withSeen(
      [hop('veth', 'in', VIP)],
      [tap([sighting(0, 'veth', 'in', VIP, 1), sighting(0, 'veth', 'in', VIP, 2)])],
      probe(['timeout', 'timeout']),
      'there',
    );
    expect(first?.seen).to.deep.equal({ k: 1, n: 2 });
  });

  it('behind a Service expects only the attempts that were not sent elsewhere', () => {
    const seen = [
      sighting(0, 'veth', 'in', VIP, 1),
      sighting(1, 'veth', 'in', VIP, 1),
      sighting(0, 'eth0', 'out', BACKEND, 2),
      sighting(1, 'cni0', 'out', OTHER, 2),
    ];
    const hops = withSeen([hop('veth', 'in', VIP), hop('eth0', 'out', BACKEND)], [tap(seen)], probe(['timeout', 'timeout']), 'there');
    expect(hops.map((one) => one.seen)).to.deep.equal([
      { k: 2, n: 2 },
      { k: 1, n: 1 },
    ]);
  });

  it('calls a hop hidden, not lost, where answered probes were not recognised', () => {
    const [first] = withSeen([hop('eth0', 'out', BACKEND)], [tap([])], probe(['answered', 'answered']), 'there');
    expect(first).to.have.property('notVisible');
    expect(first).to.not.have.property('seen');
  });

  it('believes no absence in a capture that lost packets, was full or failed', () => {
    for (const fault of [{ dropped: 3 }, { full: true }, { notSeen: 'no tcpdump' }]) {
      const [first] = withSeen([hop('veth', 'in', VIP)], [tap([], fault)], probe(['timeout']), 'there');
      expect(first, JSON.stringify(fault)).to.have.property('notVisible');
    }
  });

  it('says nothing of a place that was not watched', () => {
    expect(withSeen([hop('veth', 'in', VIP)], [], probe(['timeout']), 'there')).to.deep.equal([hop('veth', 'in', VIP)]);
  });

  it('gives the delay since the hop before, the median over the attempts', () => {
    const seen = [0, 1, 2].flatMap((attempt) => [
      sighting(attempt, 'veth', 'in', VIP, attempt),
      sighting(attempt, 'cni0', 'in', VIP, attempt + 0.00001 * (attempt + 1)),
    ]);
    const [, second] = withSeen([hop('veth', 'in', VIP), hop('cni0', 'in', VIP)], [tap(seen)], probe(['answered', 'answered', 'answered']), 'there');
    expect(second?.delayMicros).to.equal(20);
  });
});
