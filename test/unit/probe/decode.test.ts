import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import fc from 'fast-check';
import { type Frames, readFrames } from '../../../src/probe/tap/frame.ts';
import { lostPackets } from '../../../src/probe/tap/lost-packets.ts';
import { readPcap } from '../../../src/probe/tap/pcap.ts';
import { parseTaps } from '../../../src/probe/tap/tap-output.ts';
import { USUAL_TUNNEL_PORTS } from '../../../src/probe/tap/tunnel.ts';
import { cooked2, ethernet, geneve, ipv4, ipv6, pcap, tcp, udp, vxlan } from './packets.ts';

const IPV4 = 0x0800;
const IPV6 = 0x86dd;
const SLL2 = 276;
const A6 = 'fd440001000000000000000000000004';
const B6 = 'fd440002000000000000000000000005';

const fixture = (name: string): Buffer => readFileSync(new URL(`../../fixtures/probe/${name}`, import.meta.url));
const read = (file: Buffer, names = new Map<number, string>()): Frames => {
  const frames = readFrames(file, names, USUAL_TUNNEL_PORTS);
  if (!frames) throw new Error('not a savefile');
  return frames;
};
const only = (file: Buffer, names?: Map<number, string>) => {
  const [frame, ...more] = read(file, names).frames;
  expect(more).to.deep.equal([]);
  if (!frame) throw new Error('no frame');
  return frame;
};
const inner = ethernet(IPV4, ipv4('10.244.1.4', '10.244.2.5', 6, tcp(61440, 8080, 7, 0, 2)));
const syn = { kind: 'tcp', sourcePort: 61440, destinationPort: 8080, sequence: 7, syn: true, reset: false };

