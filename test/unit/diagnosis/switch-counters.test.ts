import { expect } from 'chai';
import { diagnose } from '../../../src/diagnosis/diagnose.ts';
import type { Evidence } from '../../../src/diagnosis/evidence.ts';
import type { OvsState } from '../../../src/node/dataplane-state.ts';
import { parseOvs } from '../../../src/node/parse/ovs.ts';
import { parseOvsPorts, withCounters } from '../../../src/node/parse/ovs-ports.ts';
import type { LinkStats } from '../../../src/node/snapshot.ts';
import type { Sighting } from '../../../src/probe/observation.ts';
import { address, type FlannelCluster, flannelCluster, found, makeLink } from '../forwarding/world.ts';
import { fixture } from '../node/recorded.ts';
import { ask, type Question } from './evidence.ts';

/** A switch as recorded before and after five pings that were lost in it (or answered), read by the collector. */
const recorded = (name: string): OvsState =>
  withCounters(parseOvs(fixture('ovs-ports/ovs')).value, parseOvsPorts(fixture(`ovs-ports/${name}`)).value);

const stats = (more: Partial<LinkStats> = {}): LinkStats => ({
  rxPackets: 0,
  rxBytes: 0,
  rxErrors: 0,
  rxDropped: 0,
  rxOtherhost: 0,
  txPackets: 0,
  txBytes: 0,
  txErrors: 0,
  txDropped: 0,
  ...more,
});

interface Told {
  outcome?: Question['outcome'];
  /** What a capture on the host saw: these attempts, by veth1 where it says no other. */
  seen?: Partial<Sighting>[];
  /** What the kernel's own device veth2 counted meanwhile. */
  device?: Partial<LinkStats>;
  timeoutMs?: number;
  change?: (after: OvsState) => void;
}

const portOf = ({ bridges }: OvsState, name: string) => found(bridges.flatMap(({ ports }) => ports).find((port) => port.name === name));

const hostOf = ({ snapshots }: Evidence) => found(snapshots[0]?.namespaces[0]);

/** web-0 on node1 asks a stranger, so that the model has nothing to say; node1 has the recorded switch besides. */
const judged = (name: string, { outcome = 'timeout', seen = [], device, timeoutMs = 1000, change }: Told = {}): Evidence => {
  const cluster: FlannelCluster = flannelCluster();
  cluster
    .host('node1')
    .links.push(
      makeLink(71, 'br-int', 'tun', { up: false, addresses: [address('10.9.0.254/24')] }),
      makeLink(72, 'br-ex', 'tun', { up: false }),
      makeLink(73, 'veth1', 'veth', { stats: stats() }),
      makeLink(74, 'veth2', 'veth', { stats: stats() }),
    );
  const evidence = ask(cluster, { from: 'web-0', to: 'web-1', outcome });
  const before = structuredClone(cluster.snapshots);
  Object.assign(found(before[0]), { ovs: recorded(`${name}.before`) });
  Object.assign(found(evidence.snapshots[0]), { ovs: recorded(`${name}.after`) });
  change?.(found(evidence.snapshots[0]?.ovs));
  if (device) Object.assign(found(hostOf(evidence).links.find((link) => link.name === 'veth2')), { stats: stats(device) });
  Object.assign(found(evidence.probes[0]).request, { timeoutMs });
  const { inode } = hostOf(evidence);
  const packet = { source: '10.9.0.1', destination: '10.9.0.2', protocol: 'icmp' as const };
  const sightings = seen.map(
    (one): Sighting => ({
      node: 'node1',
      netns: inode,
      interface: 'veth1',
      time: 1,
      packet,
      wireLength: 84,
      what: 'request',
      probe: 'main',
      direction: 'in',
      ...one,
    }),
  );
  return { ...evidence, before, taps: [{ node: 'node1', netns: inode, dropped: 0, sightings }] };
};

const evidenceOf = (evidence: Evidence): string => found(diagnose(evidence).findings[0]).evidence.join('\n');

const all = (direction: Sighting['direction'] = 'in', more: Partial<Sighting> = {}) =>
  [0, 1, 2, 3, 4].map((attempt) => ({ attempt, direction, ...more }));

/** The node itself was asked, too, and got these packets by its own end of br-int. */
const toNode = all('in', { interface: 'br-int', probe: 'pod-to-own-node' });

const sentToNode =
  (packets: number, dropped = 0) =>
  (after: OvsState): void => {
    const { tx } = found(portOf(after, 'br-int').counters);
    Object.assign(tx, { packets: (tx.packets ?? 0) + packets, dropped: (tx.dropped ?? 0) + dropped });
  };

