import type { Link } from '../../node/snapshot.ts';
import { familyOf, isLinkLocal6, isMulticast, parseAddress, sameAddress, textOf } from '../address.ts';
import { filterOut } from '../device/filter.ts';
import type { Flight, Frame, Journey, Step } from '../flight.ts';
import type { Stop } from '../hop.ts';
import type { Known } from '../netfilter/context.ts';
import { runHook } from '../netfilter/hook.ts';
import { startPass } from '../pass.ts';
import { lookupRoute } from '../route/lookup.ts';
import { refusal } from '../stack/hook.ts';
import { UNROUTED } from '../stack/input.ts';
import { judgeOf, routeQuery } from '../stack/route-query.ts';
import type { Seen } from '../tc/match.ts';
import { hasPorts, isUplink } from '../uplinks.ts';
import { type End, portsOf } from '../world.ts';
import { answers, type Question } from './arp.ts';
import { entryFor, isWritten } from './entry.ts';

/** Whether a question arrived and its answer came back; what stopped either. */
export interface Exchange {
  asked: boolean;
  answered: boolean;
  stop?: Stop | undefined;
}

/**
 * A question on the link and its answer, on the way that packets take. IPv6 asks by packets that meet every rule there and back: a filter
 * that drops ICMPv6 cuts off its own neighbours (net/ipv6/ndisc.c ndisc_send_skb). ARP is no IP and meets ports, tags and tc alone.
 */
export const solicit = (journey: Journey, asker: End, end: End, { target, sender }: Question): Exchange => {
  const v6 = familyOf(target) === 6;
  const question = v6 ? message(sender, solicitedNode(target), 135) : arp(sender, target);
  const there = send(journey, asker, end, { flight: question, toAll: v6 ? 'multicast' : 'broadcast' });
  if (!there.arrived) return { asked: false, answered: false, stop: there.stop };
  const back = send(
    journey,
    end,
    asker,
    v6 ? { flight: message(target, sender, 136), mac: writtenMac(end, sender) } : { flight: arp(target, sender) },
  );
  journey.located.push(...journey.echoes.splice(0));
  return { asked: true, answered: back.arrived, stop: back.stop };
};

/** What is done on the side leaves no trace on the way of the packet. */
const asideOf = (journey: Journey): Journey => ({ ...journey, hops: [...journey.hops], pending: [], connections: [] });

/** Do the rules of this very host let a message of neighbour discovery out of the device? */
const goesOut = (journey: Journey, end: End, flight: Flight): boolean => {
  const aside = asideOf(journey);
  const pass = startPass({ journey: aside, place: end.place, flight });
  pass.oif = end.link.name;
  const refused = (['output', 'postrouting'] as const).some((hook) => refusal(runHook(pass, hook), pass));
  return !refused && flight.ttl === UNROUTED && (pass.reroute === undefined || staysOn(aside, end, pass.reroute)) && isSent(aside, end, flight);
};

/** Do filters let a message out of the device, and of the port of it that leads out of the node? */
const isSent = (journey: Journey, { place, link }: End, flight: Flight): boolean => {
  const devices = hasPorts.has(link.kind) ? [link, ...portsOf(place.netns, link).filter((one) => one.up && isUplink(place, one))] : [link];
  return devices.every((device) => filterOut({ journey: asideOf(journey), place, device, flight, frame: { from: link.mac } }) === undefined);
};

/** Does it get in through filters and rules, by the device or the port of it that leads out of the node? Of other bridges by which one nobody knows. */
const comesIn = (journey: Journey, { place, link }: End, flight: Flight, toAll?: Frame['toAll']): boolean => {
  const port = hasPorts.has(link.kind) ? portsOf(place.netns, link).find((one) => one.up && isUplink(place, one)) : link;
  const frame = { to: link.mac, toAll };
  const first: Step = port ? { at: 'receive', place, device: port, flight, frame } : { at: 'input', place, device: link, flight, frame };
  const step = follow(asideOf(journey), first);
  return step.at === 'end' && step.outcome === 'delivered' && step.place?.netns === place.netns;
};

/** Whether this host's own rules let it ask anybody on its link. */
export const leaves = (journey: Journey, end: End, { target, sender }: Question): boolean =>
  familyOf(target) === 4 || goesOut(journey, end, message(sender, solicitedNode(target), 135));

/** Whether they let it hear the answer, too. */
export const canAsk = (journey: Journey, end: End, question: Question): boolean =>
  leaves(journey, end, question) && comesIn(journey, end, message(question.target, question.sender, 136));

