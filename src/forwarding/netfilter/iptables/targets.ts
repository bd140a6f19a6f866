import { parseAddress, parsePrefix, textOf } from '../../address.ts';
import { choose } from '../../fork.ts';
import type { RuleRef } from '../../hop.ts';
import { and, not, or, parseMark, xor } from '../../mark.ts';
import type { Pass } from '../../pass.ts';
import { type Change, proceed, type Verdict } from '../context.ts';
import { redirectAddress, setTtl, throughProgram, untrack } from '../effects.ts';
import { handToQueue } from '../queue.ts';
import { has, type OptionUse, optionValue } from './words.ts';

export interface TargetInput {
  options: readonly OptionUse[];
  pass: Pass;
  by: RuleRef;
}

/** Targets that let the packet go on as it is, as far as its way goes. */
export const harmless: ReadonlySet<string> = new Set(
  'LOG NFLOG ULOG TRACE TEE CHECKSUM CLASSIFY SET AUDIT RATEEST IDLETIMER SECMARK CONNSECMARK TCPMSS TCPOPTSTRIP ECN LED'.split(' '),
);

/** `10.0.0.1:80`, `10.0.0.1-10.0.0.9`, `[fd00::1]:80`, `:80-90`; of a range of ports the first. */
export const readTarget = (text: string): { first?: string; last?: string; port?: number; isRange?: true } => {
  const [, bracketed, afterBracket] = /^\[([^\]]+)\](?::(\S+))?/.exec(text) ?? [];
  const plain = bracketed ?? (parseAddress(text.split('-')[0] ?? '')?.family === 6 ? text : text.split(':')[0]) ?? '';
  const portText = bracketed === undefined && plain !== text ? text.split(':')[1] : afterBracket;
  const [first, last = first] = plain.split('-');
  return { ...(first ? { first, ...(last ? { last } : {}) } : {}), ...portsOf(portText) };
};

/** `80`, or of a range the first, and that it is one of several. */
const portsOf = (text: string | undefined): { port?: number; isRange?: true } => {
  const [low, high = low] = text?.split('-') ?? [];
  return low === undefined ? {} : { port: Number(low), ...(low === high ? {} : { isRange: true }) };
};

/** `--random`, `--random-fully`, or one of several ports: only of the asker's own port does it matter which. */
const drawn = (options: readonly OptionUse[], isRange: true | undefined): Pick<Change, 'random'> =>
  isRange || has(options, '--random') || has(options, '--random-fully') ? { random: true } : {};

/** More addresses than this of a range are not told apart. */
const MOST_ADDRESSES = 16;

/** One of a range by a hash of the addresses (nf_nat_core.c find_best_ips_proto): the same for a client every time. */
const pickAddress = ({ pass, by }: TargetInput, first: string | undefined, last: string | undefined): string | undefined => {
  const [low, high] = [parseAddress(first ?? ''), parseAddress(last ?? '')];
  if (!low || !high || low.value === high.value) return first;
  const count = Number(BigInt(high.value) - BigInt(low.value)) + 1;
  const shown = Math.min(count, MOST_ADDRESSES);
  const addresses = Array.from({ length: shown }, (_, step) => textOf(low.family, BigInt(low.value) + BigInt(step)));
  const ways = addresses.map((address) => ({ label: address, share: 1 / shown, reaches: (endpoint: string) => endpoint === address }));
  return addresses[choose(pass.journey, { kind: 'chance', per: 'client', what: `${by.chain} picks one of ${count} addresses`, by, ways })];
};

const nat =
  (side: Change['side'], option: string) =>
  (input: TargetInput): Verdict => {
    const { first, last, port, isRange } = readTarget(optionValue(input.options, option) ?? '');
    const address = pickAddress(input, first, last);
    const change = { side, ...(address === undefined ? {} : { address }), ...(port === undefined ? {} : { port }), ...drawn(input.options, isRange) };
    return { kind: 'nat', change, by: input.by };
  };

const toPorts = (options: readonly OptionUse[]): Pick<Change, 'port' | 'random'> => {
  const { port, isRange } = portsOf(optionValue(options, '--to-ports'));
  return { ...(port === undefined ? {} : { port }), ...drawn(options, isRange) };
};

const redirect = ({ options, pass, by }: TargetInput): Verdict => {
  const address = redirectAddress(pass);
  return address === undefined ? { kind: 'drop', by } : { kind: 'nat', change: { side: 'destination', address, ...toPorts(options) }, by };
};

/** The network part is exchanged, the host part stays (xt_NETMAP.c). */
const netmap = ({ options, pass, by }: TargetInput): Verdict => {
  const prefix = parsePrefix(optionValue(options, '--to') ?? '');
  const side = pass.hook === 'prerouting' || pass.hook === 'output' ? 'destination' : 'source';
  const own = parseAddress(pass.flight.packet[side]);
  if (!prefix || !own || prefix.family !== own.family) return throughProgram(pass, by, 'NETMAP was not understood');
  const address =
    prefix.family === 4
      ? textOf(4, (prefix.network | (Number(own.value) & ~prefix.mask)) >>> 0)
      : textOf(6, prefix.network | (BigInt(own.value) & ((1n << 128n) - 1n) & ~prefix.mask));
  return { kind: 'nat', change: { side, address }, by };
};

