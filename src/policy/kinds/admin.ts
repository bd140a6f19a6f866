import type { Context } from '../context.ts';
import { type Field, itemsOf, type Members, membersOf, odd, oneOf, required, textOf, wholeNumber, wrong } from '../field.ts';
import type { Action, Direction, Peer, Policy, PolicyRef, Rule, Subject, Traffic } from '../model.ts';
import type { Party } from '../party.ts';
import { readLabelSelector } from '../selector/label-selector.ts';
import { EVERYTHING, labelOf, type Selector } from '../selector/selector.ts';
import { cidrPeer, elsewherePeer, everybody, isNetwork, nobody, notAPod, noteLabels, podsPeer } from './peers.ts';
import { isPortName, lower, named, nothing, numbered, PORT_PROTOCOLS } from './traffic.ts';

/** policy.networking.k8s.io: what AdminNetworkPolicy, its Baseline and ClusterNetworkPolicy have in common. */

export const ADMIN_TIER = 'Admin';
export const BASELINE_TIER = 'Baseline';

const podsOfCluster = (context: Context, namespaces: Selector, pods: Selector): Subject => {
  noteLabels(context, pods);
  const podsText = pods.text === '' ? 'all pods' : `pods ${pods.text}`;
  return {
    text: `${podsText} in ${namespaces.text === '' ? 'all namespaces' : `namespaces ${namespaces.text}`}`,
    matches: (party) => party.namespace !== undefined && namespaces.matches(party.namespace.labels) && pods.matches(party.labels),
    miss: (party) => {
      if (party.kind !== 'pod' || !party.namespace) return notAPod(party);
      const { name, labels } = party.namespace;
      return namespaces.matches(labels) ? pods.miss(party.labels) : `namespace ${name}: ${namespaces.miss(labels)}`;
    },
  };
};

const oneMember = <Name extends string>(field: Field, members: Members<Name>): void => {
  if (Object.keys(members).length !== 1) odd(field, 'exactly one of its fields is expected');
};

/** `subject`: host-networked pods are never in it. */
export const readSubject = (context: Context, owner: Field | undefined, field: Field | undefined): Subject => {
  if (owner) required(owner, field, 'subject');
  const members = membersOf(field, ['namespaces', 'pods']);
  if (field) oneMember(field, members);
  if (!members.pods) return podsOfCluster(context, readLabelSelector(members.namespaces), EVERYTHING);
  const { namespaceSelector, podSelector } = membersOf(members.pods, ['namespaceSelector', 'podSelector']);
  return podsOfCluster(context, readLabelSelector(namespaceSelector), readLabelSelector(podSelector));
};

/**
 * A rule with a peer of a kind that this reader does not know: "for Accept rules fail closed means: treat the rule as matching no traffic;
 * for Deny and Pass rules: treat the rule as a Deny all rule" (clusternetworkpolicy_types.go).
 */
const failClosed = (action: Action): Pick<Rule, 'action' | 'peers' | 'traffic'> => {
  const text = 'a peer of an unknown kind';
  return action === 'allow'
    ? { action, peers: [nobody(0, text, 'a rule with a peer that nobody can read matches no traffic')], traffic: [] }
    : { action: 'deny', peers: [everybody(0, `${text}, which stands for everybody`)], traffic: [] };
};

/** v0.1.1 chose namespaces relative to the subject's by labels they share, or not all of them do. */
const relativePeer = (context: Context, index: number, keys: readonly string[], same: boolean, pods: Selector): Peer => {
  noteLabels(context, pods);
  const related = (party: Party, subject: Party): boolean => {
    const pairs = keys.map((key) => [labelOf(party.namespace?.labels ?? {}, key), labelOf(subject.namespace?.labels ?? {}, key)]);
    if (keys.length === 0 || pairs.some(([one, other]) => one === undefined || other === undefined)) return false;
    return same ? pairs.every(([one, other]) => one === other) : pairs.some(([one, other]) => one !== other);
  };
  const text = `${pods.text === '' ? 'all pods' : `pods ${pods.text}`} in namespaces with ${same ? 'the same' : 'another'} ${keys.join(', ')}`;
  return {
    index,
    text,
    matches: (party, subject) => party.kind === 'pod' && related(party, subject) && pods.matches(party.labels),
    miss: (party, subject) => {
      if (party.kind !== 'pod') return { text: notAPod(party), near: 0 };
      if (related(party, subject)) return { text: pods.miss(party.labels), near: 1 };
      return { text: `namespace ${party.namespace?.name} has not ${same ? 'the same' : 'another'} ${keys.join(', ')}`, near: 0 };
    },
  };
};

