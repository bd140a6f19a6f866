import { hostPort, inPrefix, sameAddress } from './address.ts';
import { doubt, type Flight, type Journey, remember, type StopDetail, say } from './flight.ts';
import type { Packet, RuleRef, StopReason, Translation } from './hop.ts';
import type { HookName, RuleContext, Verdict } from './netfilter/context.ts';
import { type HookResult, runHook } from './netfilter/hook.ts';
import { deviceAddress, lookupRoute } from './route.ts';
import { type Place, placeKey, unread } from './world.ts';

/** One crossing of one netns' IP stack: the packet, its mark and what conntrack does to it there. */
export interface Pass {
  journey: Journey;
  place: Place;
  flight: Flight;
  context: RuleContext;
  /** The packet as it entered, for the conntrack entry. */
  entered: Packet;
  translation?: Translation;
  /** Translation of the request that this reply has to be put through backwards. */
  reversal?: Translation;
}

interface PassInput {
  journey: Journey;
  place: Place;
  flight: Flight;
  iif?: string | undefined;
  bridgeIn?: string | undefined;
}

export const startPass = ({ journey, place, flight, iif, bridgeIn }: PassInput): Pass => {
  const reversal = flight.carries ? undefined : findReversal(journey, place, flight.packet);
  const context: RuleContext = {
    netns: place.netns,
    hook: 'prerouting',
    packet: flight.packet,
    protocol: flight.carries?.kind === 'ipip' ? 'ipencap' : flight.packet.protocol,
    mark: flight.mark,
    state: connectionState(journey, place, flight),
    translated: { destination: reversal !== undefined && destinationChanged(reversal), source: reversal !== undefined && sourceChanged(reversal) },
    ...(reversal ? { original: reversal.before } : {}),
    ...(iif === undefined ? {} : { iif }),
    ...(bridgeIn === undefined ? {} : { bridgeIn }),
    ...probeShape(flight),
    ...(journey.options.endpoint === undefined ? {} : { endpoint: journey.options.endpoint }),
    reversePath: (loose) => reversePathHolds(place, context, loose),
    unsure: [],
    choices: [],
    shaky: false,
  };
  if (!flight.carries) remember(journey, place);
  return { journey, place, flight, context, entered: flight.packet, ...(reversal ? { reversal } : {}) };
};

/** A probe's first packet is NEW everywhere; its answer is ESTABLISHED where the request came through. */
const connectionState = (journey: Journey, place: Place, flight: Flight): RuleContext['state'] => {
  if (flight.carries || flight.direction === 'request') return 'NEW';
  return journey.options.tracked?.includes(placeKey(place)) ? 'ESTABLISHED' : 'unknown';
};

const probeShape = ({ packet, direction, carries }: Flight): Pick<RuleContext, 'tcp' | 'icmp'> => {
  if (carries) return {};
  if (packet.protocol === 'tcp') return { tcp: direction === 'request' ? 'syn' : 'syn-ack' };
  return packet.protocol === 'icmp' ? { icmp: direction === 'request' ? 'echo-request' : 'echo-reply' } : {};
};

const sourceChanged = ({ before, after }: Translation): boolean => before.source !== after.source || before.sourcePort !== after.sourcePort;

const destinationChanged = ({ before, after }: Translation): boolean =>
  before.destination !== after.destination || before.destinationPort !== after.destinationPort;

const findReversal = ({ options }: Journey, place: Place, reply: Packet): Translation | undefined =>
  options.translations?.find(
    ({ node, netns, after }) =>
      node === place.snapshot.node &&
      netns === place.netns.inode &&
      sameAddress(after.destination, reply.source) &&
      sameAddress(after.source, reply.destination) &&
      after.destinationPort === reply.sourcePort,
  );

/** Would a packet back to the source leave by the interface this one came in by? (net/ipv4/fib_frontend.c __fib_validate_source) */
export const reversePathHolds = (place: Place, { packet, mark, iif }: RuleContext, loose: boolean): boolean => {
  if (inPrefix('127.0.0.0/8', packet.source) || packet.source === '0.0.0.0') return true;
  const back: Packet = { ...packet, source: packet.destination, destination: packet.source };
  const decision = lookupRoute(place.netns, { packet: back, mark });
  if (decision.kind !== 'unicast') return false;
  return loose || decision.device === iif || decision.route.nexthops.some((path) => path.device === iif);
};

