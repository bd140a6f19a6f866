import { existsSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { type Btf, readBtf } from '../../../src/probe/watch/btf.ts';
import { headerEvent, readCapability, readHeaderEvent } from '../../../src/probe/watch/header-event.ts';

const KIND = { int: 1, pointer: 2, array: 3, struct: 4, union: 5, typedef: 8 } as const;

interface Made {
  name: string;
  kind: keyof typeof KIND;
  /** Size, or number of the type it stands for. */
  refers: number;
  members?: [name: string, type: number, bits: number][];
}

/** Type information as a compiler would write it; types are numbered from 1. */
const btf = (types: Made[], { bitFields = false, big = false } = {}): Buffer => {
  const u32 = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    if (big) bytes.writeUInt32BE(value >>> 0);
    else bytes.writeUInt32LE(value >>> 0);
    return bytes;
  };
  let strings = '\0';
  const nameOf = (name: string): number => {
    if (name === '') return 0;
    const at = strings.length;
    strings += `${name}\0`;
    return at;
  };
  const body = Buffer.concat(
    types.map(({ name, kind, refers, members = [] }) => {
      const info = ((bitFields && kind === 'struct' ? 1 : 0) * 2 ** 31 + KIND[kind] * 2 ** 24 + members.length) >>> 0;
      const extra = kind === 'int' ? u32(0) : kind === 'array' ? Buffer.concat([u32(1), u32(1), u32(4)]) : Buffer.alloc(0);
      return Buffer.concat([
        u32(nameOf(name)),
        u32(info),
        u32(refers),
        extra,
        ...members.map(([member, type, bits]) => Buffer.concat([u32(nameOf(member)), u32(type), u32(bits)])),
      ]);
    }),
  );
  const magic = big ? Buffer.from([0xeb, 0x9f, 1, 0]) : Buffer.from([0x9f, 0xeb, 1, 0]);
  return Buffer.concat([magic, u32(24), u32(0), u32(body.length), u32(body.length), u32(strings.length), body, Buffer.from(strings, 'latin1')]);
};

const TYPES: Made[] = [
  { name: 'unsigned int', kind: 'int', refers: 4 },
  { name: '', kind: 'struct', refers: 8, members: [['inner', 1, 32]] },
  {
    name: '',
    kind: 'union',
    refers: 8,
    members: [
      ['first', 1, 0],
      ['', 2, 0],
    ],
  },
  { name: 'possible_net_t', kind: 'typedef', refers: 5 },
  { name: '', kind: 'struct', refers: 8, members: [['net', 6, 0]] },
  { name: 'net', kind: 'pointer', refers: 1 },
  { name: 'words', kind: 'array', refers: 0 },
  {
    name: 'thing',
    kind: 'struct',
    refers: 64,
    members: [
      ['words', 7, 0],
      ['', 3, 128],
      ['nd_net', 4, 256],
      ['len', 1, 448],
    ],
  },
];

describe("a kernel's type information", () => {
  it('says where the members of a structure lie, also those of structures without a name and behind a typedef', () => {
    const { offsetOf, littleEndian } = readBtf(btf(TYPES));
    expect(['words', 'first', 'inner', 'len'].map((name) => offsetOf('thing', [name]))).to.deep.equal([0, 16, 20, 56]);
    expect(offsetOf('thing', ['nd_net', 'net'])).to.equal(32);
    expect(offsetOf('thing', ['none'])).to.equal(undefined);
    expect(offsetOf('nothing', ['len'])).to.equal(undefined);
    expect(littleEndian).to.equal(true);
  });

  it('has other offsets beside bit fields, and either order of bytes', () => {
    const withSizes = TYPES.map((type) =>
      type.name === 'thing'
        ? { ...type, members: type.members?.map(([name, of, bits]): [string, number, number] => [name, of, bits + 2 ** 24]) ?? [] }
        : type,
    );
    expect(readBtf(btf(withSizes, { bitFields: true })).offsetOf('thing', ['len'])).to.equal(56);
    const big = readBtf(btf(TYPES, { big: true }));
    expect([big.littleEndian, big.offsetOf('thing', ['len'])]).to.deep.equal([false, 56]);
  });

  it('is refused when it is something else, or cut', () => {
    expect(() => readBtf(Buffer.alloc(64))).to.throw('it is no type information');
    expect(() => readBtf(Buffer.alloc(3))).to.throw('cut');
    expect(() => readBtf(btf(TYPES).subarray(0, 80))).to.throw('cut');
  });

  const own = '/sys/kernel/btf/vmlinux';
  it(`of this kernel has all that an event needs${existsSync(own) ? '' : ' (skipped: there is none)'}`, function () {
    if (!existsSync(own)) return this.skip();
    const read = readBtf(readFileSync(own));
    expect(headerEvent({ kind: 'eprobe' }, read)).to.match(/^e skb\.kfree_skb len=\+\d+\(\$skbaddr\):u32 .* w15=\+72\(\+\d+\(\$skbaddr\)\):x64$/);
    return undefined;
  });
});

