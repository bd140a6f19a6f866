import type { NftTable } from '../../../node/netfilter-state.ts';
import { parseAddress, textOf } from '../../address.ts';
import type { RuleRef } from '../../hop.ts';
import { named } from '../../named.ts';
import { isV6, type Pass } from '../../pass.ts';
import type { Change, Verdict } from '../context.ts';
import { redirectAddress, setTtl, untrack } from '../effects.ts';
import { handToQueue, type Queueing } from '../queue.ts';
import { type DataType, typeOf } from './datatype.ts';
import { compileExpression } from './expression.ts';
import { isObject, type Json, nameAndBody, unwrap } from './json.ts';
import { compileMatch } from './match.ts';
import { lookUp } from './set-lookup.ts';
import { absent, isLuck, type Value } from './value.ts';

export interface At {
  pass: Pass;
  by: () => RuleRef;
}

/** `no`: the rule ends without a verdict. `unknown`: it ends or goes on, nobody can say. */
export type Outcome = Verdict | 'next' | 'no' | 'unknown' | { kind: 'jump'; target: string; goes: boolean };

export type CompiledStatement = (at: At) => Outcome;

type Compiler = (body: unknown, table: NftTable) => CompiledStatement;

const passive = new Set([
  ...'counter log last set map dup flow secmark quota limit meter'.split(' '),
  ...['ct helper', 'ct timeout', 'ct expectation', 'ct count'],
]);

/** Statements that decide nothing about the packet, at least when no other follows. */
export const isPassive = (name: string): boolean => passive.has(name);

const next: CompiledStatement = () => 'next';
const unknown: CompiledStatement = () => 'unknown';

export const compileStatement = (statement: unknown, table: NftTable): CompiledStatement => {
  const [name, body] = nameAndBody(statement);
  return named(compilers, name)?.(body, table) ?? unknown;
};

const jump =
  (goes: boolean): Compiler =>
  (body) =>
  () =>
    isObject(body) ? { kind: 'jump', target: String(body.target), goes } : 'unknown';

const verdictMap: Compiler = (body, table) => {
  if (!isObject(body)) return unknown;
  const key = compileExpression(body.key, table, typeOf(body.key));
  return (at) => {
    const found = lookUp(key, body.data, table, at.pass);
    if (found === undefined) return 'unknown';
    return found === 'none' ? 'no' : compileStatement(unwrap(found.data), table)(at);
  };
};

const compilers: Record<string, Compiler> = {
  match: (body, table) => {
    if (!isObject(body)) return unknown;
    const matches = compileMatch(body, table);
    return ({ pass, by }) => {
      const answer = matches(pass, by);
      return answer === undefined ? 'unknown' : answer ? 'next' : 'no';
    };
  },
  accept: () => (at) => ({ kind: 'accept', by: at.by() }),
  drop: () => (at) => ({ kind: 'drop', by: at.by() }),
  reject: (body) => (at) => {
    const takes = rejects(body, at.pass);
    return takes === undefined ? 'unknown' : takes ? { kind: 'reject', by: at.by() } : 'no';
  },
  return: () => () => ({ kind: 'return' }),
  continue: () => next,
  jump: jump(false),
  goto: jump(true),
  vmap: verdictMap,
  notrack:
    () =>
    ({ pass }) => {
      untrack(pass);
      return 'next';
    },
  mangle: (body, table) => (isObject(body) ? mangle(body, table) : next),
  masquerade: (body) => (at) => ({ kind: 'nat', change: { side: 'source', masquerade: true, ...portIn(body) }, by: at.by() }),
  redirect: (body) => (at) => {
    const address = redirectAddress(at.pass);
    const by = at.by();
    return address === undefined ? { kind: 'drop', by } : { kind: 'nat', change: { side: 'destination', address, ...portIn(body) }, by };
  },
  snat: (body, table) => translate(body, table, 'source'),
  dnat: (body, table) => translate(body, table, 'destination'),
  queue: (body, table) => queue(isObject(body) ? body : {}, table),
  tproxy: (body) => (at) => tproxy(body, at),
  fwd: (body, table) => {
    const device = isObject(body) ? compileExpression(body.dev, table, 'ifname') : undefined;
    return (at) => {
      const name = device?.evaluate(at.pass);
      return typeof name === 'string' ? { kind: 'redirect', device: name, by: at.by() } : 'unknown';
    };
  },
  counter: () => next,
  log: () => next,
  last: () => next,
  set: () => next,
  map: () => next,
  dup: () => next,
  flow: () => next,
  secmark: () => next,
  'ct helper': () => next,
  'ct timeout': () => next,
  'ct expectation': () => next,
};

