import { expect } from 'chai';
import { readFrames } from '../../../src/probe/tap/frame.ts';
import { joinSightings } from '../../../src/probe/tap/join-sightings.ts';
import type { ProbeKey } from '../../../src/probe/tap/probe-keys.ts';
import type { TapCapture } from '../../../src/probe/tap/tap-output.ts';
import { tapSummary } from '../../../src/probe/tap/tap-summary.ts';
import { withTapTimes } from '../../../src/probe/tap/tap-times.ts';
import { USUAL_TUNNEL_PORTS } from '../../../src/probe/tap/tunnel.ts';
import { cooked2, ipv4, pcap, tcp, udp } from './packets.ts';

const A = '10.244.1.4';
const B = '10.244.2.5';
const VIP = '10.96.0.7';
const OUT = 4;
const IN = 0;
const SYN = 0x02;
const SYN_ACK = 0x12;
const RST_ACK = 0x14;

const capture = (netns: string, ...packets: [direction: number, packet: Buffer][]): TapCapture => {
  const file = pcap(
    276,
    packets.map(([direction, packet]) => cooked2(0x0800, 2, direction, packet)),
  );
  return { node: 'n1', netns, dropped: 0, frames: readFrames(file, new Map([[2, 'eth0']]), USUAL_TUNNEL_PORTS)?.frames ?? [] };
};
const key: ProbeKey = { probe: 'main', attempt: 0, protocol: 'tcp', destination: VIP, port: 80, sourcePort: 61440 };
const whats = (captures: TapCapture[], keys: ProbeKey[]): string[][] =>
  joinSightings(captures, keys).map(({ sightings }) => sightings.map(({ what, attempt }) => `${what} ${attempt}`));

