/** One packet of a savefile, its time exact. */
export interface StreamedPacket {
  /** Nanoseconds since the epoch on the capturing node's clock. */
  nanos: bigint;
  /** On the wire; `bytes` may be cut at the snap length. */
  length: number;
  bytes: Buffer;
}

/** Reads a pcap savefile (draft-ietf-opsawg-pcap) as it comes, in chunks cut anywhere. */
export interface PcapReader {
  /** What has become whole with this chunk. @throws Error when it is no savefile */
  read: (chunk: Buffer) => StreamedPacket[];
  /** LINKTYPE_* of its header; undefined until that has come. */
  readonly linktype: number | undefined;
}

const FILE_HEADER = 24;
const RECORD_HEADER = 16;

const MAGIC_MICRO = 0xa1b2c3d4;
const MAGIC_NANO = 0xa1b23c4d;

/** Larger than any snap length tcpdump allows: a length above it means that the stream is not what it says. */
const LARGEST = 262_144;

interface Header {
  linktype: number;
  little: boolean;
  /** Nanoseconds of one unit of the fraction. */
  unit: bigint;
}

const readHeader = (bytes: Buffer): Header => {
  const little = [MAGIC_MICRO, MAGIC_NANO].includes(bytes.readUInt32LE(0));
  const magic = little ? bytes.readUInt32LE(0) : bytes.readUInt32BE(0);
  if (magic !== MAGIC_MICRO && magic !== MAGIC_NANO) throw new Error('the capture is no pcap savefile');
  // the upper bits of the link type field are FCS information
  const linktype = (little ? bytes.readUInt32LE(20) : bytes.readUInt32BE(20)) & 0xffff;
  return { linktype, little, unit: magic === MAGIC_NANO ? 1n : 1000n };
};

export const createPcapReader = (): PcapReader => {
  let header: Header | undefined;
  let rest: Buffer = Buffer.alloc(0);
  return {
    get linktype() {
      return header?.linktype;
    },
    read: (chunk) => {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      let at = 0;
      if (!header) {
        if (bytes.length < FILE_HEADER) {
          rest = bytes;
          return [];
        }
        header = readHeader(bytes);
        at = FILE_HEADER;
      }
      const { little, unit } = header;
      const u32 = (offset: number): number => (little ? bytes.readUInt32LE(offset) : bytes.readUInt32BE(offset));
      const packets: StreamedPacket[] = [];
      while (at + RECORD_HEADER <= bytes.length) {
        const captured = u32(at + 8);
        if (captured > LARGEST) throw new Error(`the capture has a packet of ${captured} bytes`);
        const end = at + RECORD_HEADER + captured;
        if (end > bytes.length) break;
        const nanos = BigInt(u32(at)) * 1_000_000_000n + BigInt(u32(at + 4)) * unit;
        packets.push({ nanos, length: u32(at + 12), bytes: bytes.subarray(at + RECORD_HEADER, end) });
        at = end;
      }
      rest = bytes.subarray(at);
      return packets;
    },
  };
};