/** nft does not print a match that the kind of answer implies: a reset is for TCP, an ICMP error for its own family (reject_payload_gen_dependency). */
const rejects = (body: unknown, { flight: { packet } }: Pass): boolean | undefined => {
  const type = isObject(body) ? body.type : undefined;
  if (type === 'tcp reset') return packet.protocol === 'any' ? undefined : packet.protocol === 'tcp';
  return type === 'icmp' ? !isV6(packet) : type === 'icmpv6' ? isV6(packet) : true;
};

/** A constant port of `masquerade to :80` or `redirect to :80`; of a range the first. */
const portIn = (body: unknown): Pick<Change, 'port' | 'random'> => {
  if (!isObject(body)) return {};
  const [name, range] = nameAndBody(body.port);
  const port = name === 'range' && Array.isArray(range) ? Number(range[0]) : Number(body.port);
  return { ...(Number.isNaN(port) ? {} : { port }), ...drawn(body) };
};

/** `random`, `fully-random`, or one of several ports: only of the asker's own port does it matter which. */
const drawn = ({ flags, port }: Json): Pick<Change, 'random'> =>
  nameAndBody(port)[0] === 'range' || [flags].flat().some((flag) => flag === 'random' || flag === 'fully-random') ? { random: true } : {};

/** `queue num 7`, `7-9`, or a number that the rule computes (nft_queue.c nft_queue_eval, nft_queue_sreg_eval). */
const queue = ({ num = 0, flags }: Json, table: NftTable): CompiledStatement => {
  const [name, bounds] = nameAndBody(num);
  const [first, last] = name === 'range' && Array.isArray(bounds) ? bounds.map(Number) : [];
  const range = first === undefined || last === undefined ? undefined : { first, last };
  const expression = compileExpression(num, table, 'number');
  const said = [flags].flat();
  const bypass = said.includes('bypass');
  const per = said.includes('fanout') ? 'packet' : 'client';
  return ({ pass, by }) => {
    const value = range ? undefined : expression.evaluate(pass);
    return value === absent ? 'no' : handToQueue(pass, by(), { bypass, per, ...(range ? { range } : computed(value)) });
  };
};

const computed = (value: Value): Partial<Queueing> => {
  if (typeof value === 'number') return { range: { first: value, last: value } };
  return isLuck(value) ? { range: { first: value.from, last: value.from + value.count - 1 }, per: value.per } : {};
};

/** The first of a range of addresses or of a prefix: which one is a matter of a hash. */
const firstOf = (address: unknown): unknown => {
  const [name, body] = nameAndBody(address);
  if (name === 'range' && Array.isArray(body)) return body[0];
  return name === 'prefix' && isObject(body) ? body.addr : address;
};

const translate = (body: unknown, table: NftTable, side: Change['side']): CompiledStatement => {
  if (!isObject(body)) return unknown;
  const address = body.addr === undefined ? undefined : compileExpression(firstOf(body.addr), table, 'address');
  const port = body.port === undefined ? undefined : compileExpression(firstOf(body.port), table, 'port');
  const { family } = body;
  return (at) => {
    // in an inet table a translation for the other family does nothing (nft_nat.c nft_nat_inet_eval)
    if (family !== undefined && (family === 'ip6') !== isV6(at.pass.flight.packet)) return 'next';
    const change = changeFrom(side, address?.evaluate(at.pass), port?.evaluate(at.pass), isV6(at.pass.flight.packet) ? 6 : 4);
    if (change === undefined) return address && address.evaluate(at.pass) !== undefined ? 'no' : 'unknown';
    return { kind: 'nat', change: { ...change, ...drawn(body) }, by: at.by() };
  };
};

