import { expect } from 'chai';
import { flowsOf } from '../../../src/capture/flows.ts';
import { type Interpretation, interpret } from '../../../src/capture/interpret.ts';
import type { CapturedPacket } from '../../../src/capture/packet.ts';
import { createRecogniser } from '../../../src/capture/recognise.ts';
import { allHops, createHopFinder, type Way } from '../../../src/capture/ways.ts';
import type { ProbeKey } from '../../../src/probe/tap/probe-keys.ts';
import { USUAL_TUNNEL_PORTS } from '../../../src/probe/tap/tunnel.ts';
import { cooked2, ipv4, tcp, udp } from '../probe/packets.ts';
import { type Crossing, crossing, sourceAt } from './crossing.ts';

const probeKey = (destination = '10.244.1.5', port = 8080): ProbeKey => ({
  probe: 'main',
  attempt: 2,
  protocol: 'tcp',
  destination,
  port,
  sourcePort: 61_440,
});

const howFor = (ways: Way[], more: Partial<Interpretation> = {}): Interpretation => {
  const recogniser = createRecogniser();
  return { finder: createHopFinder(allHops(ways)), recogniser, tunnels: USUAL_TUNNEL_PORTS, probes: new Map([['main', 5]]), ...more };
};

const all = (packets: ReturnType<Crossing['seen']>, how: Interpretation): CapturedPacket[] =>
  packets.map(({ source, packet }) => {
    const captured = interpret(source, packet, packet.nanos, how);
    if (typeof captured === 'string') throw new Error(`left out as ${captured}`);
    return captured;
  });

const hops = (packets: CapturedPacket[]): string[] => packets.map(({ hop }) => (hop ? `${hop.way} ${hop.number}/${hop.of}` : 'off'));

const numbered = (way: string, count: number): string[] => Array.from({ length: count }, (_, index) => `${way} ${index + 1}/${count}`);

describe('a probe in a capture', () => {
  it('is recognised at every hop there and back, in the tunnel too, as the attempt it is', () => {
    const { way, seen } = crossing();
    const how = howFor([way]);
    how.recogniser.expect([probeKey()]);
    const packets = all([...seen('there'), ...seen('back')], how);
    expect(hops(packets)).to.deep.equal([...numbered('there', 10), ...numbered('back', 10)]);
    expect(packets.map(({ probe }) => `${probe?.attempt} of ${probe?.of} ${probe?.what}`)).to.deep.equal([
      ...Array.from({ length: 10 }, () => '3 of 5 request'),
      ...Array.from({ length: 10 }, () => '3 of 5 reply'),
    ]);
  });

  it('is recognised behind a translation by its sequence number', () => {
    const { way, seen } = crossing('10.96.0.50', 80);
    const how = howFor([way]);
    how.recogniser.expect([probeKey('10.96.0.50', 80)]);
    const packets = all(seen('there'), how);
    expect(packets.map(({ probe }) => probe?.attempt)).to.deep.equal(packets.map(() => 3));
    expect(packets.at(-1)?.dissected?.packet?.destination).to.equal('10.244.1.5');
  });

  it("others' packets and the clocks' pings are left out", () => {
    const { way, seen } = crossing();
    const how = howFor([way], { probes: new Map() });
    const [first] = seen('there');
    expect(first && interpret(first.source, first.packet, 0n, how)).to.equal('other');
    how.recogniser.expect([probeKey()]);
    expect(first && interpret(first.source, first.packet, 0n, how)).to.equal('clock');
  });

  it('off the predicted way stands without a hop', () => {
    const { way, seen, cluster } = crossing();
    const how = howFor([way]);
    how.recogniser.expect([probeKey()]);
    all(seen('there'), how);
    const [hop] = way.there.hops;
    if (!hop) throw new Error('no hop');
    const source = { ...sourceAt(cluster, hop), interfaces: new Map([[99, 'eth9']]) };
    const bytes = cooked2(0x0800, 99, 0, ipv4('10.244.0.4', '10.244.1.5', 6, tcp(61_440, 8080, 1000, 0, 2)));
    const captured = interpret(source, { nanos: 0n, bytes, length: bytes.length }, 0n, how);
    expect(captured).to.deep.include({ place: { node: 'node1', netns: source.netns, where: hop.where, interface: 'eth9', ifindex: 99 } });
    expect(captured).to.not.have.property('hop');
  });
});

describe("users' traffic in a capture", () => {
  const follow = (ways: Way[], ports = false): Interpretation => {
    const narrowing = { ports };
    return howFor(ways, { traffic: { flows: flowsOf(ways, narrowing), narrowing } });
  };

  it('goes there and back by its addresses, translated or not', () => {
    const { way, seen } = crossing('10.96.0.50', 80, 41_000);
    const packets = all([...seen('there'), ...seen('back')], follow([way]));
    expect(hops(packets)).to.deep.equal([...numbered('there', way.there.hops.length), ...numbered('back', way.back?.hops.length ?? 0)]);
  });

  it('of another port is left out when a port was asked for', () => {
    const { way, seen } = crossing('10.244.1.5', 8080, 41_000);
    const how = follow([way], true);
    expect(all(seen('there'), how)).to.have.length(10);
    const [other] = seen('there', ({ source, destination }) => ipv4(source, destination, 6, tcp(41_000, 22, 1, 1, 0x10)));
    expect(other && interpret(other.source, other.packet, 0n, how)).to.equal('other');
  });

  it('an ICMP error goes against the packet it is about', () => {
    const { way, seen } = crossing('10.244.1.5', 8080, 41_000);
    const quoted = ipv4('10.244.0.4', '10.244.1.5', 17, udp(41_000, 9, Buffer.alloc(4)));
    const error = seen('back', ({ destination }) =>
      ipv4('10.244.1.1', destination, 1, Buffer.concat([Buffer.from('0303000000000000', 'hex'), quoted])),
    );
    expect(hops(all(error, follow([way])))).to.deep.equal(numbered('back', 10));
  });

  it('ARP for an address is shown without a hop, a later fragment as it is', () => {
    const { way, seen } = crossing();
    const [first] = seen('there');
    if (!first) throw new Error('no packet');
    const arp = cooked2(0x0806, 2, 4, Buffer.from('000108000604000102000000000c0af400040000000000000af40005', 'hex'));
    const fragment = Buffer.from(first.packet.bytes);
    fragment.writeUInt16BE(0x00b9, 20 + 6);
    for (const bytes of [arp, fragment]) {
      const captured = interpret(first.source, { nanos: 0n, bytes, length: bytes.length }, 0n, follow([way]));
      expect(captured).to.be.an('object').and.not.have.property('hop');
    }
  });
});

describe('hops that several ways share', () => {
  /** To db-0 behind the Service, and to web-1 on the source's own node. */
  const [remote, local] = [crossing('10.96.0.50', 80), crossing('10.244.0.5', 8080)];

  it('are numbered by the way that the same attempt is seen to take elsewhere', () => {
    const how = howFor([local.way, remote.way]);
    how.recogniser.expect([probeKey('10.96.0.50', 80)]);
    const back = all([...remote.seen('there'), ...remote.seen('back')], how).slice(remote.way.there.hops.length);
    expect(hops(back)).to.deep.equal(numbered('back', remote.way.back?.hops.length ?? 0));
  });
});
