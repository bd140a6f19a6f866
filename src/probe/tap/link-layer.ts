/** What lies around the network layer: cooked captures of `-i any` and plain Ethernet. */
export interface LinkFrame {
  ethertype: number;
  payload: Buffer;
  direction: 'in' | 'out' | 'peer';
  /** Cooked v2 only. */
  ifindex?: number;
  sourceMac?: string;
}

export const ETHERTYPE = { ipv4: 0x0800, arp: 0x0806, ipv6: 0x86dd, vlan: 0x8100, qinq: 0x88a8 } as const;

const LINKTYPE = { ethernet: 1, cooked: 113, cooked2: 276 } as const;

/** sll_pkttype (packet(7)): 3 is PACKET_OTHERHOST, 4 PACKET_OUTGOING; host, broadcast and multicast are arrivals. */
const directionOf = (pkttype: number): LinkFrame['direction'] => (pkttype === 4 ? 'out' : pkttype === 3 ? 'peer' : 'in');

export const macText = (bytes: Buffer): string => [...bytes.subarray(0, 6)].map((byte) => byte.toString(16).padStart(2, '0')).join(':');

const senderOf = (length: number, address: Buffer): Pick<LinkFrame, 'sourceMac'> =>
  length === 6 && address.length >= 6 ? { sourceMac: macText(address) } : {};

/** Strips 802.1Q and 802.1ad tags. */
const untagged = (ethertype: number, payload: Buffer): { ethertype: number; payload: Buffer } =>
  (ethertype === ETHERTYPE.vlan || ethertype === ETHERTYPE.qinq) && payload.length >= 4
    ? untagged(payload.readUInt16BE(2), payload.subarray(4))
    : { ethertype, payload };

/** DST 6, SRC 6, type 2. A capture on one Ethernet device does not say which way a frame went. */
export const readEthernet = (bytes: Buffer): LinkFrame | undefined =>
  bytes.length < 14
    ? undefined
    : { ...untagged(bytes.readUInt16BE(12), bytes.subarray(14)), direction: 'in', sourceMac: macText(bytes.subarray(6, 12)) };

/** LINKTYPE_LINUX_SLL: packet type 2, ARPHRD 2, address length 2, address 8, protocol 2. */
const readCooked = (bytes: Buffer): LinkFrame | undefined =>
  bytes.length < 16
    ? undefined
    : {
        ...untagged(bytes.readUInt16BE(14), bytes.subarray(16)),
        direction: directionOf(bytes.readUInt16BE(0)),
        ...senderOf(bytes.readUInt16BE(4), bytes.subarray(6, 14)),
      };

/** LINKTYPE_LINUX_SLL2: protocol 2, reserved 2, ifindex 4, ARPHRD 2, packet type 1, address length 1, address 8. */
const readCooked2 = (bytes: Buffer): LinkFrame | undefined =>
  bytes.length < 20
    ? undefined
    : {
        ...untagged(bytes.readUInt16BE(0), bytes.subarray(20)),
        direction: directionOf(bytes[10] ?? 0),
        ifindex: bytes.readUInt32BE(4),
        ...senderOf(bytes[11] ?? 0, bytes.subarray(12, 20)),
      };

export const readLink = (linktype: number, bytes: Buffer): LinkFrame | undefined =>
  linktype === LINKTYPE.cooked2
    ? readCooked2(bytes)
    : linktype === LINKTYPE.cooked
      ? readCooked(bytes)
      : linktype === LINKTYPE.ethernet
        ? readEthernet(bytes)
        : undefined;
