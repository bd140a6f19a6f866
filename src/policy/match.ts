import type { Direction, Miss, Policy, Rule, Traffic } from './model.ts';
import type { Party } from './party.ts';
import { holds, isNothing, portSetText } from './port-set.ts';
import type { Flow } from './verdict.ts';

/** The two ends as the policies of one of them see them. */
export interface View {
  direction: Direction;
  subject: Party;
  far: Party;
  flow: Flow;
}

export const viewOf = (flow: Flow, direction: Direction): View => ({
  direction,
  flow,
  subject: direction === 'ingress' ? flow.to : flow.from,
  far: direction === 'ingress' ? flow.from : flow.to,
});

/** A rule matched, by this peer and this port of it; absent where it takes anybody and anything. */
export interface Match {
  rule: Rule;
  peer?: number;
  traffic?: Traffic;
}

/** How near a rule came, for choosing the miss worth telling. */
interface RuleMiss extends Miss {
  rule: Rule;
  near: number;
}

export const isMatch = (result: Match | RuleMiss): result is Match => !('near' in result);

const packetText = ({ protocol, port }: Flow): string => (protocol === 'icmp' ? 'ICMP' : `${protocol.toUpperCase()} ${port ?? ''}`.trim());

const trafficMiss = (rule: Rule, flow: Flow): RuleMiss => {
  const { protocol, port, to } = flow;
  const [only] = rule.traffic;
  const offered = rule.traffic.map((one) => ({ one, set: one.ports(to) }));
  const sameProtocol = offered.filter(({ set }) => protocol !== 'icmp' && set[protocol].length > 0);
  const miss = (kind: Miss['kind'], text: string, near: number): RuleMiss => ({ rule, kind, text: `the peer matches, ${text}`, near });
  if (rule.traffic.length === 1 && only) {
    const set = only.ports(to);
    const [name] = only.names;
    if (name !== undefined && isNothing(set)) return miss('named-port', `${to.label} has no port named ${name}`, 3);
    if (name !== undefined && sameProtocol.length > 0) return miss('named-port', `${name} is ${portSetText(set)} on ${to.label}, not ${port}`, 4);
    const single = protocol !== 'icmp' && set[protocol].length === 2 && set[protocol][0] === set[protocol][1] ? set[protocol][0] : undefined;
    if (single !== undefined) return miss('port', `port ${port} ≠ ${single}`, 4);
  }
  const wanted = rule.traffic.map(({ text }) => text).join(' or ');
  return sameProtocol.length > 0
    ? miss('port', `${packetText(flow)} is not ${wanted}`, 4)
    : miss('protocol', `${packetText(flow)} is not ${wanted}`, 3);
};

/** Whether a rule matches, and if not, why. */
export const matchRule = (rule: Rule, { subject, far, flow }: View): Match | RuleMiss => {
  const { family } = far.address ?? subject.address ?? {};
  if (rule.family !== undefined && family !== undefined && rule.family !== family)
    return { rule, kind: 'family', text: `the rule is for IPv${rule.family}`, near: 0 };
  if (rule.own && !rule.own.matches(subject, far))
    return { rule, kind: 'subject', text: `${subject.label}: ${rule.own.miss(subject, far).text}`, near: 0 };
  const peer = rule.peers.find((one) => one.matches(far, subject));
  if (rule.peers.length > 0 && !peer) {
    const misses = rule.peers.map((one) => ({ one, ...one.miss(far, subject) })).sort((a, b) => b.near - a.near);
    const [nearest] = misses;
    const kind = nearest?.one.elsewhere === undefined ? 'peer' : 'elsewhere';
    return { rule, kind, text: nearest?.text ?? 'no peer', near: 1 + (nearest?.near ?? 0) };
  }
  const { protocol, port, to } = flow;
  const traffic = rule.traffic.find((one) => holds(one.ports(to), protocol, port));
  if (rule.traffic.length > 0 && !traffic) return trafficMiss(rule, flow);
  return { rule, ...(peer ? { peer: peer.index } : {}), ...(traffic ? { traffic } : {}) };
};

/** The first rule with one of these actions that matches; else the one that came nearest. */
export const firstMatch = (rules: readonly Rule[], view: View): Match | RuleMiss | undefined => {
  let nearest: RuleMiss | undefined;
  for (const rule of rules) {
    const result = matchRule(rule, view);
    if (isMatch(result)) return result;
    if (!nearest || result.near > nearest.near) nearest = result;
  }
  return nearest;
};

/** Why a policy without any matching rule does not match. */
export const missOf = (policy: Policy, view: View): { why: Miss; rule?: string } => {
  const result = firstMatch(policy[view.direction] ?? [], view);
  if (!result || isMatch(result)) return { why: { kind: 'no-rules', text: `it has no ${view.direction} rules: it allows nothing` } };
  return { why: { kind: result.kind, text: result.text }, rule: result.rule.at };
};
