import { familyOf } from '../address.ts';
import { choose } from '../fork.ts';
import type { RuleRef } from '../hop.ts';
import type { Pass } from '../pass.ts';
import { linkNamed } from '../world.ts';
import type { Verdict } from './context.ts';

/** A verdict that a program in user space gives: accept or drop. */
export const throughProgram = (pass: Pass, by: RuleRef, what: string): Verdict => {
  const ways = [{ label: 'lets it pass' }, { label: 'drops it' }];
  return choose(pass.journey, { kind: 'opaque', what, by, ways }) === 0 ? { kind: 'accept', by } : { kind: 'drop', by };
};

/** Loopback for what is made here, else the first address of the interface it came in by (nf_nat_redirect.c); undefined drops the packet. */
export const redirectAddress = ({ hook, iif, place, flight }: Pass): string | undefined => {
  const family = familyOf(flight.packet.destination);
  if (hook === 'output') return family === 4 ? '127.0.0.1' : '::1';
  const own = linkNamed(place.netns, iif)?.addresses.filter((address) => address.family === family) ?? [];
  return (own.find(({ scope }) => scope === 'global') ?? own[0])?.address;
};

/** `set`, `dec`, `inc` (xt_HL.c). */
export const setTtl = ({ flight }: Pass, how: string, by: number): void => {
  if (flight.ttl === undefined) return;
  const ttl = how === 'set' ? by : how === 'dec' ? flight.ttl - by : flight.ttl + by;
  flight.ttl = Math.min(255, Math.max(0, ttl));
};

/**
 * NOTRACK, which comes too late for a packet whose flow is known already; an ICMP error has that of the packet it is about from the start
 * (xt_CT.c notrack_tg, nft_ct.c nft_notrack_eval, net/ipv4/icmp.c icmp_glue_bits).
 */
export const untrack = (pass: Pass): void => {
  if (pass.tracking.found || (pass.flight.about && pass.hook === 'output')) return;
  pass.tracking = { state: 'UNTRACKED', zone: 0 };
};