/** A selector of namespaces as it is now, or one of v0.1.1's `{namespaceSelector}`, `{sameLabels}`, `{notSameLabels}`. */
const namespacesPeer = (context: Context, field: Field, index: number, pods: Selector): Peer => {
  const value = field.value as Record<string, unknown>;
  const old = ['namespaceSelector', 'sameLabels', 'notSameLabels'].filter((name) => typeof value === 'object' && value !== null && name in value);
  if (old.length === 0) return podsPeer(context, index, { pods, namespaces: { selected: readLabelSelector(field) } });
  const members = membersOf(field, ['namespaceSelector', 'sameLabels', 'notSameLabels']);
  if (members.namespaceSelector) return podsPeer(context, index, { pods, namespaces: { selected: readLabelSelector(members.namespaceSelector) } });
  const list = members.sameLabels ?? members.notSameLabels;
  const keys = (itemsOf(list) ?? []).flatMap((item) => textOf(item) ?? []);
  return relativePeer(context, index, keys, members.sameLabels !== undefined, pods);
};

const nodesPeer = (index: number, nodes: Selector): Peer => ({
  index,
  text: nodes.text === '' ? 'all nodes' : `nodes ${nodes.text}`,
  matches: (party) => party.kind === 'node' && party.node !== undefined && nodes.matches(party.node.labels),
  miss: (party) => {
    if (party.kind !== 'node') return { text: `${party.label} is no node`, near: 0 };
    return { text: party.node ? nodes.miss(party.node.labels) : `the labels of ${party.nodeName} are not known`, near: 0 };
  },
});

/** Networks cover everything by its address, pods too ("that will allow or deny all IPv4 pod-to-pod traffic as well"). */
const byAddress = { reaches: () => true, beyond: () => '' };

const anyOf = (index: number, peers: readonly Peer[]): Peer => {
  const [only] = peers;
  if (peers.length === 1 && only) return { ...only, index };
  const text = peers.map((peer) => peer.text).join(' or ');
  return {
    index,
    text,
    key: `any ${text}`,
    matches: (party, subject) => peers.some((peer) => peer.matches(party, subject)),
    miss: (party, subject) => ({ text: peers.map((peer) => peer.miss(party, subject).text).join('; '), near: 0 }),
  };
};

const MOST_LISTED = 25;

/** What a peer lists: one thing at least, and not too many. */
const listed = (field: Field): Field[] => {
  const items = itemsOf(field) ?? [];
  if (items.length === 0 || items.length > MOST_LISTED) wrong(field, `1 to ${MOST_LISTED} items are expected`);
  return items;
};

/** A name in DNS, whose first part may be a star: the API's own pattern, `A-z` included (DomainName of network-policy-api). */
const DOMAIN_NAME = /^(\*\.)?([a-zA-z0-9]([-a-zA-Z0-9_]*[a-zA-Z0-9])?\.)+[a-zA-z0-9]([-a-zA-Z0-9_]*[a-zA-Z0-9])?\.?$/;

const PEER_FIELDS = ['namespaces', 'pods', 'nodes', 'networks', 'domainNames'] as const;

