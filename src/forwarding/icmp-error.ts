import { parseAddress } from './address.ts';
import type { StopReason, Walk } from './hop.ts';

interface IcmpType {
  type: number;
  code: number;
}

type Errors = Partial<Record<StopReason, IcmpType>>;

/** net/ipv4/route.c ip_error, ip_forward.c, net/ipv4/netfilter/ipt_REJECT.c */
const errors4: Errors = {
  'no-route': { type: 3, code: 0 },
  unreachable: { type: 3, code: 1 },
  prohibit: { type: 3, code: 13 },
  'no-neighbour': { type: 3, code: 1 },
  'no-carrier': { type: 3, code: 1 },
  'no-peer': { type: 3, code: 1 },
  'too-big': { type: 3, code: 4 },
  ttl: { type: 11, code: 0 },
  reject: { type: 3, code: 3 },
};

/** net/ipv6/ip6_output.c, route.c, net/ipv6/netfilter/ip6t_REJECT.c */
const errors6: Errors = {
  'no-route': { type: 1, code: 0 },
  unreachable: { type: 1, code: 0 },
  prohibit: { type: 1, code: 1 },
  'no-neighbour': { type: 1, code: 3 },
  'no-carrier': { type: 1, code: 3 },
  'no-peer': { type: 1, code: 3 },
  'too-big': { type: 2, code: 0 },
  ttl: { type: 3, code: 0 },
  reject: { type: 1, code: 4 },
};

/** Names of REJECT's and nft's answers; `icmpx` of nft's inet tables has a name for both. */
const rejects4: Record<string, IcmpType> = {
  'net-unreachable': { type: 3, code: 0 },
  'host-unreachable': { type: 3, code: 1 },
  'prot-unreachable': { type: 3, code: 2 },
  'proto-unreachable': { type: 3, code: 2 },
  'port-unreachable': { type: 3, code: 3 },
  'net-prohibited': { type: 3, code: 9 },
  'host-prohibited': { type: 3, code: 10 },
  'admin-prohibited': { type: 3, code: 13 },
  'no-route': { type: 3, code: 0 },
};

const rejects6: Record<string, IcmpType> = {
  'no-route': { type: 1, code: 0 },
  'adm-prohibited': { type: 1, code: 1 },
  'admin-prohibited': { type: 1, code: 1 },
  'addr-unreachable': { type: 1, code: 3 },
  'host-unreachable': { type: 1, code: 3 },
  'port-unreachable': { type: 1, code: 4 },
  'policy-fail': { type: 1, code: 5 },
  'reject-route': { type: 1, code: 6 },
};

/** What a rule that rejects answers with; `reset` for TCP's RST. */
export const rejectionOf = (rule: string, v6: boolean): IcmpType | 'reset' | undefined => {
  if (/\btcp-reset\b|with tcp reset/.test(rule)) return 'reset';
  const name = /--reject-with (?:icmp6?-)?([a-z-]+)|reject with (?:icmp|icmpv6|icmpx)(?: type)? ([a-z-]+)/.exec(rule);
  return (v6 ? rejects6 : rejects4)[name?.[1] ?? name?.[2] ?? ''];
};

/** The ICMP error that goes with a stop; undefined where nobody is told by one. */
export const errorFor = ({ hops, stopped }: Walk): IcmpType | undefined => {
  const stop = hops.findLast((hop) => hop.stop)?.stop;
  if (!stop || !stopped || stop.facts.told === 'nobody') return undefined;
  const v6 = parseAddress(stopped.packet.destination)?.family === 6;
  const rejection = stop.reason === 'reject' ? rejectionOf(stop.decidedBy ?? '', v6) : undefined;
  if (rejection === 'reset') return undefined;
  // a rule that says unreachable means the network (net/ipv4/fib_rules.c fib4_rule_action), a route means the host
  if (!v6 && stop.reason === 'unreachable' && stop.facts.route === undefined) return errors4['no-route'];
  return rejection ?? (v6 ? errors6 : errors4)[stop.reason];
};