describe('savefiles', () => {
  for (const little of [true, false])
    for (const nano of [true, false])
      it(`are read in ${little ? 'little' : 'big'} endian with ${nano ? 'nano' : 'micro'}seconds`, () => {
        const file = readPcap(pcap(1, [Buffer.from('abcd'), Buffer.from('e')], { little, nano }));
        expect(file?.linktype).to.equal(1);
        expect(file?.records.map(({ time, bytes }) => [time, bytes.toString()])).to.deep.equal([
          [1000.5, 'abcd'],
          [1001.5, 'e'],
        ]);
      });

  it('that are cut give what is whole', () => {
    const whole = pcap(1, [Buffer.alloc(60), Buffer.alloc(60)]);
    expect(readPcap(whole.subarray(0, whole.length - 1))?.records).to.have.length(1);
    expect(readPcap(whole.subarray(0, 23))).to.equal(undefined);
  });

  it('of an Ethernet device show what VXLAN carries', () => {
    const { frames } = read(fixture('ethernet.pcap'));
    expect(frames).to.have.length(4);
    expect(frames[0]?.outer).to.include({ kind: 'vxlan', vni: 1, port: 8472, source: '10.33.0.1', destination: '10.33.0.2' });
    expect(frames.map(({ packet, transport }) => [packet.source, transport.kind])).to.deep.equal([
      ['10.244.1.4', 'echo'],
      ['10.244.2.5', 'echo'],
      ['10.244.1.4', 'echo'],
      ['10.244.2.5', 'echo'],
    ]);
  });

  it('of old libpcap, cooked without an interface, still show direction and sender', () => {
    const { frames } = read(fixture('cooked-nano.pcap'));
    expect(frames).to.have.length(6);
    expect(new Set(frames.map((frame) => frame.interface))).to.deep.equal(new Set(['any']));
    expect(new Set(frames.map((frame) => frame.direction))).to.include.keys('in', 'out');
    expect(frames[0]?.sourceMac).to.match(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
  });
});

describe('captured packets', () => {
  it('have the name of their interface, or its index when it is gone', () => {
    const file = pcap(SLL2, [cooked2(IPV4, 12, 4, inner.subarray(14))]);
    expect(only(file, new Map([[12, 'cni0']]))).to.include({ interface: 'cni0', direction: 'out', sourceMac: '02:00:00:00:00:01' });
    expect(only(file).interface).to.equal('#12');
  });

  it('say when they were meant for another MAC', () => {
    expect(only(pcap(SLL2, [cooked2(IPV4, 1, 3, inner.subarray(14))])).direction).to.equal('peer');
  });

  it('lose their VLAN tags', () => {
    const tagged = ethernet(0x88a8, Buffer.concat([Buffer.from('00648100000a', 'hex'), Buffer.from('0800', 'hex'), inner.subarray(14)]));
    expect(only(pcap(1, [tagged])).transport).to.include(syn);
  });

  it('come out of Geneve with options', () => {
    const outer = ipv4('172.31.0.11', '172.31.0.12', 17, udp(33000, 6081, geneve(5, Buffer.from('0102800100010002', 'hex'), inner)));
    const frame = only(pcap(SLL2, [cooked2(IPV4, 2, 4, outer)]));
    expect(frame.outer).to.deep.equal({ kind: 'geneve', source: '172.31.0.11', destination: '172.31.0.12', port: 6081, vni: 5 });
    expect(frame.transport).to.include(syn);
  });

  it('come out of IPIP and 6in4', () => {
    const four = only(pcap(SLL2, [cooked2(IPV4, 2, 4, ipv4('10.0.0.1', '10.0.0.2', 4, inner.subarray(14)))]));
    expect(four.outer).to.deep.equal({ kind: 'ipip', source: '10.0.0.1', destination: '10.0.0.2' });
    expect(four.packet).to.include({ source: '10.244.1.4', destination: '10.244.2.5' });
    const six = only(pcap(SLL2, [cooked2(IPV4, 2, 4, ipv4('10.0.0.1', '10.0.0.2', 41, ipv6(A6, B6, 6, tcp(61440, 8080, 7, 0, 2))))]));
    expect(six.packet).to.include({ source: 'fd44:1::4', destination: 'fd44:2::5' });
  });

  it('come out of VXLAN over IPv6', () => {
    const frame = only(pcap(SLL2, [cooked2(IPV6, 2, 4, ipv6(A6, B6, 17, udp(1, 4789, vxlan(4096, inner))))]));
    expect(frame.outer).to.include({ kind: 'vxlan', vni: 4096, source: 'fd44:1::4' });
  });

  it('have their IPv6 extensions passed over', () => {
    const extended = ipv6(
      A6,
      B6,
      0,
      Buffer.concat([Buffer.from('3c00000000000000', 'hex'), Buffer.from('0600000000000000', 'hex'), tcp(61440, 8080, 7, 0, 2)]),
    );
    expect(only(pcap(SLL2, [cooked2(IPV6, 2, 0, extended)])).transport).to.include(syn);
  });

  it('that are errors about a tunnel quote what it carries', () => {
    const tunnelled = ipv4('172.31.0.11', '172.31.0.12', 17, udp(33000, 8472, vxlan(1, inner)));
    const unreachable = ipv4('172.31.0.12', '172.31.0.11', 1, Buffer.concat([Buffer.from('0303000000000000', 'hex'), tunnelled]));
    const { transport } = only(pcap(SLL2, [cooked2(IPV4, 2, 0, unreachable)]));
    expect(transport.kind === 'icmp-error' && transport.quoted?.destination).to.equal('10.244.2.5');
  });

  it('that are later fragments are left out', () => {
    const fragment = ipv4('10.0.0.1', '10.0.0.2', 17, udp(1, 2, Buffer.alloc(8)));
    fragment.writeUInt16BE(185, 6);
    expect(read(pcap(SLL2, [cooked2(IPV4, 2, 0, fragment)])).frames).to.deep.equal([]);
  });

  it('of ARP and neighbour discovery say who asks and who claims', () => {
    const arp = Buffer.from('000108000604000202000000000c0af4010402000000000b0af40101', 'hex');
    const advertisement = Buffer.concat([Buffer.from('8800000060000000', 'hex'), Buffer.from(A6, 'hex'), Buffer.from('020102000000000c', 'hex')]);
    const file = pcap(SLL2, [cooked2(0x0806, 2, 0, arp), cooked2(IPV6, 2, 0, ipv6(A6, B6, 58, advertisement))]);
    expect(read(file).claims.map(({ what, address, mac }) => [what, address, mac])).to.deep.equal([
      ['is-at', '10.244.1.4', '02:00:00:00:00:0c'],
      ['is-at', 'fd44:1::4', '02:00:00:00:00:0c'],
    ]);
  });

  it('of any bytes never break the decoder', () => {
    const ethertype = fc.constantFrom(IPV4, IPV6, 0x0806, 0x8100);
    const first = fc.constantFrom(0x45, 0x4f, 0x60);
    fc.assert(
      fc.property(fc.constantFrom(1, 113, SLL2), ethertype, first, fc.uint8Array({ maxLength: 300 }), (linktype, type, version, noise) => {
        const body = Buffer.concat([Buffer.from([version]), noise]);
        const packet = linktype === 1 ? ethernet(type, body) : cooked2(type, 1, 0, body);
        read(pcap(linktype, [packet, Buffer.from(noise)]));
      }),
      { numRuns: 2000 },
    );
  });

  it('cut anywhere never break the decoder', () => {
    const packets = [
      cooked2(IPV4, 2, 4, ipv4('172.31.0.11', '172.31.0.12', 17, udp(33000, 6081, geneve(5, Buffer.alloc(8), inner)))),
      cooked2(IPV6, 2, 4, ipv6(A6, B6, 17, udp(1, 4789, vxlan(4096, inner)))),
      cooked2(IPV4, 2, 4, ipv4('10.0.0.1', '10.0.0.2', 1, Buffer.concat([Buffer.from('0303000000000000', 'hex'), inner.subarray(14)]))),
    ];
    for (const packet of packets) for (let length = 0; length <= packet.length; length++) read(pcap(SLL2, [packet.subarray(0, length)]));
  });
});

describe('capture output', () => {
  const taps = [{ node: 'n1', netns: '4026531840', from: { netns: 'host' as const } }];

  it('of any bytes is never an error, and never silence', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.string().map((text) => Buffer.from(`@ndt tap 0 ${text}\n`)),
        ),
        (bytes) => {
          const [capture] = parseTaps({ node: 'n1', taps, output: Buffer.from(bytes) });
          expect(capture?.notSeen).to.be.a('string').and.not.equal('');
        },
      ),
    );
  });

  it('is read with the tunnel ports of the cluster', () => {
    const odd = cooked2(IPV4, 2, 4, ipv4('10.0.0.1', '10.0.0.2', 17, udp(1, 14789, vxlan(9, inner))));
    const gzip = gzipSync(pcap(SLL2, [odd]));
    const output = Buffer.concat([Buffer.from(`@ndt tap 0 ${gzip.length} 0 0\n`), gzip]);
    const [capture] = parseTaps({ node: 'n1', taps, output, tunnels: { vxlan: [14789], geneve: [] } });
    expect(capture?.frames[0]?.outer).to.include({ vni: 9, port: 14789 });
  });

  it('does not count what was lost before its filter was set', () => {
    const heard = 'tcpdump: listening on any, link-type LINUX_SLL2\n';
    const last = '0 packets captured\n12 packets received by filter\n14903 packets dropped by kernel\n';
    const first = 'tcpdump: 0 packets captured, 0 packets received by filter, 14901 packets dropped by kernel\n';
    expect(lostPackets(heard + first + last)).to.equal(2);
    expect(lostPackets(heard + last)).to.equal(14903);
    // killed before it could say more
    expect(lostPackets(heard + first)).to.equal(0);
    expect(lostPackets(heard)).to.equal(undefined);
  });

  it('says when it is not complete', () => {
    const messages = '5001 packets captured\n5010 packets received by filter\n7 packets dropped by kernel\n';
    const gzip = gzipSync(
      pcap(
        SLL2,
        Array.from({ length: 5000 }, () => cooked2(IPV4, 2, 4, inner.subarray(14))),
      ),
    );
    const output = Buffer.concat([Buffer.from(`@ndt tap 0 ${gzip.length} ${messages.length} 0\n`), gzip, Buffer.from(messages)]);
    expect(parseTaps({ node: 'n1', taps, output })[0]).to.include({ dropped: 7, full: true });
  });

  it('says why nothing was captured', () => {
    const messages =
      "tcpdump: data link type LINUX_SLL2\ntcpdump: any: You don't have permission to capture on that device\n(socket: Operation not permitted)\n";
    const output = Buffer.from(`@ndt ready /tmp/x\n@ndt tap 0 0 ${messages.length} 0\n${messages}@ndt end\n`);
    expect(parseTaps({ node: 'n1', taps, output })[0]?.notSeen).to.include("You don't have permission to capture");
    expect(parseTaps({ node: 'n1', taps, output: Buffer.from('@ndt failed no tcpdump on this node\n') })[0]?.notSeen).to.equal(
      'no tcpdump on this node',
    );
    expect(parseTaps({ node: 'n1', taps, output: Buffer.alloc(0), failed: 'gone' })[0]?.notSeen).to.equal('gone');
  });
});