describe('captures joined to probes', () => {
  it('follow a TCP probe by its sequence number through NAT, whatever the order of the captures', () => {
    const target = capture(
      'b',
      [IN, ipv4('10.33.0.1', B, 6, tcp(33333, 8080, 77, 0, SYN))],
      [OUT, ipv4(B, '10.33.0.1', 6, tcp(8080, 33333, 500, 78, SYN_ACK))],
    );
    const source = capture('a', [OUT, ipv4(A, VIP, 6, tcp(61440, 80, 77, 0, SYN))], [IN, ipv4(VIP, A, 6, tcp(80, 61440, 500, 78, SYN_ACK))]);
    expect(whats([target, source], [key])).to.deep.equal([
      ['request 0', 'reply 0'],
      ['request 0', 'reply 0'],
    ]);
  });

  it('wrap around at the highest sequence number', () => {
    const source = capture('a', [OUT, ipv4(A, VIP, 6, tcp(61440, 80, 0xffffffff, 0, SYN))], [IN, ipv4(VIP, A, 6, tcp(80, 61440, 0, 0, RST_ACK))]);
    expect(whats([source], [key])).to.deep.equal([['request 0', 'reset 0']]);
  });

  it('do not take another session for ours because it uses the same source port', () => {
    const ours = ipv4(A, VIP, 6, tcp(61440, 80, 77, 0, SYN));
    const theirs = ipv4('10.244.1.9', '10.96.0.99', 6, tcp(61440, 443, 78, 0, SYN));
    expect(whats([capture('host', [IN, theirs], [IN, ours])], [key])).to.deep.equal([['request 0']]);
  });

  it('find a probe whose address was translated before it left', () => {
    expect(whats([capture('a', [OUT, ipv4(A, B, 6, tcp(61440, 8080, 77, 0, SYN))])], [key])).to.deep.equal([['request 0']]);
  });

  it('tell an echoed datagram from the request where only the reply passed', () => {
    const udpKey: ProbeKey = { probe: 'main', attempt: 2, protocol: 'udp', destination: B, port: 9999, sourcePort: 61442, mark: '6e6400010002' };
    const cookie = Buffer.from('6e6400010002', 'hex');
    const request = ipv4(A, B, 17, udp(61442, 9999, cookie));
    const reply = ipv4(B, A, 17, udp(9999, 61442, cookie));
    expect(whats([capture('host', [IN, reply]), capture('b', [IN, request], [OUT, reply])], [udpKey])).to.deep.equal([
      ['reply 2'],
      ['request 2', 'reply 2'],
    ]);
  });

  it('know a reply that does not repeat the cookie, and a DNS answer by id and name', () => {
    const udpKey: ProbeKey = { probe: 'main', attempt: 0, protocol: 'udp', destination: B, port: 514, sourcePort: 61442, mark: '6e6400010000' };
    const dnsKey: ProbeKey = { probe: 'dns', attempt: 0, protocol: 'udp', destination: B, port: 53, sourcePort: 61443, mark: '2503', query: 'a.bc' };
    const question = (flags: string, name: string): Buffer => Buffer.from(`2503${flags}0001000000000000${name}0000010001`, 'hex');
    const source = capture(
      'a',
      [OUT, ipv4(A, B, 17, udp(61442, 514, Buffer.from('6e6400010000', 'hex')))],
      [IN, ipv4(B, A, 17, udp(514, 61442, Buffer.from('k')))],
      [OUT, ipv4('10.33.0.1', B, 17, udp(1234, 53, question('0100', '0141026263')))],
      [IN, ipv4(B, '10.33.0.1', 17, udp(53, 1234, question('8180', '0161026263')))],
      [IN, ipv4(B, '10.33.0.1', 17, udp(53, 1235, question('8180', '0161026264')))],
    );
    expect(whats([source], [udpKey, dnsKey])).to.deep.equal([['request 0', 'reply 0', 'request 0', 'reply 0']]);
  });

  it('count an attempt once however often its SYN was sent again', () => {
    const syn = ipv4(A, VIP, 6, tcp(61440, 80, 77, 0, SYN));
    const [place] = tapSummary(joinSightings([capture('a', [OUT, syn], [OUT, syn])], [key]), 'main');
    expect([...(place?.requests ?? [])]).to.deep.equal([[0, 1000.5]]);
  });

  it('correct a timeout that was an ICMP error the sender did not get to hear', () => {
    const request = {
      id: 'main',
      purpose: 'main',
      node: 'n1',
      from: { netns: 'host' },
      fromLabel: '',
      toLabel: '',
      destination: VIP,
      protocol: 'tcp',
      port: 80,
      count: 1,
      timeoutMs: 1000,
    } as const;
    const syn = ipv4(A, VIP, 6, tcp(61440, 80, 77, 0, SYN));
    const error = ipv4('10.244.1.1', A, 1, Buffer.concat([Buffer.from('0303000000000000', 'hex'), syn.subarray(0, 28)]));
    const taps = joinSightings([capture('a', [OUT, syn], [IN, error])], [key]);
    const [result] = withTapTimes([{ request, attempts: [{ outcome: 'timeout', sourcePort: 61440 }] }], taps);
    expect(result?.attempts).to.deep.equal([{ outcome: 'refused', detail: 'ICMP port unreachable', from: '10.244.1.1', sourcePort: 61440 }]);
  });

  it('do not take an error about the reply, which goes to who replied, for an answer', () => {
    const udpKey: ProbeKey = { probe: 'main', attempt: 0, protocol: 'udp', destination: B, port: 9999, sourcePort: 61442, mark: '6e6400010000' };
    const cookie = Buffer.from('6e6400010000', 'hex');
    const [request, reply] = [ipv4(A, B, 17, udp(61442, 9999, cookie)), ipv4(B, A, 17, udp(9999, 61442, cookie))];
    const about = (quoted: Buffer, to: string): Buffer => ipv4('10.244.2.1', to, 1, Buffer.concat([Buffer.from('0303000000000000', 'hex'), quoted]));
    const errorsAt = (...packets: [number, Buffer][]): (boolean | undefined)[] =>
      joinSightings([capture('b', ...packets)], [udpKey])
        .flatMap(({ sightings }) => sightings)
        .flatMap(({ icmpError }) => (icmpError ? icmpError.aboutReply : []));
    expect(errorsAt([IN, request], [OUT, reply], [IN, about(reply, B)])).to.deep.equal([true]);
    expect(errorsAt([IN, request], [OUT, about(request, A)])).to.deep.equal([undefined]);
    const taps = joinSightings([capture('b', [IN, request], [OUT, reply], [IN, about(reply, B)])], [udpKey]);
    expect(tapSummary(taps, 'main').map(({ direction, errors }) => `${direction} ${errors.size}`)).to.deep.equal(['in 0', 'out 0']);
  });
});
