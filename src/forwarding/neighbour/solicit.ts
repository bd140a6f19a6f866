import { familyOf, isLinkLocal6, isMulticast, parseAddress, textOf } from '../address.ts';
import type { Flight, Journey, Step } from '../flight.ts';
import type { Stop } from '../hop.ts';
import { runHook } from '../netfilter/hook.ts';
import { type HookName, startPass } from '../pass.ts';
import { lookupRoute } from '../route/lookup.ts';
import { refusal } from '../stack/hook.ts';
import { judgeOf, routeQuery } from '../stack/route-query.ts';
import type { End } from '../world.ts';
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
  const there = send(journey, asker, end, v6 ? message(sender, solicitedNode(target), 135) : arp(sender, target));
  if (!there.arrived) return { asked: false, answered: false, stop: there.stop };
  const back = send(journey, end, asker, v6 ? message(target, sender, 136) : arp(target, sender), v6 ? writtenMac(end, sender) : undefined);
  return { asked: true, answered: back.arrived, stop: back.stop };
};

/** Whether an answer from somebody unread would get through this very host's own rules. */
export const hearsAnswer = (journey: Journey, { place, link }: End, { target, sender }: Question): boolean => {
  const aside: Journey = { ...journey, hops: [...journey.hops], pending: [], connections: [] };
  const pass = startPass({ journey: aside, place, flight: message(target, sender, 136), iif: link.name });
  return !(['prerouting', 'input'] as const).some((hook) => refusal(runHook(pass, hook), pass));
};

/** An answer by ND is sent like any packet, to where a neighbour entry that was written down says (net/core/neighbour.c neigh_update). */
const writtenMac = ({ place, link }: End, address: string): string | undefined => {
  const entry = entryFor(place, link, address);
  return entry && isWritten(entry) ? entry.mac : undefined;
};

/** Whether this host answers somebody on its link that nobody here knows, as far as its own rules go: a router. */
export const answersStranger = (journey: Journey, end: End, question: Question): boolean => {
  if (answers(end.place, end.link, question) === false) return false;
  if (familyOf(question.target) === 4) return true;
  const { target, sender } = question;
  const passes = (flight: Flight, hooks: readonly HookName[], iif: string | undefined): boolean => {
    const aside: Journey = { ...journey, hops: [...journey.hops], pending: [], connections: [] };
    const pass = startPass({ journey: aside, place: end.place, flight, iif });
    pass.oif = iif === undefined ? end.link.name : undefined;
    return !hooks.some((hook) => refusal(runHook(pass, hook), pass)) && (pass.reroute !== true || staysOn(aside, end, flight));
  };
  return (
    passes(message(sender, solicitedNode(target), 135), ['prerouting', 'input'], end.link.name) &&
    passes(message(target, sender, 136), ['output', 'postrouting'], undefined)
  );
};

const message = (source: string, destination: string, type: number): Flight => ({
  packet: { source, destination, protocol: 'icmp', icmp: { type, code: 0 } },
  mark: 0,
  ttl: 255,
  direction: 'request',
  solicits: 'nd',
});

const arp = (source: string, destination: string): Flight => ({
  packet: { source, destination, protocol: 'any' },
  mark: 0,
  direction: 'request',
  solicits: 'arp',
});

/** `ff02::1:ff00:5` for every address that ends in `00:0005` (RFC 4291, 2.7.1). */
const solicitedNode = (address: string): string => {
  const value = parseAddress(address)?.value;
  return textOf(6, (0xff02_0000_0000_0000_0000_0001_ff00_0000n & ~0xffffffn) | (BigInt(value ?? 0) & 0xffffffn));
};

/** An answer that a rule of OUTPUT marked is routed again, and may leave by another device, where nobody waits for it (ip6_route_me_harder). */
const staysOn = (journey: Journey, { place, link }: End, flight: Flight): boolean => {
  const { destination } = flight.packet;
  if (isMulticast(destination) || isLinkLocal6(destination)) return true;
  const decision = lookupRoute(place.netns, routeQuery(flight, place), judgeOf(journey, place));
  return decision.kind === 'unicast' && decision.paths[0].device === link.name;
};

/** More steps than any way on one link has. */
const MOST_STEPS = 50;

/** The message on a journey of its own, whose hops are nobody's; what it had to assume is assumed for the packet as well. */
const send = (journey: Journey, from: End, to: End, flight: Flight, mac = to.link.mac): { arrived: boolean; stop?: Stop | undefined } => {
  const aside: Journey = { ...journey, hops: [...journey.hops], pending: [], connections: [] };
  const pass = startPass({ journey: aside, place: from.place, flight });
  pass.oif = from.link.name;
  for (const hook of ['output', 'postrouting'] as const) {
    const refused = refusal(runHook(pass, hook), pass);
    if (refused) return { arrived: false, stop: { reason: refused.reason, message: refused.message, facts: {} } };
  }
  if (pass.reroute && !staysOn(aside, from, flight)) return { arrived: false, stop: undefined };
  const frame = { from: from.link.mac, to: mac };
  let step: Step = { at: 'emit', place: from.place, device: from.link, flight, frame, what: '', nextHop: flight.packet.destination };
  for (let steps = 0; step.at !== 'end' && steps < MOST_STEPS; steps += 1) step = aside.advance(step, aside);
  const arrived = step.at === 'end' && step.outcome === 'delivered' && step.place?.netns === to.place.netns;
  return { arrived, stop: arrived ? undefined : aside.hops.at(-1)?.stop };
};
