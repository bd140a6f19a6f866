import type { ApiObject } from '../../../cluster/facts.ts';
import type { Context } from '../../context.ts';
import { type Field, itemsOf, membersOf, type Problem, rootField, textOf, truthOf, wrong } from '../../field.ts';
import type { Action, Direction, Peer, Policy, PolicyRef, Rule } from '../../model.ts';
import { elsewherePeer, nobody } from '../peers.ts';
import { demandOn } from './demand.ts';
import { cidrSet, endpointsPeer, entityPeer, nodesPeer, type Place, plainCidr, servicePeer } from './peer.ts';
import { readIcmps, readPortRules } from './ports.ts';
import { subjectOf } from './subject.ts';

export const CILIUM_TIER = 'Cilium';

type ReadPeer = (context: Context, field: Field, index: number, place: Place) => Peer;

const byCloud: ReadPeer = (_, __, index) => elsewherePeer(index, 'groups of a cloud', 'the cloud decides who is in them');

const byDns: ReadPeer = (_, field, index) => {
  const { matchName, matchPattern } = membersOf(field, ['matchName', 'matchPattern']);
  if (matchName && matchPattern) wrong(field, 'either matchName or matchPattern is expected');
  return elsewherePeer(index, `domain name ${textOf(matchName) ?? textOf(matchPattern) ?? ''}`, 'what DNS answered on the node decides');
};

/** Ways to say who is on the far side, by the ends of their fields' names. */
const PEERS: Record<string, ReadPeer> = {
  Endpoints: endpointsPeer,
  CIDR: plainCidr,
  CIDRSet: cidrSet,
  Entities: entityPeer,
  Groups: byCloud,
  Nodes: nodesPeer,
  Services: servicePeer,
  FQDNs: byDns,
};

const ONLY_EGRESS = new Set(['Services', 'FQDNs']);

/** An empty list of these is nobody; of the others it says nothing (pkg/policy/api, GetSourceEndpointSelectorsWithRequirements). */
const NOBODY_WHEN_EMPTY = new Set(['Endpoints', 'CIDR', 'CIDRSet', 'Entities', 'Nodes']);

const REST = ['toPorts', 'icmps', 'authentication'] as const;

/** fromNodes and toNodes are taken by agents that were told so only. */
const NODES_OPTION = 'the agent refuses the policy unless enable-node-selector-labels is set';

/**
 * Rules of one list. A rule that names neither peers nor ports matches nothing; one that names only ports is for everybody; an empty list of
 * peers, unlike a missing one, is nobody (pkg/policy/rule.go, mergeIngress).
 */
const readRules = (context: Context, field: Field | undefined, action: Action, at: string, place: Place): Rule[] => {
  const { direction } = place;
  const side = direction === 'ingress' ? 'from' : 'to';
  const kinds = Object.keys(PEERS).filter((kind) => direction === 'egress' || !ONLY_EGRESS.has(kind));
  return (itemsOf(field) ?? []).map((item, index) => {
    const members = membersOf(item, [...kinds.map((kind) => `${side}${kind}`), `${side}Requires`, ...REST]);
    const lists = kinds.flatMap((kind) => {
      const items = itemsOf(members[`${side}${kind}`]);
      return items === undefined ? [] : [{ kind, items }];
    });
    const [first, second] = lists.filter(({ items }) => items.length > 0);
    if (first && second) wrong(item, `${side}${first.kind} and ${side}${second.kind} in one rule are not allowed: two rules are expected`);
    const [ports, icmps] = [readPortRules(context, members.toPorts, direction), readIcmps(members.icmps)];
    if (ports && icmps) wrong(item, 'toPorts and icmps in one rule are not allowed: two rules are expected');
    const peers = lists
      .flatMap(({ kind, items }) => items.map((peer) => ({ kind, peer })))
      .map(({ kind, peer }, position) => (PEERS[kind] as ReadPeer)(context, peer, position, place));
    const traffic = [...(ports ?? []), ...(icmps ?? [])];
    const empty = lists.some(({ kind, items }) => items.length === 0 && NOBODY_WHEN_EMPTY.has(kind));
    const nobodyMeant = empty || (peers.length === 0 && traffic.length === 0);
    const elsewhere =
      members.authentication && action === 'allow' ? 'the authentication it demands' : first?.kind === 'Nodes' ? NODES_OPTION : undefined;
    return {
      index,
      at: `${at}${place.list}[${index}]`,
      action,
      peers: nobodyMeant ? [nobody(0, 'nobody', empty ? 'its list of peers is empty' : 'a rule without peers and ports matches nothing')] : peers,
      traffic,
      ...(elsewhere === undefined ? {} : { elsewhere }),
    };
  });
};

const SPEC = [
  'endpointSelector',
  'nodeSelector',
  'ingress',
  'ingressDeny',
  'egress',
  'egressDeny',
  'labels',
  'enableDefaultDeny',
  'description',
  'log',
] as const;

const LISTS = ['ingress', 'ingressDeny', 'egress', 'egressDeny'] as const;

/** A policy with something wrong in it is not taken at all. */
const isTaken =
  (context: Context) =>
  (object: ApiObject): boolean => {
    const problems: Problem[] = [];
    const { apiVersion, kind, metadata } = object;
    readCiliumPolicy(context, { apiVersion, kind, ...metadata }, rootField(object, problems));
    return problems.every(({ tolerable }) => tolerable);
  };

const readSpec = (context: Context, ref: PolicyRef, spec: Field, at: string): Policy => {
  const own = ref.namespace;
  const members = membersOf(spec, SPEC);
  if (LISTS.every((list) => (itemsOf(members[list]) ?? []).length === 0)) wrong(spec, `rules are expected: ${LISTS.join(', ')}`);
  const defaults = membersOf(members.enableDefaultDeny, ['ingress', 'egress']);
  const wanted = { ingress: truthOf(defaults.ingress) ?? true, egress: truthOf(defaults.egress) ?? true };
  const read = (direction: Direction, list: (typeof LISTS)[number], action: Action): Rule[] =>
    readRules(context, members[list], action, at, { own, direction, list, unmet: demandOn(context, direction, list, isTaken(context)) });
  const rules = (direction: Direction): Rule[] => [...read(direction, `${direction}Deny`, 'deny'), ...read(direction, direction, 'allow')];
  const [ingress, egress] = [rules('ingress'), rules('egress')];
  // a direction without rules is left alone, whatever the default (pkg/policy/repository.go, computePolicyEnforcementAndRules)
  const isolates = { ingress: ingress.length > 0 && wanted.ingress, egress: egress.length > 0 && wanted.egress };
  return {
    ref,
    tier: CILIUM_TIER,
    order: 0,
    rank: `${ref.namespace ?? ''}/${ref.name}/${at}`,
    subject: subjectOf(context, spec, members, own),
    ...(ingress.length > 0 ? { ingress } : {}),
    ...(egress.length > 0 ? { egress } : {}),
    isolates,
  };
};

/** cilium.io/v2 CiliumNetworkPolicy, or without a namespace CiliumClusterwideNetworkPolicy. */
export const readCiliumPolicy = (context: Context, ref: PolicyRef, object: Field): Policy[] => {
  const { spec, specs } = membersOf(object, ['apiVersion', 'kind', 'metadata', 'spec', 'specs', 'status']);
  if (!spec && !specs) wrong(object, 'spec or specs is expected');
  return [
    ...(spec ? [readSpec(context, ref, spec, '')] : []),
    ...(itemsOf(specs) ?? []).map((item, index) => readSpec(context, ref, item, `specs[${index}].`)),
  ];
};
