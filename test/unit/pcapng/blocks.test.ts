import { expect } from 'chai';
import fc from 'fast-check';
import { comment, text } from '../../../src/pcapng/block.ts';
import { enhancedPacket, interfaceDescription, interfaceStatistics, sectionHeader } from '../../../src/pcapng/blocks.ts';

/** Bytes as they stand in the draft's figures: words of hex, ignoring what follows `#`. */
const bytes = (lines: string): string => lines.replaceAll(/#.*$/gm, '').replaceAll(/\s+/g, '');

describe('pcapng blocks, byte by byte', () => {
  it('a section says its byte order, its version, that its length is open, and what wrote it', () =>
    expect(sectionHeader({ application: 'abc', comments: ['hi'] }).toString('hex')).to.equal(
      bytes(`
        0a0d0d0a 30000000 4d3c2b1a 0100 0000 ffffffffffffffff
        0100 0200 6869 0000   # opt_comment
        0400 0300 616263 00   # shb_userappl
        0000 0000 30000000`),
    ));

  it('an interface says its link type, its name, its MAC, and that times are nanoseconds', () =>
    expect(
      interfaceDescription({
        linktype: 276,
        snaplen: 2048,
        name: 'n/e',
        description: 'hop1',
        mac: '02:00:00:00:0a:04',
        filter: 'tcp',
        comments: [],
      }).toString('hex'),
    ).to.equal(
      bytes(`
        01000000 44000000 1401 0000 00080000
        0200 0300 6e2f65 00             # if_name
        0300 0400 686f7031              # if_description
        0600 0600 020000000a04 0000     # if_MACaddr
        0900 0100 09 000000             # if_tsresol
        0b00 0400 00746370              # if_filter, a libpcap string
        0000 0000 44000000`),
    ));

  it('a packet has its time as two words, its lengths, its bytes, its comment and its direction', () =>
    expect(
      enhancedPacket({
        interface: 1,
        nanos: 1_700_000_000_123_456_789n,
        bytes: Buffer.from('0102030405', 'hex'),
        length: 60,
        direction: 'out',
        comments: ['c'],
      }).toString('hex'),
    ).to.equal(
      bytes(`
        06000000 3c000000 01000000 fe9c9717 15cd853d 05000000 3c000000
        0102030405 000000
        0100 0100 63 000000             # opt_comment
        0200 0400 02000000              # epb_flags: outbound
        0000 0000 3c000000`),
    ));

  it('statistics say how many packets were lost and how many are there', () =>
    expect(interfaceStatistics({ interface: 2, nanos: 1n, delivered: 7, lost: 3, comments: [] }).toString('hex')).to.equal(
      bytes(`
        05000000 34000000 02000000 00000000 01000000
        0700 0800 0300000000000000      # isb_osdrop
        0800 0800 0700000000000000      # isb_usrdeliv
        0000 0000 34000000`),
    ));

  it('a packet without options ends with its bytes', () =>
    expect(enhancedPacket({ interface: 0, nanos: 0n, bytes: Buffer.alloc(0), length: 0, comments: [] }).toString('hex')).to.equal(
      bytes('06000000 20000000 00000000 00000000 00000000 00000000 00000000 20000000'),
    ));

  it('a comment that is too long is cut between characters', () => {
    const { value } = comment(`a${'é'.repeat(40_000)}`);
    expect(value.length).to.equal(65_535);
    expect(comment(`${'é'.repeat(40_000)}`).value.length).to.equal(65_534);
    expect(value.toString('utf8')).to.not.include('\ufffd');
  });

  it('of anything are whole words and say their length at both ends', () => {
    const packet = fc.record({
      interface: fc.nat(1000),
      nanos: fc.bigInt(0n, (1n << 64n) - 1n),
      bytes: fc.uint8Array({ maxLength: 100 }).map((array) => Buffer.from(array)),
      length: fc.nat(65_535),
      comments: fc.array(fc.string(), { maxLength: 3 }),
    });
    fc.assert(
      fc.property(packet, (one) => {
        const block = enhancedPacket(one);
        expect(block.length % 4).to.equal(0);
        expect(block.readUInt32LE(4)).to.equal(block.length);
        expect(block.readUInt32LE(block.length - 4)).to.equal(block.length);
        expect(block.subarray(28, 28 + one.bytes.length).equals(one.bytes)).to.equal(true);
      }),
    );
  });

  it('a text is UTF-8', () => expect(text(2, 'µ→').value.toString('hex')).to.equal('c2b5e28692'));
});