/** xt_mark: clear the mask's bits, then XOR the value in; --set-mark clears value's bits as well. */
const newMark = (now: number, options: readonly OptionUse[]): number => {
  for (const { name, values } of options) {
    const { value, mask } = parseMark(values[0] ?? '0');
    if (name === '--set-xmark') return xor(and(now, not(mask)), value);
    if (name === '--set-mark') return xor(and(now, not(or(mask, value))), value);
    if (name === '--or-mark') return or(now, value);
    if (name === '--and-mark') return and(now, value);
    if (name === '--xor-mark') return xor(now, value);
  }
  return now;
};

const mark = ({ options, pass }: TargetInput): Verdict => {
  pass.flight.mark = newMark(pass.flight.mark, options);
  return proceed;
};

const maskOf = (options: readonly OptionUse[], ...names: string[]): number => {
  const text = optionValue(options, ...names);
  return text === undefined ? 0xffffffff : Number(text);
};

/** Between the packet's mark and the connection's (xt_connmark.c). */
const connmark = ({ options, pass }: TargetInput): Verdict => {
  const { flight, tracking } = pass;
  const connection = tracking.found?.connection;
  if (!connection) return proceed;
  const from = maskOf(options, '--nfmask', '--mask');
  const to = maskOf(options, '--ctmask', '--mask');
  if (has(options, '--restore-mark')) {
    flight.mark = xor(and(flight.mark, not(from)), and(connection.mark, to));
  } else if (has(options, '--save-mark')) {
    connection.mark = xor(and(connection.mark, not(to)), and(flight.mark, from));
  } else {
    connection.mark = newMark(connection.mark, options);
  }
  return proceed;
};

const ct = ({ options, pass }: TargetInput): Verdict => {
  if (has(options, '--notrack')) untrack(pass);
  if (pass.tracking.found) return proceed;
  const zone = optionValue(options, '--zone', '--zone-orig', '--zone-reply');
  if (zone !== undefined) pass.tracking.zone = zone === 'mark' ? and(pass.flight.mark, 0xffff) : Number(zone);
  return proceed;
};

const notrack = ({ pass }: TargetInput): Verdict => {
  untrack(pass);
  return proceed;
};

const ttl = ({ options, pass }: TargetInput): Verdict => {
  for (const { name, values } of options) setTtl(pass, name.replace(/^--(ttl|hl)-/, ''), Number(values[0]));
  return proceed;
};

const tos = ({ options, pass }: TargetInput): Verdict => {
  const [name, text = ''] = [options[0]?.name, options[0]?.values[0]];
  const { packet } = pass.flight;
  const old = packet.tos ?? 0;
  if (name === '--set-dscp') pass.flight.packet = { ...packet, tos: (Number(text) << 2) | (old & 3) };
  if (name === '--set-tos') {
    const [value = 0, mask = 0xff] = text.split('/').map(Number);
    pass.flight.packet = { ...packet, tos: (old & ~mask) ^ value };
  }
  return proceed;
};

/** The packet keeps its address, is given to a listening socket of this netns, and marked so that a rule routes it here (xt_TPROXY.c). */
const tproxy = ({ options, pass, by }: TargetInput): Verdict => {
  const { packet } = pass.flight;
  const port = Number(optionValue(options, '--on-port') ?? 0) || packet.destinationPort;
  const listens = pass.place.netns.sockets.some((socket) => socket.protocol === packet.protocol && socket.port === port);
  if (!listens) return { kind: 'drop', by };
  const { value, mask } = parseMark(optionValue(options, '--tproxy-mark') ?? '0/0');
  pass.flight.mark = xor(and(pass.flight.mark, not(mask)), value);
  return { kind: 'accept', by };
};

/** `--queue-num 7`, `--queue-balance 7:9`; queue 0 where it says neither (xt_NFQUEUE.c). */
const nfqueue = ({ options, pass, by }: TargetInput): Verdict => {
  const [first = 0, last = first] = (optionValue(options, '--queue-num', '--queue-balance') ?? '0').split(':').map(Number);
  const per = has(options, '--queue-cpu-fanout') ? 'packet' : 'client';
  return handToQueue(pass, by, { range: { first, last }, bypass: has(options, '--queue-bypass'), per });
};

/** What each target does to the packet (iptables-extensions(8)). */
export const targets: Record<string, (input: TargetInput) => Verdict> = {
  ACCEPT: ({ by }) => ({ kind: 'accept', by }),
  DROP: ({ by }) => ({ kind: 'drop', by }),
  REJECT: ({ by }) => ({ kind: 'reject', by }),
  RETURN: () => ({ kind: 'return' }),
  MARK: mark,
  CONNMARK: connmark,
  DNAT: nat('destination', '--to-destination'),
  SNAT: nat('source', '--to-source'),
  MASQUERADE: ({ options, by }) => ({ kind: 'nat', change: { side: 'source', masquerade: true, ...toPorts(options) }, by }),
  REDIRECT: redirect,
  NETMAP: netmap,
  CT: ct,
  NOTRACK: notrack,
  TTL: ttl,
  HL: ttl,
  TOS: tos,
  DSCP: tos,
  TPROXY: tproxy,
  NFQUEUE: nfqueue,
  // queue 0, as the kernel has it (libxt_standard.c, NF_QUEUE)
  QUEUE: ({ pass, by }) => handToQueue(pass, by, { range: { first: 0, last: 0 }, bypass: false, per: 'client' }),
  SYNPROXY: ({ pass, by }) => throughProgram(pass, by, 'SYNPROXY answers first'),
  ...Object.fromEntries([...harmless].map((name) => [name, () => proceed])),
};