/** Everything at the same place. */
const flat: Btf = { littleEndian: true, offsetOf: () => 8 };

describe('an event of our own that reads headers', () => {
  it('is defined at the event, or at the function that frees', () => {
    expect(headerEvent({ kind: 'kprobe', function: 'kfree_skb', argument: '$arg1' }, flat)).to.match(
      /^p kfree_skb len=\+8\(\$arg1\):u32 proto=.* ns=\+8\(\+8\(\+8\(\$arg1\)\)\):u32 .* w0=-48\(\+8\(\$arg1\)\):x64/,
    );
  });

  it('is none where a member has no place, or the processor is big-endian', () => {
    expect(headerEvent({ kind: 'eprobe' }, { ...flat, offsetOf: (_, [first]) => (first === 'nd_net' ? undefined : 8) })).to.equal(undefined);
    expect(headerEvent({ kind: 'eprobe' }, { ...flat, littleEndian: false })).to.equal(undefined);
  });

  it('takes from a node only words that an event is made of', () => {
    expect(readCapability('eprobe')).to.deep.equal({ kind: 'eprobe' });
    expect(readCapability('kprobe kfree_skb $arg1')).to.deep.equal({ kind: 'kprobe', function: 'kfree_skb', argument: '$arg1' });
    for (const words of ['nothing', '', 'kprobe', 'kprobe a;b $arg1', 'kprobe kfree_skb $(reboot)'])
      expect(readCapability(words), words).to.equal(undefined);
  });

  it('has the headers from where the network header is, before skb->data or behind it', () => {
    const line = (data: number): string =>
      `drop: (skb.kfree_skb) len=30 proto=8 iif=3 head=0xff00 data=0x${(0xff00 + data).toString(16)} nh=80 name="eth0" dev=3 ns=4026531840 sk=0x0 sns=0 w6=0x1122334455667788`;
    expect(readHeaderEvent(line(80)).bytes.subarray(0, 8).toString('hex')).to.equal('8877665544332211');
    // data is at the transport header already, or at the Ethernet header still
    expect(readHeaderEvent(line(100)).bytes).to.have.length(100);
    expect(readHeaderEvent(line(66)).bytes).to.have.length(66);
    // it is not near
    expect(readHeaderEvent(line(500)).bytes).to.have.length(0);
  });

  it('tells the device and the way, and the namespace of the device before that of the socket', () => {
    const read = (more: string) => readHeaderEvent(`drop: (kfree_skb+0x0/0xb0) len=30 proto=56710 ${more} w0=0x0`);
    const [host, pod] = ['4026531840', '4026532207'];
    expect(read(`iif=3 name="eth0" dev=3 ns=${host} sk=0xff01 sns=${pod}`)).to.deep.include({
      device: 'eth0',
      netns: host,
      cameIn: true,
      protocol: 0x86dd,
    });
    expect(read(`iif=2 name="eth0" dev=3 ns=${host} sk=0x0 sns=0`)).to.deep.include({ device: 'eth0', cameIn: false });
    // what cannot be read leaves what was there before
    const made = read(`iif=4 name=(fault) dev=4 ns=${host} sk=0xff01 sns=${pod}`);
    expect(made).to.deep.include({ netns: pod, cameIn: false }).and.not.have.property('device');
    expect(read(`iif=4 name=(fault) dev=4 ns=${host} sk=0x0 sns=${pod}`)).to.not.have.any.keys('device', 'netns');
    // a queue's pointers where the device was
    expect(read(`iif=4 name="\u0001\u0012" dev=4 ns=17 sk=0x0 sns=0`)).to.not.have.any.keys('device', 'netns');
  });
});
