/** What a kernel's own type information (Documentation/bpf/btf.rst) says of where the members of its structures lie. */
export interface Btf {
  littleEndian: boolean;
  /** Bytes from the start of a structure to a member of it, or of one inside it: `['ns', 'inum']`; undefined when there is none of this name. */
  offsetOf: (structure: string, path: string[]) => number | undefined;
}

const MAGIC = 0xeb9f;

const KIND = {
  int: 1,
  array: 3,
  struct: 4,
  union: 5,
  enum: 6,
  typedef: 8,
  volatile: 9,
  const: 10,
  restrict: 11,
  prototype: 13,
  variable: 14,
  section: 15,
  tag: 17,
  typeTag: 18,
  enum64: 19,
} as const;

/** Bytes behind a type's twelve: a fixed number, or so many for each of its parts. */
const FIXED: Record<number, number> = { [KIND.int]: 4, [KIND.array]: 12, [KIND.variable]: 4, [KIND.tag]: 4 };
const PER_PART: Record<number, number> = {
  [KIND.struct]: 12,
  [KIND.union]: 12,
  [KIND.enum]: 8,
  [KIND.prototype]: 8,
  [KIND.section]: 12,
  [KIND.enum64]: 12,
};

/** Names for another type. */
const ALIASES: number[] = [KIND.typedef, KIND.volatile, KIND.const, KIND.restrict, KIND.typeTag];

interface Type {
  name: number;
  kind: number;
  parts: number;
  /** Its members' offsets share a word with the size of bit fields. */
  bitFields: boolean;
  /** Size, or the type it stands for. */
  refers: number;
  /** Where its parts are. */
  at: number;
}

/** @throws Error when the bytes are no type information */
export const readBtf = (bytes: Buffer): Btf => {
  if (bytes.length < 24) throw new Error('the type information is cut');
  const little = bytes.readUInt16LE(0) === MAGIC;
  if (!little && bytes.readUInt16BE(0) !== MAGIC) throw new Error('it is no type information');
  const u32 = (at: number): number => (little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at));
  const header = u32(4);
  const [typesAt, typesLength, stringsAt] = [header + u32(8), u32(12), header + u32(16)];
  const end = typesAt + typesLength;
  if (end > bytes.length || stringsAt > bytes.length) throw new Error('the type information is cut');

  /** By number; 0 is void. */
  const types: Type[] = [{ name: 0, kind: 0, parts: 0, bitFields: false, refers: 0, at: 0 }];
  for (let at = typesAt; at + 12 <= end; ) {
    const info = u32(at + 4);
    const kind = (info >>> 24) & 0x1f;
    const parts = info & 0xffff;
    types.push({ name: u32(at), kind, parts, bitFields: info >>> 31 === 1, refers: u32(at + 8), at: at + 12 });
    at += 12 + (FIXED[kind] ?? 0) + parts * (PER_PART[kind] ?? 0);
  }
  const nameAt = (offset: number): string => {
    const from = stringsAt + offset;
    return bytes.toString('latin1', from, bytes.indexOf(0, from));
  };
  const isNamed = ({ name }: Type, wanted: Buffer): boolean => {
    const from = stringsAt + name;
    return bytes[from + wanted.length] === 0 && bytes.compare(wanted, 0, wanted.length, from, from + wanted.length) === 0;
  };
  const resolve = (number: number): Type | undefined => {
    let type = types[number];
    for (let depth = 0; type && ALIASES.includes(type.kind) && depth < 16; depth += 1) type = types[type.refers];
    return type;
  };
  const find = (type: Type | undefined, path: string[]): number | undefined => {
    const [wanted, ...rest] = path;
    if (wanted === undefined) return 0;
    if (!type || (type.kind !== KIND.struct && type.kind !== KIND.union)) return undefined;
    for (let part = 0; part < type.parts; part += 1) {
      const at = type.at + part * 12;
      const name = nameAt(u32(at));
      if (name !== '' && name !== wanted) continue;
      const bits = type.bitFields ? u32(at + 8) & 0xffffff : u32(at + 8);
      // the members of one without a name are as if they were its own
      const inner = find(resolve(u32(at + 4)), name === '' ? path : rest);
      if (inner !== undefined) return (bits >> 3) + inner;
    }
    return undefined;
  };
  return {
    littleEndian: little,
    offsetOf: (structure, path) => {
      const wanted = Buffer.from(structure, 'latin1');
      const type = types.find((candidate) => candidate.kind === KIND.struct && candidate.parts > 0 && isNamed(candidate, wanted));
      return find(type, path);
    },
  };
};