/** One peer of either direction, of which ingress knows only pods; undefined where it is of another kind. */
const readAdminPeer = (
  context: Context,
  field: Field,
  index: number,
  direction: Direction,
  action: Action,
  { byName }: Pick<AdminRules, 'byName'>,
): Peer | undefined => {
  const members = membersOf(field, PEER_FIELDS);
  oneMember(field, members);
  const { namespaces, pods, nodes, networks, domainNames } = members;
  if (direction === 'ingress') for (const extra of [nodes, networks, domainNames]) if (extra) wrong(extra, 'only egress rules may have it');
  if (namespaces) return namespacesPeer(context, namespaces, index, EVERYTHING);
  if (pods) {
    const inner = membersOf(pods, ['namespaceSelector', 'namespaces', 'podSelector']);
    const selector = readLabelSelector(inner.podSelector);
    if (inner.namespaces) return namespacesPeer(context, inner.namespaces, index, selector);
    return podsPeer(context, index, { pods: selector, namespaces: { selected: readLabelSelector(inner.namespaceSelector) } });
  }
  if (direction === 'egress' && nodes) return nodesPeer(index, readLabelSelector(nodes));
  if (direction === 'egress' && networks) {
    const blocks = listed(networks).flatMap((item, at) => {
      const cidr = textOf(item);
      return cidr === undefined ? [] : [readNetwork(context, item, at, cidr)];
    });
    return anyOf(index, blocks);
  }
  if (direction === 'egress' && domainNames) {
    const names = listed(domainNames).flatMap((item) => {
      const name = textOf(item);
      if (name !== undefined && !DOMAIN_NAME.test(name)) wrong(item, `"${name}" is no domain name`);
      return name ?? [];
    });
    if (!byName) wrong(domainNames, 'a baseline policy of this version knows no names');
    if (action !== 'allow') wrong(domainNames, 'only rules that accept may have it');
    return elsewherePeer(index, `domain names ${names.join(', ')}`, 'what DNS answers on the node decides');
  }
  return undefined;
};

const readNetwork = (context: Context, field: Field, index: number, cidr: string): Peer => {
  const peer = cidrPeer(context, index, cidr, [], byAddress);
  if (!isNetwork(cidr)) wrong(field, `"${cidr}" is no network: ADDRESS/LENGTH is expected`);
  return peer;
};

/** v1alpha1 AdminNetworkPolicyPort. */
const readPort = (context: Context, field: Field, index: number): Traffic => {
  const members = membersOf(field, ['portNumber', 'namedPort', 'portRange']);
  oneMember(field, members);
  if (members.namedPort) {
    const name = textOf(members.namedPort) ?? '';
    if (!isPortName(name)) wrong(members.namedPort, `"${name}" is no port name`);
    return named(context, index, name, ['tcp', 'udp', 'sctp']);
  }
  const inner = membersOf(members.portNumber ?? members.portRange, members.portNumber ? ['protocol', 'port'] : ['protocol', 'start', 'end']);
  // v0.1.1's published cases write an empty protocol for the default
  const protocol = inner.protocol && inner.protocol.value !== '' ? oneOf(inner.protocol, PORT_PROTOCOLS) : 'TCP';
  const from = wholeNumber(inner.port ?? inner.start, 1, 65_535);
  const to = inner.end ? wholeNumber(inner.end, 1, 65_535) : from;
  if (protocol === undefined || from === undefined || to === undefined) {
    if (!inner.port && !inner.start) wrong(field, 'a port is expected');
    return nothing(index, 'a port that is none');
  }
  if (inner.end && to <= from) wrong(inner.end, `it must be greater than start, which is ${from}`);
  return numbered(index, lower(protocol), from, to);
};

const ACTIONS: Record<string, Action> = { Allow: 'allow', Accept: 'allow', Deny: 'deny', Pass: 'pass' };

export interface AdminRules {
  actions: readonly ('Allow' | 'Accept' | 'Deny' | 'Pass')[];
  most: number;
  /** The field that says which traffic, and how one item of it is read. */
  traffic: 'ports' | 'protocols';
  readTraffic: (context: Context, field: Field, index: number) => Traffic;
  /** Whether its peers may be names in DNS. */
  byName: boolean;
}

const LONGEST_NAME = 100;

/** Peers that are no pods, so that no port of theirs has a name. */
const NAMELESS = ['networks', 'nodes', 'domainNames'];

