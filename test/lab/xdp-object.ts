import { isIPv4 } from 'node:net';

/**
 * An object file with one XDP program that drops what goes to some addresses and lets everything else pass, as clang would make it of C:
 * the lab has no compiler for BPF. Instructions: Documentation/bpf/standardization/instruction-set.rst; file: elf(5).
 */

const XDP = { DROP: 1, PASS: 2 };

/** Where a frame begins: at once, or in VXLAN over IPv4 or IPv6. */
const FRAMES = [0, 14 + 20 + 8 + 8, 14 + 40 + 8 + 8];

/** An Ethernet frame: its ethertype, how long it is at least, and where its destination is. */
const LAYOUT = { 4: { type: 0x0800, needs: 34, destination: 30, words: 1 }, 6: { type: 0x86dd, needs: 54, destination: 38, words: 4 } } as const;

interface Instruction {
  code: number;
  dst?: number;
  src?: number;
  /** Of memory, or how many instructions a jump skips. */
  off?: number;
  imm?: number;
}

const encode = ({ code, dst = 0, src = 0, off = 0, imm = 0 }: Instruction): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt8(code, 0);
  bytes.writeUInt8((src << 4) | dst, 1);
  bytes.writeInt16LE(off, 2);
  bytes.writeInt32LE(imm | 0, 4);
  return bytes;
};

/** BPF_LDX | BPF_MEM of 2 and 4 bytes, moves, additions, comparisons of 64 bits, BPF_EXIT. */
const load16 = (dst: number, src: number, off: number): Instruction => ({ code: 0x69, dst, src, off });
const load32 = (dst: number, src: number, off: number): Instruction => ({ code: 0x61, dst, src, off });
const move = (dst: number, src: number): Instruction => ({ code: 0xbf, dst, src });
const set = (dst: number, imm: number): Instruction => ({ code: 0xb7, dst, imm });
const add = (dst: number, imm: number): Instruction => ({ code: 0x07, dst, imm });
const skipIfGreater = (dst: number, src: number, off: number): Instruction => ({ code: 0x2d, dst, src, off });
const skipUnless16 = (dst: number, imm: number, off: number): Instruction => ({ code: 0x55, dst, imm, off });
/** BPF_JMP32: the sign of an immediate plays no part. */
const skipUnless32 = (dst: number, imm: number, off: number): Instruction => ({ code: 0x56, dst, imm, off });
const exit: Instruction = { code: 0x95 };

const bytesOf = (address: string): Buffer => {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail = ''] = address.split('::');
  const words = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const [front, back] = [words(head), words(tail)];
  const all = [...front, ...Array.from({ length: 8 - front.length - back.length }, () => '0'), ...back];
  return Buffer.from(all.map((word) => word.padStart(4, '0')).join(''), 'hex');
};

/** r6 is where the frame begins, r7 where it ends. */
const dropIfTo = (address: string, frame: number): Instruction[] => {
  const { type, needs, destination, words } = LAYOUT[isIPv4(address) ? 4 : 6];
  const bytes = bytesOf(address);
  // the numbers as a little-endian machine reads them from the frame
  const swapped = ((type & 0xff) << 8) | (type >> 8);
  const compare = Array.from({ length: words }, (_, word) => ({ at: frame + destination + 4 * word, value: bytes.readInt32LE(4 * word) }));
  const length = 3 + 2 + 2 * compare.length + 2;
  const rest = (done: number): number => length - done - 1;
  return [
    move(2, 6),
    add(2, frame + needs),
    skipIfGreater(2, 7, rest(2)),
    load16(3, 6, frame + 12),
    skipUnless16(3, swapped, rest(4)),
    ...compare.flatMap(({ at, value }, index) => [load32(3, 6, at), skipUnless32(3, value, rest(6 + 2 * index))]),
    set(0, XDP.DROP),
    exit,
  ];
};

/** struct xdp_md: data, data_end. */
const program = (addresses: readonly string[]): Buffer =>
  Buffer.concat(
    [
      load32(6, 1, 0),
      load32(7, 1, 4),
      ...addresses.flatMap((address) => FRAMES.flatMap((frame) => dropIfTo(address, frame))),
      set(0, XDP.PASS),
      exit,
    ].map(encode),
  );

