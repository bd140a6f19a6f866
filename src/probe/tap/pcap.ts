/**
 * pcap savefiles (draft-ietf-opsawg-pcap): 24 bytes of file header, then per packet 16 bytes and the packet. Both byte orders, micro- and
 * nanoseconds. A file cut anywhere gives what is whole.
 */
export interface Pcap {
  /** LINKTYPE_*: 1 Ethernet, 113 Linux cooked, 276 Linux cooked v2. */
  linktype: number;
  records: PcapRecord[];
}

export interface PcapRecord {
  /** Seconds since the epoch. */
  time: number;
  /** Length on the wire; `bytes` may be cut at the snap length. */
  length: number;
  bytes: Buffer;
}

const MAGIC_MICRO = 0xa1b2c3d4;
const MAGIC_NANO = 0xa1b23c4d;

/** Larger than any snap length tcpdump allows: a length above it means that the file is not what it says. */
const LARGEST = 262_144;

export const readPcap = (file: Buffer): Pcap | undefined => {
  if (file.length < 24) return undefined;
  const little = [MAGIC_MICRO, MAGIC_NANO].includes(file.readUInt32LE(0));
  const u32 = (at: number): number => (little ? file.readUInt32LE(at) : file.readUInt32BE(at));
  const magic = u32(0);
  if (magic !== MAGIC_MICRO && magic !== MAGIC_NANO) return undefined;
  const second = magic === MAGIC_NANO ? 1e9 : 1e6;
  const records: PcapRecord[] = [];
  let at = 24;
  while (at + 16 <= file.length) {
    const captured = u32(at + 8);
    if (captured > LARGEST || at + 16 + captured > file.length) break;
    records.push({ time: u32(at) + u32(at + 4) / second, length: u32(at + 12), bytes: file.subarray(at + 16, at + 16 + captured) });
    at += 16 + captured;
  }
  // The upper bits of the link type field are FCS information.
  return { linktype: u32(20) & 0xffff, records };
};