describe('a port of Open vSwitch that dropped while probes were lost', () => {
  it('is named, with its bridge and the way', () => {
    expect(evidenceOf(judged('local-down'))).to.include('node1: dropped by OVS port br-int of br-int (tx) rose by 5');
  });

  it("is not named where it is a bridge's own device that is down and has no address: that one drops whatever is flooded", () => {
    const before = recorded('local-down.before')
      .bridges.find(({ name }) => name === 'br-ex')
      ?.ports.find(({ name }) => name === 'br-ex');
    const after = recorded('local-down.after')
      .bridges.find(({ name }) => name === 'br-ex')
      ?.ports.find(({ name }) => name === 'br-ex');
    expect((after?.counters?.tx.dropped ?? 0) - (before?.counters?.tx.dropped ?? 0)).to.equal(5);
    expect(evidenceOf(judged('local-down'))).to.not.include('br-ex');
  });

  it('is said once where the device behind it says it, too', () => {
    const told = evidenceOf(judged('pod-mtu', { device: { txDropped: 5 } }));
    expect(told).to.include('node1: dropped before sending on veth2 rose by 5').and.to.not.include('OVS port');
    expect(evidenceOf(judged('pod-mtu'))).to.include('node1: dropped by OVS port veth2 of br-int (tx) rose by 5');
  });

  it('is not named when it dropped less than was lost', () => {
    const ten = Array.from({ length: 10 }, () => 'timeout' as const);
    expect(evidenceOf(judged('local-down', { outcome: ten }))).to.not.include('OVS port');
  });

  it('is not named when it did not count', () => expect(evidenceOf(judged('healthy'))).to.not.include('OVS port'));

  it('is not named where the switch was read once only', () => {
    const evidence = judged('local-down');
    Object.assign(found(evidence.before?.[0]), { ovs: parseOvs(fixture('ovs-ports/ovs')).value });
    expect(evidenceOf(evidence)).to.not.include('OVS port');
  });

  it("is nobody's concern while all is well", () => {
    const { findings } = diagnose(judged('local-down', { outcome: 'answered' }));
    expect(findings.flatMap(({ title, evidence }) => [title, ...evidence]).join('\n')).to.not.include('OVS');
  });
});

describe('what a device of Open vSwitch receives', () => {
  it('is for another MAC as far as the kernel knows, and no news', () => {
    expect(evidenceOf(judged('healthy', { device: { rxOtherhost: 5, rxDropped: 5 } })))
      .to.include('node1: received and dropped on veth2 rose by 5')
      .and.to.not.include('for another MAC');
  });
});

describe('a switch that sends nothing on', () => {
  const SAYS = 'node1: OVS port veth1 of br-int received 5 lost probes, and no other port of br-int sent a packet meanwhile';

  for (const [name, why] of [
    ['port-down', 'a port that OpenFlow has put down'],
    ['port-mtu', 'a port whose device takes no packets of this size'],
    ['flow', 'a flow of one'],
  ]) {
    it(`is told where nothing else counts the loss: ${why}`, () => expect(evidenceOf(judged(`${name}`, { seen: all('peer') }))).to.include(SAYS));
  }

  it('counts the probes that captures saw come in, and tells how many packets came in all', () =>
    expect(evidenceOf(judged('flow', { seen: all().slice(2) }))).to.include('received 3 lost probes (5 packets in all), and no other port'));

  it('is told where all that other ports sent was seen to be something else', () =>
    expect(evidenceOf(judged('flow', { seen: [...all(), ...toNode], change: sentToNode(5) }))).to.include(
      'node1: OVS port veth1 of br-int received 5 lost probes, and no other port of br-int sent any of them: all 5 packets that they sent were others',
    ));

  for (const [says, told] of [
    ['another port sent a packet that no capture recognised', { seen: [...all(), ...toNode], change: sentToNode(6) }],
    ['what was seen may be what the port dropped, and what it sent another', { seen: [...all(), ...toNode], change: sentToNode(5, 1) }],
    ['what another port sent were the lost probes', { seen: [...all(), ...all('in', { interface: 'br-int' })], change: sentToNode(5) }],
    ['captures did not see the probes come in', {}],
    ['captures saw them go out there', { seen: all('out') }],
    ['those that came in were answered', { seen: all().slice(0, 4), outcome: ['answered', 'answered', 'answered', 'answered', 'timeout'] }],
    ['another port sent something', { seen: all(), name: 'local-down' }],
    ['nobody waited until tunnels and patch ports have counted', { seen: all(), timeoutMs: 500 }],
    ['a port was not there before', { seen: all(), change: (after) => Object.assign(portOf(after, 'ovn-0'), { ofport: 99 }) }],
    [
      'a port does not count what it sends',
      {
        seen: all(),
        change: (after) => Object.assign(portOf(after, 'ovn-0'), { counters: { rx: { packets: 0 }, tx: {} } }),
      },
    ],
  ] satisfies [string, Told & { name?: string }][]) {
    it(`is not claimed where ${says}`, () => {
      const { name = 'flow', ...rest } = told as Told & { name?: string };
      expect(evidenceOf(judged(name, rest))).to.not.include('no other port');
    });
  }
});