interface Section {
  name: string;
  type: number;
  flags: number;
  bytes: Buffer;
  link?: number;
  info?: number;
  entry?: number;
}

const [PROGBITS, SYMTAB, STRTAB, ALLOC, EXECUTABLE, EM_BPF] = [1, 2, 3, 2, 4, 247];
const HEADER = 64;

/** Offset of each name in a string table. */
const stringTable = (names: readonly string[]): { bytes: Buffer; at: Map<string, number> } => {
  const at = new Map<string, number>();
  let text = '\0';
  for (const name of names) {
    at.set(name, text.length);
    text += `${name}\0`;
  }
  return { bytes: Buffer.from(text, 'latin1'), at };
};

const sectionHeader = ({ type, flags, bytes, link = 0, info = 0, entry = 0 }: Section, name: number, offset: number): Buffer => {
  const header = Buffer.alloc(HEADER);
  header.writeUInt32LE(name, 0);
  header.writeUInt32LE(type, 4);
  header.writeBigUInt64LE(BigInt(flags), 8);
  header.writeBigUInt64LE(BigInt(offset), 24);
  header.writeBigUInt64LE(BigInt(bytes.length), 32);
  header.writeUInt32LE(link, 40);
  header.writeUInt32LE(info, 44);
  header.writeBigUInt64LE(8n, 48);
  header.writeBigUInt64LE(BigInt(entry), 56);
  return header;
};

/** One global function of section 1. */
const symbolTable = (name: number, size: number): Buffer => {
  const symbols = Buffer.alloc(48);
  symbols.writeUInt32LE(name, 24);
  symbols.writeUInt8((1 << 4) | 2, 28);
  symbols.writeUInt16LE(1, 30);
  symbols.writeBigUInt64LE(BigInt(size), 40);
  return symbols;
};

const elfHeader = (sectionsAt: number, sections: number): Buffer => {
  const header = Buffer.alloc(HEADER);
  // 64 bits, little-endian, version 1
  header.write('\x7fELF\x02\x01\x01', 'latin1');
  header.writeUInt16LE(1, 16);
  header.writeUInt16LE(EM_BPF, 18);
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(BigInt(sectionsAt), 40);
  header.writeUInt16LE(HEADER, 52);
  header.writeUInt16LE(HEADER, 58);
  header.writeUInt16LE(sections, 60);
  // the last section holds the sections' names
  header.writeUInt16LE(sections - 1, 62);
  return header;
};

/** @returns what `ip link set dev DEVICE xdp object FILE section xdp` takes */
export const xdpObject = (addresses: readonly string[]): Buffer => {
  const text = program(addresses);
  const symbols = stringTable(['drop']);
  const sections: Section[] = [
    { name: 'xdp', type: PROGBITS, flags: ALLOC | EXECUTABLE, bytes: text },
    { name: 'license', type: PROGBITS, flags: ALLOC, bytes: Buffer.from('GPL\0', 'latin1') },
    { name: '.symtab', type: SYMTAB, flags: 0, bytes: symbolTable(symbols.at.get('drop') ?? 0, text.length), link: 4, info: 1, entry: 24 },
    { name: '.strtab', type: STRTAB, flags: 0, bytes: symbols.bytes },
  ];
  const names = stringTable([...sections.map(({ name }) => name), '.shstrtab']);
  const all: Section[] = [...sections, { name: '.shstrtab', type: STRTAB, flags: 0, bytes: names.bytes }];
  let offset = HEADER;
  const bodies: Buffer[] = [];
  const headers = all.map((section) => {
    const header = sectionHeader(section, names.at.get(section.name) ?? 0, offset);
    const padded = Buffer.concat([section.bytes, Buffer.alloc((8 - (section.bytes.length % 8)) % 8)]);
    bodies.push(padded);
    offset += padded.length;
    return header;
  });
  return Buffer.concat([elfHeader(offset, all.length + 1), ...bodies, Buffer.alloc(HEADER), ...headers]);
};
