import type { Btf } from './btf.ts';

/** How this kernel lets us read a packet that it drops: at the event itself, or at the function that frees, whose argument the packet is. */
export type Capability = { kind: 'eprobe' } | { kind: 'kprobe'; function: string; argument: string };

/** Bytes before and behind skb->data that are read: at a drop it may point at any header, of a tunnel or of what it carries. */
const BEFORE = 48;
const WORDS = 16;

/** `can kprobe kfree_skb $arg1` */
export const readCapability = (words: string): Capability | undefined => {
  const [kind, place = '', argument = ''] = words.split(' ');
  if (kind === 'eprobe') return { kind };
  return kind === 'kprobe' && /^\w+$/.test(place) && /^\$arg\d$/.test(argument) ? { kind, function: place, argument } : undefined;
};

/** Members whose places differ from kernel to kernel. */
const MEMBERS = {
  length: ['sk_buff', ['len']],
  protocol: ['sk_buff', ['protocol']],
  interface: ['sk_buff', ['skb_iif']],
  head: ['sk_buff', ['head']],
  data: ['sk_buff', ['data']],
  network: ['sk_buff', ['network_header']],
  device: ['sk_buff', ['dev']],
  socket: ['sk_buff', ['sk']],
  name: ['net_device', ['name']],
  index: ['net_device', ['ifindex']],
  deviceNet: ['net_device', ['nd_net', 'net']],
  socketNet: ['sock', ['__sk_common', 'skc_net', 'net']],
  inode: ['net', ['ns', 'inum']],
} as const;

/**
 * What follows a name in tracefs' dynamic_events (Documentation/trace/eprobetrace.rst, kprobetrace.rst): the kind, a blank, and an event
 * that reads the packet's device, network namespaces and headers. Undefined where the type information lacks a member, and on
 * the one processor of Kubernetes that is big-endian (s390x), whose words would have to be read the other way round.
 */
export const headerEvent = (capability: Capability, btf: Btf): string | undefined => {
  const at = Object.fromEntries(Object.entries(MEMBERS).map(([name, [structure, path]]) => [name, btf.offsetOf(structure, [...path])])) as Record<
    keyof typeof MEMBERS,
    number | undefined
  >;
  if (!btf.littleEndian || Object.values(at).some((offset) => offset === undefined)) return undefined;
  const packet = capability.kind === 'eprobe' ? '$skbaddr' : capability.argument;
  const member = (name: keyof typeof MEMBERS, of: string): string => `+${at[name]}(${of})`;
  const data = member('data', packet);
  const words = Array.from({ length: WORDS }, (_, index) => {
    const offset = index * 8 - BEFORE;
    return `w${index}=${offset < 0 ? offset : `+${offset}`}(${data}):x64`;
  });
  const device = member('device', packet);
  return [
    capability.kind === 'eprobe' ? 'e skb.kfree_skb' : `p ${capability.function}`,
    `len=${member('length', packet)}:u32`,
    `proto=${member('protocol', packet)}:u16`,
    `iif=${member('interface', packet)}:u32`,
    `head=${member('head', packet)}:x64`,
    `data=${data}:x64`,
    `nh=${member('network', packet)}:u16`,
    `name=${member('name', device)}:string`,
    `dev=${member('index', device)}:u32`,
    `ns=${member('inode', member('deviceNet', device))}:u32`,
    `sk=${member('socket', packet)}:x64`,
    `sns=${member('inode', member('socketNet', member('socket', packet)))}:u32`,
    ...words,
  ].join(' ');
};

/** What our event read of one packet. */
export interface PacketHeaders {
  /** skb->len */
  length: number;
  /** Ethertype. */
  protocol: number;
  /** Of the device it is at; absent where it had none yet. */
  device?: string;
  /** Inode of the network namespace: of its device, else of the socket that sent it. */
  netns?: string;
  /** It came in by that device; what came by another one, or was made here, is on its way out. */
  cameIn: boolean;
  /** From the network header on. */
  bytes: Buffer;
}

const number = (text: string, name: string): number => Number(new RegExp(` ${name}=(\\d+)`).exec(text)?.[1] ?? 0);

const hex = (text: string, name: string): bigint => BigInt(new RegExp(` ${name}=(0x[0-9a-f]+)`).exec(text)?.[1] ?? 0);

/** Network byte order as a little-endian processor reads it. */
const swapped = (value: number): number => ((value & 0xff) << 8) | (value >> 8);

/** Namespaces get their inodes from the end of the range (PROC_DYNAMIC_FIRST in fs/proc/generic.c, and a few fixed ones below it). */
const FIRST_INODE = 0xefff_fff0;

const inode = (text: string, name: string): string | undefined => {
  const value = number(text, name);
  return value >= FIRST_INODE ? String(value) : undefined;
};

/**
 * Where a packet has no device, or its place holds something else (a socket's queue uses it), the name cannot be read, and then the numbers
 * behind it are what lay in the buffer before; the same goes for a socket that is none.
 */
const placeOf = (text: string): Pick<PacketHeaders, 'device' | 'netns' | 'cameIn'> => {
  const device = / name="([^"\s/]{1,15})" /.exec(text)?.[1];
  const ofDevice = device === undefined ? undefined : inode(text, 'ns');
  if (device !== undefined && ofDevice !== undefined)
    return { device, netns: ofDevice, cameIn: number(text, 'iif') !== 0 && number(text, 'iif') === number(text, 'dev') };
  // recordings of earlier versions do not tell the socket apart
  const ofSocket = / sk=0x0 /.test(text) ? undefined : inode(text, 'sns');
  return { ...(ofSocket === undefined ? {} : { netns: ofSocket }), cameIn: false };
};

/**
 * The arguments as tracefs prints them:
 * `len=84 proto=8 iif=2 head=0xffff… data=0x… nh=78 name="eth0" dev=2 ns=4026531840 sk=0x0 sns=0 w0=0x…`.
 */
export const readHeaderEvent = (text: string): PacketHeaders => {
  const window = Buffer.alloc(WORDS * 8);
  for (let index = 0; index < WORDS; index += 1) window.writeBigUInt64LE(hex(text, `w${index}`) & 0xffffffffffffffffn, index * 8);
  const from = BEFORE + Number(hex(text, 'head') + BigInt(number(text, 'nh')) - hex(text, 'data'));
  return {
    length: number(text, 'len'),
    protocol: swapped(number(text, 'proto')),
    ...placeOf(text),
    bytes: from >= 0 && from < window.length ? window.subarray(from) : Buffer.alloc(0),
  };
};
