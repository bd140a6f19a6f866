/** A pcapng option (draft-ietf-opsawg-pcapng 3.5): what it is, by its code, and its value. */
export interface Option {
  code: number;
  value: Buffer;
}

/** A value's length is 16 bits. */
const LONGEST_VALUE = 0xffff;

const padded = (length: number): number => (length + 3) & ~3;

export const u16 = (...values: number[]): Buffer => {
  const bytes = Buffer.alloc(values.length * 2);
  for (const [index, value] of values.entries()) bytes.writeUInt16LE(value, index * 2);
  return bytes;
};

export const u32 = (...values: number[]): Buffer => {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeUInt32LE(value, index * 4);
  return bytes;
};

export const u64 = (value: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
};

/** The bytes and what fills them up to 32 bits. */
export const padTo32 = (bytes: Buffer): Buffer[] => [bytes, Buffer.alloc(padded(bytes.length) - bytes.length)];

/** UTF-8, cut between characters where it is too long. */
export const text = (code: number, value: string): Option => {
  const bytes = Buffer.from(value, 'utf8');
  if (bytes.length <= LONGEST_VALUE) return { code, value: bytes };
  let end = LONGEST_VALUE;
  // a byte 10xxxxxx goes on with the character before it
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return { code, value: bytes.subarray(0, end) };
};

/** opt_comment */
export const comment = (value: string): Option => text(1, value);

const END_OF_OPTIONS = u16(0, 0);

const encodeOptions = (options: Option[]): Buffer[] =>
  options.length === 0 ? [] : [...options.flatMap(({ code, value }) => [u16(code, value.length), ...padTo32(value)]), END_OF_OPTIONS];

/** A block of a little-endian section: type, total length, body, options, total length again. Bodies end on 32 bits. */
export const block = (type: number, body: Buffer[], options: Option[]): Buffer => {
  const content = Buffer.concat([...body, ...encodeOptions(options)]);
  const total = u32(content.length + 12);
  return Buffer.concat([u32(type), total, content, total]);
};