/** Rules of one direction, in the order that counts. */
export const readAdminRules = (context: Context, field: Field | undefined, direction: Direction, form: AdminRules): Rule[] => {
  const far = direction === 'ingress' ? 'from' : 'to';
  const items = itemsOf(field) ?? [];
  if (field && items.length > form.most) wrong(field, `at most ${form.most} rules are allowed`);
  return items.flatMap((item, index): Rule[] => {
    const members = membersOf(item, ['name', 'action', far, form.traffic]);
    const word = oneOf(required(item, members.action, 'action'), form.actions);
    const action = word === undefined ? undefined : ACTIONS[word];
    const name = textOf(members.name);
    if (members.name && (name?.length ?? 0) > LONGEST_NAME) wrong(members.name, `at most ${LONGEST_NAME} characters are allowed`);
    const peers = itemsOf(required(item, members[far], far)) ?? [];
    if (members[far] && peers.length === 0) wrong(members[far], 'at least one peer is expected');
    if (members[far] && peers.length > form.most) wrong(members[far], `at most ${form.most} peers are allowed`);
    const traffic = itemsOf(members[form.traffic]);
    if (traffic?.length === 0 && members[form.traffic]) wrong(members[form.traffic] as Field, 'at least one item is expected where it is given');
    if (members[form.traffic] && (traffic ?? []).length > form.most) wrong(members[form.traffic] as Field, `at most ${form.most} items are allowed`);
    if (action === undefined) return [];
    const ports = (traffic ?? []).map((one, at) => form.readTraffic(context, one, at));
    const known = peers.flatMap((peer, at) => readAdminPeer(context, peer, at, direction, action, form) ?? []);
    const nameless = peers.some(({ value }) => NAMELESS.some((kind) => typeof value === 'object' && value !== null && kind in value));
    if (nameless && ports.some(({ names }) => names.length > 0)) wrong(item, 'networks, nodes and domain names have no named ports');
    return [
      {
        index,
        at: `${direction}[${index}]`,
        ...(name ? { name } : {}),
        ...(known.length > 0 && known.length === peers.length ? { action, peers: known, traffic: ports } : failClosed(action)),
      },
    ];
  });
};

const ANP: AdminRules = { actions: ['Allow', 'Deny', 'Pass'], most: 100, traffic: 'ports', readTraffic: readPort, byName: true };
const BANP: AdminRules = { ...ANP, actions: ['Allow', 'Deny'], byName: false };

/** A policy that has no rules for a direction leaves it alone. */
export const adminPolicy = (ref: PolicyRef, tier: string, order: number, subject: Subject, rules: Record<Direction, Rule[]>): Policy => ({
  ref,
  tier,
  order,
  rank: ref.name,
  subject,
  ...(rules.ingress.length > 0 ? { ingress: rules.ingress } : {}),
  ...(rules.egress.length > 0 ? { egress: rules.egress } : {}),
  isolates: { ingress: false, egress: false },
});

const OBJECT = ['apiVersion', 'kind', 'metadata', 'spec', 'status'] as const;

/** policy.networking.k8s.io/v1alpha1 AdminNetworkPolicy. */
export const readAdminNetworkPolicy = (context: Context, ref: PolicyRef, object: Field): Policy[] => {
  const spec = required(object, membersOf(object, OBJECT).spec, 'spec');
  const members = membersOf(spec, ['priority', 'subject', 'ingress', 'egress']);
  const priority = wholeNumber(spec && required(spec, members.priority, 'priority'), 0, 1000);
  const rules = (direction: Direction): Rule[] => readAdminRules(context, members[direction], direction, ANP);
  return [
    adminPolicy(ref, ADMIN_TIER, priority ?? 0, readSubject(context, spec, members.subject), { ingress: rules('ingress'), egress: rules('egress') }),
  ];
};

/** policy.networking.k8s.io/v1alpha1 BaselineAdminNetworkPolicy: the one called default. */
export const readBaselineAdminNetworkPolicy = (context: Context, ref: PolicyRef, object: Field): Policy[] => {
  const { spec: given, metadata } = membersOf(object, OBJECT);
  const spec = required(object, given, 'spec');
  if (ref.name !== 'default' && metadata) wrong(metadata, `its name must be default, not ${ref.name}`);
  const members = membersOf(spec, ['subject', 'ingress', 'egress']);
  const rules = (direction: Direction): Rule[] => readAdminRules(context, members[direction], direction, BANP);
  return [adminPolicy(ref, BASELINE_TIER, 0, readSubject(context, spec, members.subject), { ingress: rules('ingress'), egress: rules('egress') })];
};