/** `ADDRESS . PORT` comes as one concatenation, as kube-proxy's endpoint maps have it. */
const changeFrom = (side: Change['side'], target: Value, port: Value, family: 4 | 6): Change | undefined => {
  const [address, ownPort = port]: Value[] = Array.isArray(target) ? target : [target, port];
  const text = addressText(address, family);
  if (target !== undefined && text === undefined) return undefined;
  return {
    side,
    ...(text === undefined ? {} : { address: text }),
    ...(typeof ownPort === 'number' ? { port: ownPort } : {}),
  };
};

const addressText = (value: Value, family: 4 | 6): string | undefined => {
  if (typeof value === 'string') return parseAddress(value) ? value : undefined;
  return typeof value === 'number' || typeof value === 'bigint' ? textOf(family, value) : undefined;
};

/** A packet for which nobody listens goes on to the next rule (nft_tproxy.c). */
const tproxy = (body: unknown, { pass }: At): Outcome => {
  const { packet } = pass.flight;
  const port = isObject(body) && typeof body.port === 'number' ? body.port : packet.destinationPort;
  return pass.place.netns.sockets.some((socket) => socket.protocol === packet.protocol && socket.port === port) ? 'next' : 'no';
};

const numberOf = (value: Value): number | undefined => (typeof value === 'number' ? value : undefined);

/** `KEY set VALUE` */
const mangle = ({ key, value }: Json, table: NftTable): CompiledStatement => {
  const [name, body] = nameAndBody(key);
  if (!isObject(body)) return next;
  const type: DataType = typeOf(key);
  const { evaluate } = compileExpression(value, table, type);
  const write = named(writers, `${name} ${body.key ?? `${body.protocol} ${body.field}`}`);
  if (!write) return next;
  return ({ pass }) => {
    const written = evaluate(pass);
    if (written === undefined || isLuck(written)) return 'unknown';
    write(pass, written);
    return 'next';
  };
};

type Writer = (pass: Pass, value: Value) => void;

const writeAddress =
  (side: 'source' | 'destination'): Writer =>
  ({ flight }, value) => {
    const text = addressText(value, isV6(flight.packet) ? 6 : 4);
    if (text !== undefined) flight.packet = { ...flight.packet, [side]: text };
  };

const writePort =
  (side: 'sourcePort' | 'destinationPort'): Writer =>
  ({ flight }, value) => {
    const port = numberOf(value);
    if (port !== undefined && flight.packet[side] !== undefined) flight.packet = { ...flight.packet, [side]: port };
  };

/** What a rule can write that matters to the packet's way; all else is as good as not written. */
const writers: Record<string, Writer> = {
  'meta mark': ({ flight }, value) => {
    flight.mark = numberOf(value) ?? flight.mark;
  },
  'ct mark': ({ tracking }, value) => {
    const mark = numberOf(value);
    if (tracking.found && mark !== undefined) tracking.found.connection.mark = mark;
  },
  'ct zone': ({ tracking }, value) => {
    if (!tracking.found) tracking.zone = numberOf(value) ?? tracking.zone;
  },
  'payload ip saddr': writeAddress('source'),
  'payload ip daddr': writeAddress('destination'),
  'payload ip6 saddr': writeAddress('source'),
  'payload ip6 daddr': writeAddress('destination'),
  'payload ip ttl': (pass, value) => setTtl(pass, 'set', numberOf(value) ?? 64),
  'payload ip6 hoplimit': (pass, value) => setTtl(pass, 'set', numberOf(value) ?? 64),
  'payload ip dscp': ({ flight }, value) => {
    flight.packet = { ...flight.packet, tos: ((numberOf(value) ?? 0) << 2) | ((flight.packet.tos ?? 0) & 3) };
  },
  ...Object.fromEntries(
    ['tcp', 'udp', 'sctp', 'th'].flatMap((protocol) => [
      [`payload ${protocol} sport`, writePort('sourcePort')],
      [`payload ${protocol} dport`, writePort('destinationPort')],
    ]),
  ),
};