/** An answer by ND is sent like any packet, to where a neighbour entry that was written down says (net/core/neighbour.c neigh_update). */
const writtenMac = ({ place, link }: End, address: string): string | undefined => {
  const entry = entryFor(place, link, address);
  return entry && isWritten(entry) ? entry.mac : undefined;
};

/**
 * Whether this host is found by somebody on its link that nobody here knows, a router, as far as its own rules go. One that hears no
 * question may have made itself known by asking.
 */
export const answersStranger = (journey: Journey, end: End, question: Question): Known => {
  if (answers(end.place, end.link, question) === false) return false;
  const { target, sender } = question;
  if (familyOf(target) === 4) return isSent(journey, end, arp(target, sender));
  const hears = comesIn(journey, end, message(sender, solicitedNode(target), 135), 'multicast');
  if (hears && goesOut(journey, end, message(target, sender, 136))) return true;
  return goesOut(journey, end, message(target, solicitedNode(sender), 135)) ? undefined : false;
};

/** With the option for one link-level address: 40 bytes of IPv6, 24 of the message, 8 of the option (RFC 4861, 4.3 and 4.6.1). */
const MESSAGE_BYTES = 72;

/** net/ipv4/arp.c arp_hdr_len for Ethernet. */
const ARP_BYTES = 28;

const message = (source: string, destination: string, type: number): Flight => ({
  packet: { source, destination, protocol: 'icmp', icmp: { type, code: 0 }, length: MESSAGE_BYTES },
  mark: 0,
  ttl: UNROUTED,
  direction: 'request',
  solicits: 'nd',
});

const arp = (source: string, destination: string): Flight => ({
  packet: { source, destination, protocol: 'any', length: ARP_BYTES },
  mark: 0,
  direction: 'request',
  solicits: 'arp',
});

/** `ff02::1:ff00:5` for every address that ends in `00:0005` (RFC 4291, 2.7.1). */
const solicitedNode = (address: string): string => {
  const value = parseAddress(address)?.value;
  return textOf(6, (0xff02_0000_0000_0000_0000_0001_ff00_0000n & ~0xffffffn) | (BigInt(value ?? 0) & 0xffffffn));
};

/**
 * An answer that a rule of OUTPUT marked is routed again, and may leave by another device, where nobody waits for it, or for a gateway, which
 * is not who asked (net/ipv6/netfilter.c ip6_route_me_harder).
 */
const staysOn = (journey: Journey, { place, link }: End, flight: Flight): boolean => {
  const { destination } = flight.packet;
  if (isMulticast(destination) || isLinkLocal6(destination)) return true;
  const decision = lookupRoute(place.netns, routeQuery(flight, place), judgeOf(journey, place));
  if (decision.kind !== 'unicast') return false;
  const [{ device, gateway = destination }] = decision.paths;
  return device === link.name && sameAddress(gateway, destination);
};

/** The question as a filter sees it, on its way to everybody. */
export const asked = (journey: Journey, { mac }: Link, { target, sender }: Question): Seen => ({
  journey,
  flight: familyOf(target) === 6 ? message(sender, solicitedNode(target), 135) : arp(sender, target),
  frame: { from: mac },
});

/** More steps than any way on one link has. */
const MOST_STEPS = 50;

/** As far as it gets. */
const follow = (aside: Journey, first: Step): Step => {
  let step = first;
  for (let steps = 0; step.at !== 'end' && steps < MOST_STEPS; steps += 1) step = aside.advance(step, aside);
  return step;
};

/** The message on a journey of its own, whose hops are nobody's; what it had to assume is assumed for the packet as well. */
const send = (
  journey: Journey,
  from: End,
  to: End,
  { flight, mac = to.link.mac, toAll }: { flight: Flight; mac?: string | undefined; toAll?: Frame['toAll'] },
): { arrived: boolean; stop?: Stop | undefined } => {
  const aside = asideOf(journey);
  const pass = startPass({ journey: aside, place: from.place, flight });
  pass.oif = from.link.name;
  for (const hook of ['output', 'postrouting'] as const) {
    const refused = refusal(runHook(pass, hook), pass);
    if (refused) return { arrived: false, stop: { reason: refused.reason, message: refused.message, facts: {} } };
  }
  if (pass.reroute && !staysOn(aside, from, pass.reroute)) return { arrived: false, stop: undefined };
  const frame = { from: from.link.mac, to: mac, toAll };
  const step = follow(aside, { at: 'emit', place: from.place, device: from.link, flight, frame, what: '', nextHop: flight.packet.destination });
  const arrived = step.at === 'end' && step.outcome === 'delivered' && step.place?.netns === to.place.netns;
  return { arrived, stop: arrived ? undefined : aside.hops.at(-1)?.stop };
};
