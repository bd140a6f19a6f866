import { expect } from 'chai';
import fc from 'fast-check';
import {
  ANYTHING,
  holds,
  intersect,
  isAnything,
  isNothing,
  NOTHING,
  PING,
  type PortSet,
  portSetText,
  portsOf,
  subtract,
  unite,
} from '../../../src/policy/port-set.ts';

const PROTOCOLS = ['tcp', 'udp', 'sctp'] as const;

const part = fc.oneof(
  fc.constant(PING),
  fc
    .tuple(fc.constantFrom(...PROTOCOLS), fc.integer({ min: 1, max: 40 }), fc.integer({ min: 0, max: 8 }))
    .map(([protocol, from, more]) => portsOf(protocol, from, from + more)),
  fc.constantFrom(...PROTOCOLS).map((protocol) => portsOf(protocol)),
);

const set = fc.array(part, { maxLength: 5 }).map((parts) => parts.reduce(unite, NOTHING));

/** Ports near both ends and around the ranges that are made. */
const points = [1, 2, ...Array.from({ length: 50 }, (_, index) => index + 3), 65_534, 65_535];

const sameAs = (made: PortSet, expected: (protocol: 'tcp' | 'udp' | 'sctp' | 'icmp', port: number) => boolean): boolean =>
  made.icmp === expected('icmp', 0) &&
  PROTOCOLS.every((protocol) => points.every((port) => holds(made, protocol, port) === expected(protocol, port)));

describe('a set of traffic', () => {
  it('is united, cut and taken apart like a set of its members', () => {
    fc.assert(
      fc.property(set, set, (a, b) => {
        const [inA, inB] = [a, b].map((one) => (protocol: Parameters<typeof holds>[1], port: number) => holds(one, protocol, port)) as [
          (protocol: Parameters<typeof holds>[1], port: number) => boolean,
          (protocol: Parameters<typeof holds>[1], port: number) => boolean,
        ];
        expect(sameAs(unite(a, b), (...at) => inA(...at) || inB(...at))).to.equal(true);
        expect(sameAs(intersect(a, b), (...at) => inA(...at) && inB(...at))).to.equal(true);
        expect(sameAs(subtract(a, b), (...at) => inA(...at) && !inB(...at))).to.equal(true);
      }),
    );
  });

  it('has one text, however it was made', () => {
    const made = [portsOf('tcp', 82), portsOf('tcp', 80), portsOf('tcp', 81), portsOf('tcp', 443)].reduce(unite, NOTHING);
    expect(portSetText(made)).to.equal('TCP 80-82,443');
    expect(portSetText(unite(made, portsOf('udp')))).to.equal('TCP 80-82,443 UDP');
    expect(portSetText(PING)).to.equal('ICMP');
  });

  it('knows nothing and everything', () => {
    expect(portSetText(NOTHING)).to.equal('none');
    expect(portSetText(ANYTHING)).to.equal('any');
    const whole = [portsOf('tcp', 1, 65_535), portsOf('udp'), portsOf('sctp'), PING].reduce(unite, NOTHING);
    expect(isAnything(whole)).to.equal(true);
    expect(isNothing(subtract(ANYTHING, whole))).to.equal(true);
    expect(isNothing(portsOf('tcp', 9, 8))).to.equal(true);
  });

  it('holds every port only where it holds each', () => {
    expect(holds(portsOf('tcp', 1, 65_534), 'tcp')).to.equal(false);
    expect(holds(portsOf('tcp'), 'tcp')).to.equal(true);
    expect(holds(portsOf('tcp'), 'udp')).to.equal(false);
  });
});
