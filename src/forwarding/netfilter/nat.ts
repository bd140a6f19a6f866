import type { Family, Netns } from '../../node/snapshot.ts';
import { familyOf, hostPort } from '../address.ts';
import { type Connection, type Found, invert, isTranslated, rewrite, sameTuple } from '../conntrack.ts';
import type { Packet } from '../hop.ts';
import type { HookName, Pass } from '../pass.ts';
import { hasPorts } from '../protocol.ts';
import { masqueradeAddress } from '../route/source.ts';
import { type Change, proceed, type Verdict } from './context.ts';

type Side = Change['side'];

/** Destinations are translated before the route is chosen, sources after (HOOK2MANIP, include/net/netfilter/nf_nat.h). */
export const sidesAt = (hook: HookName): Side[] => {
  if (hook === 'prerouting' || hook === 'output') return ['destination'];
  return hook === 'postrouting' || hook === 'input' ? ['source'] : [];
};

/**
 * NAT's one place among the rules of a hook (nf_nat_core.c nf_nat_inet_fn): the first packet of a flow asks the chains in turn until one
 * translates; every packet is then rewritten as its entry says, replies backwards.
 */
export const translate = (pass: Pass, chains: ((pass: Pass) => Verdict)[]): Verdict => {
  const { found, state } = pass.tracking;
  const [side] = sidesAt(pass.hook);
  if (!found || !side || state === 'INVALID') return proceed;
  const { connection, direction } = found;
  if (direction === 'original' && state !== 'RELATED' && !connection.asked[side]) {
    connection.asked[side] = true;
    const refused = ask(pass, found, side, chains);
    if (refused) return refused;
    if (side === 'source') evade(pass, connection);
  }
  if (pass.flight.about && !isTranslated(connection, direction === 'original' ? side : opposite[side])) return proceed;
  const before = pass.flight.packet;
  pass.flight.packet = rewrite(before, found, side);
  followPort(pass, found, side);
  if (pass.flight.about) pass.flight.about = found.direction === 'reply' ? connection.original : connection.reply;
  if (pass.hook === 'output' && before.destination !== pass.flight.packet.destination) pass.reroute = { ...pass.flight };
  return proceed;
};

/** A port drawn for a flow is its own again where the translation is undone (net/netfilter/nf_nat_core.c nf_nat_l4proto_unique_tuple). */
const followPort = ({ flight }: Pass, { connection: { drawn }, direction }: Found, side: Side): void => {
  if (!drawn || flight.about) return;
  if (direction === 'original' && side === 'source') flight.drawn = drawn.after ? 'sourcePort' : undefined;
  if (direction === 'reply' && side === 'destination') flight.drawn = drawn.before ? 'destinationPort' : undefined;
};

/**
 * A flow whose answers would look like another flow's packets gets another source port, whether a rule asked for it or not, wherever
 * anything is translated at all (net/netfilter/nf_nat_core.c get_unique_tuple, nf_nat_used_tuple, nf_nat_alloc_null_binding).
 */
const evade = ({ journey, place: { snapshot, netns }, flight }: Pass, connection: Connection): void => {
  const { reply, zone, drawn } = connection;
  const clashes = journey.connections.some(
    (other) =>
      other !== connection &&
      other.node === snapshot.node &&
      other.netns === netns.inode &&
      other.zone === zone &&
      (sameTuple(other.original, reply) || sameTuple(other.reply, reply)),
  );
  if (clashes && hasPorts(flight.packet) && translates(netns, familyOf(flight.packet.destination)))
    connection.drawn = { before: drawn?.before === true, after: true, here: true };
};

const translates = ({ netfilter: { iptables, nft } }: Netns, family: Family): boolean =>
  iptables.some((table) => table.table === 'nat' && table.family === family) ||
  nft.some((table) => (table.family === 'inet' || table.family === (family === 4 ? 'ip' : 'ip6')) && table.chains.some(({ type }) => type === 'nat'));

/** What an error is about went the other way; untranslated flows leave its own source alone (nf_nat_icmp_reply_translation). */
const opposite: Record<Side, Side> = { source: 'destination', destination: 'source' };

/** What NAT's place among the hooks hands on as it is, before anything is translated (nf_nat_core.c nf_nat_inet_fn). */
const ENDS: ReadonlySet<Verdict['kind']> = new Set(['drop', 'reject', 'unqueued', 'requeued']);

/** Rules of a nat table look at a flow's beginning, whatever part of it this packet is. */
const ask = (pass: Pass, found: Found, side: Side, chains: ((pass: Pass) => Verdict)[]): Verdict | undefined => {
  const { state } = pass.tracking;
  pass.tracking.state = 'NEW';
  try {
    for (const chain of chains) {
      const verdict = chain(pass);
      if (ENDS.has(verdict.kind)) return verdict;
      if (verdict.kind !== 'nat' || verdict.change.side !== side) continue;
      return apply(pass, found, verdict);
    }
    return undefined;
  } finally {
    pass.tracking.state = state;
  }
};

/** What the answer will look like is what the entry remembers. */
const apply = (pass: Pass, { connection }: Found, { change, by }: Extract<Verdict, { kind: 'nat' }>): Verdict | undefined => {
  const address = change.masquerade ? masqueradeAddress(pass) : change.address;
  if (address === undefined && change.masquerade) return { kind: 'untranslatable', by };
  const { port } = change;
  const sent = invert(connection.reply);
  const changed =
    change.side === 'destination'
      ? { ...sent, destination: address ?? sent.destination, ...(port === undefined ? {} : { destinationPort: port }) }
      : { ...sent, source: address ?? sent.source, ...(port === undefined || sent.sourcePort === undefined ? {} : { sourcePort: port }) };
  connection.reply = invert(changed);
  if (change.side === 'source' && hasPorts(pass.flight.packet)) {
    const before = connection.drawn?.before === true;
    connection.drawn = { before, after: change.random === true || (before && port === undefined), here: change.random === true };
  }
  connection.by.push(by);
  return undefined;
};

/** `DNAT to 10.244.1.5:80`, for the hop line; a reply is put back as conntrack remembers it. */
export const describeChange = (before: Packet, after: Packet, reply: boolean): string => {
  const words: string[] = [];
  const destination = before.destination !== after.destination || before.destinationPort !== after.destinationPort;
  const source = before.source !== after.source || before.sourcePort !== after.sourcePort;
  if (destination) words.push(`${reply ? 'back to' : 'DNAT to'} ${hostPort(after.destination, after.destinationPort)}`);
  if (source) words.push(reply ? `as from ${hostPort(after.source, after.sourcePort)}` : `SNAT to ${after.source}`);
  return words.join(', ');
};