/** Runs one hook and takes over what it changed. */
export const hook = (pass: Pass, name: HookName, oif?: string): HookResult => {
  const { context, flight, journey, place } = pass;
  context.hook = name;
  if (oif !== undefined) context.oif = oif;
  if (name === 'input') delete context.oif;
  if (place.netns.role === 'host' && (name === 'forward' || name === 'input') && unread(place, 'iptables', 'nft')) {
    context.unsure.push('not all firewall rules here could be read');
    context.shaky = true;
  }
  const result = runHook(context, { undo: () => undoTranslation(pass), translate: (_context, verdict) => translate(pass, verdict) });
  flight.packet = context.packet;
  flight.mark = context.mark;
  doubt(journey, ...context.unsure.splice(0));
  for (const choice of context.choices.splice(0)) journey.choices.add(choice);
  return result;
};

const translate = (pass: Pass, verdict: Extract<Verdict, { kind: 'dnat' | 'snat' }>): void => {
  const { context } = pass;
  const changed = verdict.kind === 'dnat' ? changeDestination(context, verdict) : changeSource(context, verdict);
  if (!changed) return;
  context.original ??= pass.entered;
  context.translated = { ...context.translated, [verdict.kind === 'dnat' ? 'destination' : 'source']: true };
  if (pass.flight.carries) return;
  const { place, journey } = pass;
  if (!pass.translation) {
    pass.translation = { node: place.snapshot.node, netns: place.netns.inode, before: pass.entered, after: context.packet, by: [] };
    journey.translations.push(pass.translation);
  }
  pass.translation.after = context.packet;
  pass.translation.by.push(verdict.by);
};

const changeDestination = (context: RuleContext, { address, port }: Extract<Verdict, { kind: 'dnat' }>): boolean => {
  const { packet } = context;
  context.packet = { ...packet, destination: address ?? packet.destination, ...(port === undefined ? {} : { destinationPort: port }) };
  return true;
};

const changeSource = (context: RuleContext, { address }: Extract<Verdict, { kind: 'snat' }>): boolean => {
  const { packet, oif, netns } = context;
  const source = address === 'masquerade' ? deviceAddress(netns, oif ?? '', packet.destination) : address;
  if (source === undefined || source === packet.source) return false;
  context.packet = { ...packet, source };
  return true;
};

/** The reply of a translated flow: its destination becomes the asker again before routing, its source the address that was asked after it. */
const undoTranslation = (pass: Pass): void => {
  const { context, reversal } = pass;
  if (!reversal) return;
  const { packet, hook: name } = context;
  const { before } = reversal;
  if (name === 'prerouting' || name === 'output') {
    context.packet = { ...packet, destination: before.source, ...(before.sourcePort === undefined ? {} : { destinationPort: before.sourcePort }) };
  } else if (name === 'postrouting' || name === 'input') {
    context.packet = {
      ...packet,
      source: before.destination,
      ...(before.destinationPort === undefined ? {} : { sourcePort: before.destinationPort }),
    };
  }
};

/** `DNAT to 10.244.1.5:80`, for the hop line; a reply is put back as conntrack remembers it. */
const describeChange = (before: Packet, after: Packet, reply: boolean): string => {
  const words: string[] = [];
  const destination = before.destination !== after.destination || before.destinationPort !== after.destinationPort;
  const source = before.source !== after.source || before.sourcePort !== after.sourcePort;
  if (destination) words.push(`${reply ? 'back to' : 'DNAT to'} ${hostPort(after.destination, after.destinationPort)}`);
  if (source) words.push(reply ? `as from ${hostPort(after.source, after.sourcePort)}` : `SNAT to ${after.source}`);
  return words.join(', ');
};

export const changeOf = ({ flight }: Pass, before: Packet): string => describeChange(before, flight.packet, flight.direction === 'reply');

export const sayChange = (pass: Pass, before: Packet): void => say(pass.journey, changeOf(pass, before));

/** `FLANNEL-FWD #1`, or the chain whose policy decided. */
export const shortRule = (rule: RuleRef): string => (rule.number === undefined ? `${rule.chain} policy` : `${rule.chain} #${rule.number}`);

/** A drop or reject as the end of the way. */
export const refusal = (result: HookResult, name: HookName): StopDetail | undefined => {
  const { kind, by } = result;
  if (kind === 'accept' || !by) return undefined;
  const reason: StopReason = kind === 'reject' ? 'reject' : by.number === undefined ? 'policy' : 'rule';
  const words = kind === 'reject' ? 'rejected by' : 'dropped by';
  return {
    reason,
    message:
      by.number === undefined ? `dropped by the policy of ${by.table} ${by.chain}` : `${words} ${by.table} ${by.chain} #${by.number}: ${by.text}`,
    decidedBy: by.text,
    facts: { hook: name, backend: by.backend, table: by.table, chain: by.chain, number: by.number },
  };
};
