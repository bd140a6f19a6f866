import { block, comment, type Option, padTo32, text, u16, u32, u64 } from './block.ts';

/**
 * The four blocks of a capture of several interfaces (draft-ietf-opsawg-pcapng 4). Bytes out, nothing kept: whoever writes a file numbers the
 * interfaces by the order of their blocks.
 */

const TYPE = { section: 0x0a0d0d0a, interface: 1, statistics: 5, packet: 6 } as const;

const BYTE_ORDER_MAGIC = 0x1a2b3c4d;

/** Nanoseconds since the epoch, as two words, the upper one first. */
const timestamp = (nanos: bigint): Buffer => u32(Number((nanos >> 32n) & 0xffffffffn), Number(nanos & 0xffffffffn));

const given = (options: (Option | false | undefined)[]): Option[] => options.filter((option) => option !== false && option !== undefined);

export interface Section {
  application: string;
  comments: string[];
}

export const sectionHeader = ({ application, comments }: Section): Buffer => {
  const unknownLength = Buffer.alloc(8, 0xff);
  return block(TYPE.section, [u32(BYTE_ORDER_MAGIC), u16(1, 0), unknownLength], [...comments.map(comment), text(4, application)]);
};

export interface Interface {
  /** LINKTYPE_* */
  linktype: number;
  /** Bytes of a packet that are kept at most. */
  snaplen: number;
  name: string;
  description?: string;
  mac?: string;
  /** A pcap-filter(7) expression. */
  filter?: string;
  comments: string[];
}

const macBytes = (mac: string): Buffer | undefined => {
  const bytes = Buffer.from(mac.replaceAll(':', ''), 'hex');
  return bytes.length === 6 ? bytes : undefined;
};

/** Time stamps of its packets are nanoseconds. */
export const interfaceDescription = ({ linktype, snaplen, name, description, mac, filter, comments }: Interface): Buffer => {
  const address = mac === undefined ? undefined : macBytes(mac);
  return block(
    TYPE.interface,
    [u16(linktype, 0), u32(snaplen)],
    given([
      ...comments.map(comment),
      text(2, name),
      description !== undefined && text(3, description),
      address && { code: 6, value: address },
      { code: 9, value: Buffer.of(9) },
      // 0: a string of libpcap's language
      filter !== undefined && { code: 11, value: Buffer.concat([Buffer.of(0), text(11, filter).value]).subarray(0, 0xffff) },
    ]),
  );
};

export interface Packet {
  /** Number of its interface's block in the section, from 0. */
  interface: number;
  nanos: bigint;
  bytes: Buffer;
  /** On the wire. */
  length: number;
  direction?: 'in' | 'out';
  comments: string[];
}

/** Bits 0 and 1 of epb_flags. */
const DIRECTION = { in: 1, out: 2 } as const;

export const enhancedPacket = ({ interface: index, nanos, bytes, length, direction, comments }: Packet): Buffer =>
  block(
    TYPE.packet,
    [u32(index), timestamp(nanos), u32(bytes.length, length), ...padTo32(bytes)],
    given([...comments.map(comment), direction && { code: 2, value: u32(DIRECTION[direction]) }]),
  );

export interface Statistics {
  interface: number;
  /** When they were taken. */
  nanos: bigint;
  /** Packets that are in the file. */
  delivered: number;
  /** Packets the operating system had no room for, where that is known for this interface. */
  lost?: number;
  comments: string[];
}

export const interfaceStatistics = ({ interface: index, nanos, delivered, lost, comments }: Statistics): Buffer =>
  block(
    TYPE.statistics,
    [u32(index), timestamp(nanos)],
    given([...comments.map(comment), lost !== undefined && { code: 7, value: u64(lost) }, { code: 8, value: u64(delivered) }]),
  );
