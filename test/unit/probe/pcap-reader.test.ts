import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import fc from 'fast-check';
import { createPcapReader, type StreamedPacket } from '../../../src/probe/stream/pcap-reader.ts';
import { readPcap } from '../../../src/probe/tap/pcap.ts';
import { pcap } from './packets.ts';

const recorded = readFileSync(new URL('../../fixtures/probe/cooked-nano.pcap', import.meta.url));

/** The file in chunks cut at these places. */
const readIn = (file: Buffer, cuts: number[]): { linktype: number | undefined; packets: StreamedPacket[] } => {
  const reader = createPcapReader();
  const places = [0, ...[...cuts].sort((a, b) => a - b), file.length];
  const packets = places.slice(1).flatMap((end, index) => reader.read(file.subarray(places[index], end)));
  return { linktype: reader.linktype, packets };
};

describe('a savefile that comes in pieces', () => {
  it('gives the same packets wherever it is cut, times exact to the nanosecond', () => {
    const whole = readPcap(recorded);
    expect(whole?.records.length).to.be.greaterThan(0);
    fc.assert(
      fc.property(fc.array(fc.nat(recorded.length), { maxLength: 20 }), (cuts) => {
        const { linktype, packets } = readIn(recorded, cuts);
        expect(linktype).to.equal(113);
        expect(packets.map(({ bytes }) => bytes.toString('hex'))).to.deep.equal(whole?.records.map(({ bytes }) => bytes.toString('hex')));
        // a double has room for a quarter of a microsecond
        for (const [index, { nanos }] of packets.entries()) expect(Number(nanos) / 1e9).to.be.closeTo(whole?.records[index]?.time ?? 0, 1e-6);
      }),
    );
  });

  for (const little of [true, false])
    for (const nano of [true, false])
      it(`is read in ${little ? 'little' : 'big'} endian with ${nano ? 'nano' : 'micro'}seconds`, () =>
        expect(readIn(pcap(1, [Buffer.from('ab')], { little, nano }), [30])).to.deep.equal({
          linktype: 1,
          packets: [{ nanos: 1_000_500_000_000n, length: 2, bytes: Buffer.from('ab') }],
        }));

  it('keeps what is cut for later', () => {
    const file = pcap(1, [Buffer.alloc(60), Buffer.alloc(60)]);
    expect(readIn(file.subarray(0, file.length - 1), []).packets).to.have.length(1);
    expect(readIn(file.subarray(0, 10), [])).to.deep.equal({ linktype: undefined, packets: [] });
  });

  it('that is none, or claims a packet larger than any, is refused', () => {
    expect(() => readIn(Buffer.from('tcpdump: no such device exists, I am sorry'), [])).to.throw('the capture is no pcap savefile');
    const file = pcap(1, [Buffer.alloc(4)]);
    file.writeUInt32LE(1 << 30, 32);
    expect(() => readIn(file, [])).to.throw('the capture has a packet of 1073741824 bytes');
  });
});
