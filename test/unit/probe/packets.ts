/** Builders of packets for what this machine's kernel cannot send; lengths and checksums only where a parser reads them. */

const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff]);

const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
};

const v4 = (address: string): Buffer => Buffer.from(address.split('.').map(Number));

export const ipv4 = (source: string, destination: string, protocol: number, payload: Buffer): Buffer =>
  Buffer.concat([
    Buffer.from([0x45, 0]),
    u16(20 + payload.length),
    u32(0),
    Buffer.from([64, protocol]),
    u16(0),
    v4(source),
    v4(destination),
    payload,
  ]);

/** Addresses as 32 hex digits. */
export const ipv6 = (source: string, destination: string, next: number, payload: Buffer): Buffer =>
  Buffer.concat([u32(0x60000000), u16(payload.length), Buffer.from([next, 64]), Buffer.from(source + destination, 'hex'), payload]);

export const udp = (from: number, to: number, payload: Buffer): Buffer =>
  Buffer.concat([u16(from), u16(to), u16(8 + payload.length), u16(0), payload]);

export const tcp = (from: number, to: number, sequence: number, acknowledged: number, flags: number): Buffer =>
  Buffer.concat([u16(from), u16(to), u32(sequence), u32(acknowledged), Buffer.from([0x50, flags]), Buffer.alloc(6)]);

export const ethernet = (type: number, payload: Buffer): Buffer =>
  Buffer.concat([Buffer.from('020000000002020000000001', 'hex'), u16(type), payload]);

/** RFC 8926 with `options` bytes, a multiple of four. */
export const geneve = (vni: number, options: Buffer, frame: Buffer): Buffer =>
  Buffer.concat([Buffer.from([options.length / 4, 0]), u16(0x6558), u32(vni << 8), options, frame]);

export const vxlan = (vni: number, frame: Buffer): Buffer => Buffer.concat([u32(0x08000000), u32(vni << 8), frame]);

/** LINKTYPE_LINUX_SLL2 of an Ethernet device. */
export const cooked2 = (protocol: number, ifindex: number, pkttype: number, payload: Buffer): Buffer =>
  Buffer.concat([u16(protocol), u16(0), u32(ifindex), u16(1), Buffer.from([pkttype, 6]), Buffer.from('0200000000010000', 'hex'), payload]);

/** A savefile in either byte order, with micro- or nanoseconds. */
export const pcap = (linktype: number, packets: Buffer[], { little = true, nano = false } = {}): Buffer => {
  const word = (value: number): Buffer => (little ? Buffer.from(u32(value)).reverse() : u32(value));
  const header = Buffer.concat([
    word(nano ? 0xa1b23c4d : 0xa1b2c3d4),
    word(little ? 0x00040002 : 0x00020004),
    word(0),
    word(0),
    word(262144),
    word(linktype),
  ]);
  const fraction = nano ? 500_000_000 : 500_000;
  return Buffer.concat([
    header,
    ...packets.map((packet, n) => Buffer.concat([word(1000 + n), word(fraction), word(packet.length), word(packet.length), packet])),
  ]);
};

/** A savefile whose packets have times of their own, in nanoseconds. */
export const pcapAt = (linktype: number, packets: { seconds: number; bytes: Buffer }[]): Buffer => {
  const word = (value: number): Buffer => Buffer.from(u32(value)).reverse();
  return Buffer.concat([
    pcap(linktype, [], { nano: true }),
    ...packets.map(({ seconds, bytes }) => {
      const whole = Math.floor(seconds);
      const nanos = Math.round((seconds - whole) * 1e9);
      return Buffer.concat([word(whole), word(nanos), word(bytes.length), word(bytes.length), bytes]);
    }),
  ]);
};
