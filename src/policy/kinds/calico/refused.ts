import { parseAddress, parsePrefix } from '../../../forwarding/address.ts';
import { type Field, odd } from '../../field.ts';
import type { Direction } from '../../model.ts';

/**
 * What Calico's API refuses although one can tell what it means (api/pkg/apis/projectcalico/v3, libcalico-go/lib/validator/v3): wrong in a
 * manifest; a cluster that has it all the same, by way of the CRDs, is judged by what it says.
 */

type Raw = Readonly<Record<string, unknown>>;

const rawOf = (value: unknown): Raw => (typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Raw) : {});

/** A member as a field of its own, so that the fault is said where it stands. */
const at = (owner: Field, ...names: string[]): Field => ({ ...owner, path: [...owner.path, ...names] });

const given = (value: unknown): boolean => (Array.isArray(value) ? value.length > 0 : value !== undefined && value !== null && value !== '');

const textsOf = (value: unknown): string[] => (Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []);

const isIcmp = (protocol: unknown): boolean => protocol === 'ICMP' || protocol === 1;
const isIcmp6 = (protocol: unknown): boolean => protocol === 'ICMPv6' || protocol === 58;
const isTcp = (protocol: unknown): boolean => protocol === 'TCP' || protocol === 6;

interface Fault {
  at: string[];
  when: (rule: Raw) => boolean;
  reason: string;
}

const RULE_FAULTS: readonly Fault[] = [
  { at: ['http'], when: ({ http, action }) => given(http) && action !== 'Allow', reason: 'only a rule that allows may have it' },
  {
    at: ['http'],
    when: ({ http, protocol }) => given(http) && given(protocol) && !isTcp(protocol),
    reason: 'it needs protocol TCP, or none',
  },
  {
    at: ['icmp'],
    when: ({ icmp, protocol }) => given(icmp) && !isIcmp(protocol) && !isIcmp6(protocol),
    reason: 'it needs protocol ICMP or ICMPv6',
  },
  {
    at: ['ipVersion'],
    when: ({ protocol, notProtocol, ipVersion }) => given(ipVersion) && ipVersion !== 4 && (isIcmp(protocol) || isIcmp(notProtocol)),
    reason: 'ICMP is of IPv4',
  },
  {
    at: ['ipVersion'],
    when: ({ protocol, notProtocol, ipVersion }) => given(ipVersion) && ipVersion !== 6 && (isIcmp6(protocol) || isIcmp6(notProtocol)),
    reason: 'ICMPv6 is of IPv6',
  },
  {
    at: ['destination', 'services'],
    when: ({ destination }) => given(rawOf(destination).services) && (given(rawOf(destination).ports) || given(rawOf(destination).notPorts)),
    reason: "a Service's ports are meant: no ports or notPorts beside it",
  },
];

/** What says who is meant another way than by a Service. */
const BESIDE_SERVICES = ['namespaceSelector', 'serviceAccounts', 'selector', 'notSelector', 'nets', 'notNets'];

const EVERY_ADDRESS = /^(0\.0\.0\.0|[0:]+)\/0$/;

const GLOBAL_ONLY = 'global() may stand in the namespaceSelector of a rule only';

const hasGlobal = (value: unknown): boolean => typeof value === 'string' && value.includes('global(');

const checkNet = (field: Field, net: string): void => {
  const [address = ''] = net.split('/');
  if (!net.includes('/')) odd(field, `"${net}" is an address: ADDRESS/LENGTH is expected`);
  else if (parseAddress(address)?.value !== parsePrefix(net)?.network) odd(field, `"${net}" has bits behind its length`);
};

const checkEntity = (field: Field, entity: Raw): void => {
  const beside = BESIDE_SERVICES.find((name) => given(entity[name]));
  if (given(entity.services) && beside !== undefined) odd(at(field, 'services'), `it stands alone: ${beside} is not allowed beside it`);
  if (hasGlobal(entity.selector)) odd(at(field, 'selector'), GLOBAL_ONLY);
  if (hasGlobal(entity.namespaceSelector) && !/^[ \t]*global\([ \t]*\)[ \t]*$/.test(String(entity.namespaceSelector)))
    odd(at(field, 'namespaceSelector'), 'global() stands alone');
  for (const name of ['nets', 'notNets']) for (const net of textsOf(entity[name])) checkNet(at(field, name), net);
  if (textsOf(entity.notNets).some((net) => EVERY_ADDRESS.test(net)))
    odd(at(field, 'notNets'), 'a rule that takes out every address matches nothing');
};

