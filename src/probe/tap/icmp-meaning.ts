import type { Protocol } from '../../cluster/facts.ts';
import type { Sighting } from '../observation.ts';
import type { Attempt } from '../probe.ts';

type Meaning = Required<Pick<Attempt, 'outcome' | 'detail'>>;

/** `type/code` of ICMP (RFC 792, RFC 1812 5.2.7.1). */
const ICMP: Record<string, Meaning> = {
  '3/0': { outcome: 'no-route', detail: 'ICMP net unreachable' },
  '3/1': { outcome: 'unreachable', detail: 'ICMP host unreachable' },
  '3/2': { outcome: 'unreachable', detail: 'ICMP protocol unreachable' },
  '3/3': { outcome: 'refused', detail: 'ICMP port unreachable' },
  '3/4': { outcome: 'unreachable', detail: 'ICMP fragmentation needed' },
  '3/6': { outcome: 'no-route', detail: 'ICMP net unknown' },
  '3/9': { outcome: 'prohibited', detail: 'ICMP net prohibited' },
  '3/10': { outcome: 'prohibited', detail: 'ICMP host prohibited' },
  '3/13': { outcome: 'prohibited', detail: 'ICMP administratively prohibited' },
  '11/0': { outcome: 'unreachable', detail: 'ICMP time exceeded' },
};

/** `type/code` of ICMPv6 (RFC 4443). */
const ICMP6: Record<string, Meaning> = {
  '1/0': { outcome: 'no-route', detail: 'ICMPv6 no route' },
  '1/1': { outcome: 'prohibited', detail: 'ICMPv6 administratively prohibited' },
  '1/3': { outcome: 'unreachable', detail: 'ICMPv6 address unreachable' },
  '1/4': { outcome: 'refused', detail: 'ICMPv6 port unreachable' },
  '1/5': { outcome: 'prohibited', detail: 'ICMPv6 source address failed policy' },
  '1/6': { outcome: 'prohibited', detail: 'ICMPv6 reject route' },
  '2/0': { outcome: 'unreachable', detail: 'ICMPv6 packet too big' },
  '3/0': { outcome: 'unreachable', detail: 'ICMPv6 time exceeded' },
};

/** What an ICMP error says of the probe that it quotes. Echo has no ports: a ping that is told so met a firewall's REJECT. */
export const icmpMeaning = ({ from, type, code }: NonNullable<Sighting['icmpError']>, protocol: Protocol): Meaning => {
  const meaning = (from.includes(':') ? ICMP6 : ICMP)[`${type}/${code}`] ?? { outcome: 'unreachable', detail: `ICMP type ${type} code ${code}` };
  return protocol === 'icmp' && meaning.outcome === 'refused' ? { ...meaning, outcome: 'prohibited' } : meaning;
};
