import { parseAddress } from './address.ts';
import { portOf } from './flight.ts';
import { icmpOf, isV6, type Pass, tcpFlagsOf } from './pass.ts';
import { hasPorts, protocolOf } from './protocol.ts';

/** Bytes of the packet from its network header on, as far as they are known: what u32 matches and raw payload expressions look at. */
export const headerBytes = (pass: Pick<Pass, 'flight' | 'journey'>): (number | undefined)[] => {
  const { packet } = pass.flight;
  return [...(isV6(packet) ? v6Header(pass) : v4Header(pass)), ...transport(pass)];
};

const bytesOf = (address: string): (number | undefined)[] => {
  const parsed = parseAddress(address);
  if (!parsed) return [];
  const size = parsed.family === 4 ? 4 : 16;
  return Array.from({ length: size }, (_, at) => Number((BigInt(parsed.value) >> BigInt(8 * (size - 1 - at))) & 0xffn));
};

const u16 = (value: number | undefined): (number | undefined)[] =>
  value === undefined ? [undefined, undefined] : [(value >> 8) & 0xff, value & 0xff];

const unknown = (count: number): undefined[] => Array.from({ length: count }, () => undefined);

/** RFC 791 without options; identification and checksum are the sender's. */
const v4Header = ({ flight: { packet, ttl } }: Pick<Pass, 'flight'>): (number | undefined)[] => [
  0x45,
  packet.tos ?? 0,
  ...u16(packet.length),
  ...unknown(2),
  packet.dontFragment === false ? 0 : 0x40,
  0,
  ttl,
  protocolOf(packet),
  ...unknown(2),
  ...bytesOf(packet.source),
  ...bytesOf(packet.destination),
];

/** RFC 8200 */
const v6Header = ({ flight: { packet, ttl } }: Pick<Pass, 'flight'>): (number | undefined)[] => [
  0x60 | ((packet.tos ?? 0) >> 4),
  undefined,
  ...unknown(2),
  ...u16(packet.length === undefined ? undefined : packet.length - 40),
  protocolOf(packet),
  ttl,
  ...bytesOf(packet.source),
  ...bytesOf(packet.destination),
];

const tcpBits = { FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16, URG: 32 };

const transport = (pass: Pick<Pass, 'flight' | 'journey'>): (number | undefined)[] => {
  const { packet } = pass.flight;
  if (packet.protocol === 'icmp') {
    const { type, code } = icmpOf(pass);
    return [type, code];
  }
  if (!hasPorts(packet)) return [];
  const ports = [...u16(portOf(pass.flight, 'sourcePort')), ...u16(portOf(pass.flight, 'destinationPort'))];
  if (packet.protocol !== 'tcp') return ports;
  return [...ports, ...unknown(9), tcpFlagsOf(pass).reduce((bits, flag) => bits | tcpBits[flag], 0)];
};
