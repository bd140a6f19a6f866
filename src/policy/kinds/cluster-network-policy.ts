import type { Context } from '../context.ts';
import { type Field, membersOf, odd, oneOf, required, textOf, wholeNumber, wrong } from '../field.ts';
import type { Direction, Policy, PolicyRef, Rule, Traffic } from '../model.ts';
import type { PortProtocol } from '../port-set.ts';
import { ADMIN_TIER, type AdminRules, adminPolicy, BASELINE_TIER, readAdminRules, readSubject } from './admin.ts';
import { isPortName, named, nothing, numbered } from './traffic.ts';

const protocolsOf = (field: Field, index: number, protocol: PortProtocol): Traffic => {
  const { destinationPort } = membersOf(field, ['destinationPort']);
  if (!destinationPort) {
    if (field.value !== null && typeof field.value === 'object' && Object.keys(field.value).length === 0) wrong(field, 'destinationPort is expected');
    return numbered(index, protocol);
  }
  const { number, range } = membersOf(destinationPort, ['number', 'range']);
  if ((number === undefined) === (range === undefined)) wrong(destinationPort, 'either number or range is expected');
  if (number) {
    const port = wholeNumber(number, 1, 65_535);
    return port === undefined ? nothing(index, 'a port that is none') : numbered(index, protocol, port);
  }
  const { start, end } = membersOf(range, ['start', 'end']);
  const [from, to] = [wholeNumber(range && required(range, start, 'start'), 1, 65_535), wholeNumber(range && required(range, end, 'end'), 1, 65_535)];
  if (from === undefined || to === undefined) return nothing(index, 'a port that is none');
  if (from >= to && end) wrong(end, `it must be greater than start, which is ${from}`);
  return numbered(index, protocol, from, to);
};

/** ClusterNetworkPolicyProtocol: exactly one of its fields. */
const readProtocol = (context: Context, field: Field, index: number): Traffic => {
  const { tcp, udp, sctp, destinationNamedPort } = membersOf(field, ['tcp', 'udp', 'sctp', 'destinationNamedPort']);
  if ([tcp, udp, sctp, destinationNamedPort].filter((one) => one !== undefined).length !== 1) odd(field, 'exactly one of its fields is expected');
  if (tcp) return protocolsOf(tcp, index, 'tcp');
  if (udp) return protocolsOf(udp, index, 'udp');
  if (sctp) return protocolsOf(sctp, index, 'sctp');
  const name = textOf(destinationNamedPort);
  if (name === undefined) return nothing(index, 'a protocol of an unknown kind');
  if (destinationNamedPort && !isPortName(name)) wrong(destinationNamedPort, `"${name}" is no port name`);
  return named(context, index, name, ['tcp', 'udp', 'sctp']);
};

const CNP: AdminRules = { actions: ['Accept', 'Deny', 'Pass'], most: 25, traffic: 'protocols', readTraffic: readProtocol, byName: true };

/** policy.networking.k8s.io/v1alpha2 ClusterNetworkPolicy. */
export const readClusterNetworkPolicy = (context: Context, ref: PolicyRef, object: Field): Policy[] => {
  const spec = required(object, membersOf(object, ['apiVersion', 'kind', 'metadata', 'spec', 'status']).spec, 'spec');
  const members = membersOf(spec, ['tier', 'priority', 'subject', 'ingress', 'egress']);
  const tier = oneOf(spec && required(spec, members.tier, 'tier'), ['Admin', 'Baseline']);
  const priority = wholeNumber(spec && required(spec, members.priority, 'priority'), 0, 1000);
  const rules = (direction: Direction): Rule[] => readAdminRules(context, members[direction], direction, CNP);
  const subject = readSubject(context, spec, members.subject);
  return [
    adminPolicy(ref, tier === 'Baseline' ? BASELINE_TIER : ADMIN_TIER, priority ?? 0, subject, {
      ingress: rules('ingress'),
      egress: rules('egress'),
    }),
  ];
};