const checkFamilies = (item: Field, rule: Raw): void => {
  const nets = [rule.source, rule.destination].map(rawOf).flatMap((entity) => [...textsOf(entity.nets), ...textsOf(entity.notNets)]);
  const families = new Set(nets.flatMap((net) => parsePrefix(net)?.family ?? []));
  if (families.size > 1) odd(item, 'networks of both families in one rule never match together');
  const [family] = families;
  if (families.size === 1 && given(rule.ipVersion) && rule.ipVersion !== family) odd(at(item, 'ipVersion'), `its networks are of IPv${family}`);
};

/** @param own namespace of the policy; absent for a global one */
export const checkRule = (item: Field, direction: Direction, own: string | undefined): void => {
  const rule = rawOf(item.value);
  for (const { at: path, when, reason } of RULE_FAULTS) if (when(rule)) odd(at(item, ...path), reason);
  if (direction === 'egress' && given(rule.http)) odd(at(item, 'http'), 'only ingress rules may have it');
  const [near, far] = direction === 'ingress' ? ['destination', 'source'] : ['source', 'destination'];
  if (given(rawOf(rule[near]).services)) odd(at(item, near, 'services'), `an ${direction} rule has Services in its ${far} only`);
  const { services } = rawOf(rule[far]);
  if (own === undefined && given(services) && !given(rawOf(services).namespace))
    odd(at(item, far, 'services', 'namespace'), 'a global policy has to say it');
  for (const end of ['source', 'destination']) checkEntity(at(item, end), rawOf(rule[end]));
  checkFamilies(item, rule);
};

const POLICY_FAULTS: readonly Fault[] = [
  {
    at: ['doNotTrack'],
    when: ({ doNotTrack, preDNAT }) => doNotTrack === true && preDNAT === true,
    reason: 'doNotTrack and preDNAT do not go together',
  },
  { at: ['egress'], when: ({ preDNAT, egress }) => preDNAT === true && given(egress), reason: 'a preDNAT policy has no egress rules' },
  {
    at: ['types'],
    when: ({ preDNAT, types }) => preDNAT === true && textsOf(types).includes('Egress'),
    reason: 'a preDNAT policy is for ingress only',
  },
  {
    at: ['applyOnForward'],
    when: ({ preDNAT, doNotTrack, applyOnForward }) => (preDNAT === true || doNotTrack === true) && applyOnForward !== true,
    reason: 'it must be true where preDNAT or doNotTrack is',
  },
  { at: ['selector'], when: ({ selector }) => hasGlobal(selector), reason: GLOBAL_ONLY },
  { at: ['namespaceSelector'], when: ({ namespaceSelector }) => hasGlobal(namespaceSelector), reason: GLOBAL_ONLY },
  { at: ['serviceAccountSelector'], when: ({ serviceAccountSelector }) => hasGlobal(serviceAccountSelector), reason: GLOBAL_ONLY },
  { at: ['types'], when: ({ types }) => new Set(textsOf(types)).size !== textsOf(types).length, reason: 'a type is named twice' },
  {
    at: ['performanceHints'],
    when: ({ performanceHints }) => given(performanceHints) && textsOf(performanceHints).join() !== 'AssumeNeededOnEveryNode',
    reason: 'AssumeNeededOnEveryNode is the only hint there is',
  },
  {
    at: ['stagedAction'],
    when: ({ stagedAction, tier, ...others }) => stagedAction === 'Delete' && Object.values(others).some(given),
    reason: 'what is to be deleted has no other fields',
  },
];

export const checkSpec = (spec: Field): void => {
  const raw = rawOf(spec.value);
  for (const { at: path, when, reason } of POLICY_FAULTS) if (when(raw)) odd(at(spec, ...path), reason);
};
