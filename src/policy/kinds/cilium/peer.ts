import type { ApiObject, EndpointFacts } from '../../../cluster/facts.ts';
import { sameAddress } from '../../../forwarding/address.ts';
import type { Context } from '../../context.ts';
import { type Field, itemsOf, membersOf, oneOf, textOf, wrong } from '../../field.ts';
import type { Peer } from '../../model.ts';
import type { Party } from '../../party.ts';
import { type Requirement, readRequirements, selectorOf } from '../../selector/label-selector.ts';
import type { Selector } from '../../selector/selector.ts';
import { cidrPeer, elsewherePeer, nobody, notAPod } from '../peers.ts';
import { identityOf, isApiServer, lookUpIdentity, NAMESPACE_LABELS, noteIdentityKeys, POD_NAMESPACE, splitKey } from './identity.ts';

const anyKey = (): boolean => true;

export const readIdentityRequirements = (context: Context, field: Field | undefined): Requirement[] => {
  const requirements = readRequirements(field, anyKey);
  noteIdentityKeys(
    context,
    requirements.map(({ key }) => key),
  );
  return requirements;
};

export const identitySelector = (requirements: readonly Requirement[]): Selector => selectorOf(requirements, lookUpIdentity);

const names = (requirements: readonly Requirement[], key: string): boolean => requirements.some((one) => splitKey(one.key).key === key);

/**
 * What a selector of endpoints is limited to when it does not say: the policy's own namespace, or in a clusterwide policy whatever is in one
 * (pkg/k8s/apis/cilium.io/utils, getEndpointSelector).
 */
const scoped = (requirements: Requirement[], own: string | undefined): Requirement[] => {
  if (requirements.some(({ key }) => splitKey(key).source === 'reserved')) return requirements;
  if (names(requirements, POD_NAMESPACE)) return requirements;
  if (own === undefined) return [...requirements, { key: `k8s:${POD_NAMESPACE}`, operator: 'Exists', values: [] }];
  const byNamespace = requirements.some(({ key }) => splitKey(key).key.startsWith(NAMESPACE_LABELS));
  return byNamespace ? requirements : [...requirements, { key: `k8s:${POD_NAMESPACE}`, operator: 'In', values: [own] }];
};

/** The namespaces of pods a scoped selector can match, when it says them by name. */
const spacesOf = (requirements: readonly Requirement[]): Pick<Peer, 'spaces'> => {
  const named = requirements.find(({ key, operator }) => splitKey(key).key === POD_NAMESPACE && operator === 'In');
  return named ? { spaces: ({ name }) => named.values.includes(name) } : {};
};

/** Host and remote-node depend on whose host it is; pods do not. */
const isRelative = (requirements: readonly Requirement[]): boolean => requirements.some(({ key }) => splitKey(key).source !== 'k8s');

export const endpointsPeer = (context: Context, field: Field, index: number, own: string | undefined): Peer => {
  const requirements = scoped(readIdentityRequirements(context, field), own);
  const selector = identitySelector(requirements);
  const text = `endpoints ${selector.text || 'of any kind'}`;
  return {
    index,
    text,
    ...(isRelative(requirements) && requirements.some(({ key }) => splitKey(key).source === 'reserved') ? {} : { key: text }),
    ...spacesOf(requirements),
    matches: (party, subject) => selector.matches(identityOf(context, party, subject)),
    miss: (party, subject) => {
      if (party.kind !== 'pod') return { text: notAPod(party), near: 0 };
      const miss = selector.miss(identityOf(context, party, subject));
      return { text: miss, near: miss.includes(POD_NAMESPACE) ? 0 : 1 };
    },
  };
};

const ENTITIES = [
  'all',
  'world',
  'world-ipv4',
  'world-ipv6',
  'cluster',
  'host',
  'init',
  'ingress',
  'unmanaged',
  'remote-node',
  'health',
  'none',
  'kube-apiserver',
] as const;

type Entity = (typeof ENTITIES)[number];

const isHost = (party: Party, subject: Party): boolean =>
  party.kind === 'node' && party.nodeName !== undefined && party.nodeName === subject.nodeName;

/** Identities that no pod, node or address of ours ever has are nobody. */
const ENTITY: Record<Entity, (context: Context, party: Party, subject: Party) => boolean> = {
  all: () => true,
  world: (_, { kind }) => kind === 'outside',
  'world-ipv4': (_, { kind, address }) => kind === 'outside' && address?.family === 4,
  'world-ipv6': (_, { kind, address }) => kind === 'outside' && address?.family === 6,
  cluster: (context, party) => party.kind !== 'outside' || isApiServer(context, party),
  host: (_, party, subject) => isHost(party, subject),
  'remote-node': (_, party, subject) => party.kind === 'node' && !isHost(party, subject),
  'kube-apiserver': (context, party) => isApiServer(context, party),
  init: () => false,
  ingress: () => false,
  unmanaged: () => false,
  health: () => false,
  none: () => false,
};

export const entityPeer = (context: Context, field: Field, index: number): Peer => {
  const entity = oneOf(field, ENTITIES);
  if (entity === undefined) return nobody(index, 'an unknown entity', 'nobody knows who that is');
  return {
    index,
    text: `entity ${entity}`,
    ...(entity === 'host' || entity === 'remote-node' ? {} : { key: `entity ${entity}` }),
    matches: (party, subject) => ENTITY[entity](context, party, subject),
    miss: (party) => ({ text: `${party.label} does not belong to ${entity}`, near: 0 }),
  };
};

/** Only what is neither a pod nor a node is known by its address. */
const world = {
  reaches: ({ kind }: Party): boolean => kind === 'outside',
  beyond: (party: Party): string => `a CIDR is for the world outside, and ${party.label} is in the cluster`,
};

export const plainCidr = (context: Context, field: Field, index: number): Peer => {
  const cidr = textOf(field) ?? '';
  const peer = cidrPeer(context, index, cidr, [], world);
  if (peer.key?.startsWith('nobody')) wrong(field, `"${cidr}" is no network`);
  return peer;
};

const groupCidrs = ({ world: { objects } }: Context, chosen: (group: ApiObject) => boolean): string[] =>
  objects
    .filter((object) => object.kind === 'CiliumCIDRGroup' && chosen(object))
    .flatMap((group) => {
      const spec = 'spec' in group && typeof group.spec === 'object' && group.spec !== null ? group.spec : {};
      const list: unknown = 'externalCIDRs' in spec ? spec.externalCIDRs : [];
      return Array.isArray(list) ? list.filter((one) => typeof one === 'string') : [];
    });

export const cidrSet = (context: Context, field: Field, index: number): Peer => {
  const { cidr, cidrGroupRef, cidrGroupSelector, except } = membersOf(field, ['cidr', 'cidrGroupRef', 'cidrGroupSelector', 'except']);
  const exceptions = (itemsOf(except) ?? []).flatMap((item) => textOf(item) ?? []);
  if (cidr) {
    const text = textOf(cidr) ?? '';
    const peer = cidrPeer(context, index, text, exceptions, world);
    if (peer.key?.startsWith('nobody')) wrong(cidr, `"${text}" is no network`);
    return peer;
  }
  if (!cidrGroupRef && !cidrGroupSelector) {
    wrong(field, 'cidr, cidrGroupRef or cidrGroupSelector is expected');
    return nobody(index, 'no network', 'it names none');
  }
  const name = textOf(cidrGroupRef);
  const selector = selectorOf(readRequirements(cidrGroupSelector));
  const cidrs = groupCidrs(context, ({ metadata }) => (name === undefined ? selector.matches(metadata.labels ?? {}) : metadata.name === name));
  const text = name === undefined ? `CIDR groups ${selector.text}` : `CIDR group ${name}`;
  return anyCidr(
    index,
    text,
    cidrs.map((one, at) => cidrPeer(context, at, one, exceptions, world)),
  );
};

const anyCidr = (index: number, text: string, blocks: readonly Peer[]): Peer => ({
  index,
  text,
  key: text,
  matches: (party, subject) => blocks.some((block) => block.matches(party, subject)),
  miss: (party) => ({ text: `${party.addressText ?? party.label} is not in ${text}`, near: 0 }),
});

/** A Service's backends: the pods its selector picks, or addresses somebody wrote for it (pkg/policy/k8s/service.go). */
export const servicePeer = (context: Context, field: Field, index: number, own: string | undefined): Peer => {
  const { k8sService, k8sServiceSelector } = membersOf(field, ['k8sService', 'k8sServiceSelector']);
  if (!k8sService) {
    membersOf(k8sServiceSelector, ['selector', 'namespace']);
    return elsewherePeer(index, 'Services by their labels', 'which are not read here');
  }
  context.reads.services = true;
  const members = membersOf(k8sService, ['serviceName', 'namespace']);
  const name = textOf(members.serviceName) ?? '';
  const namespace = textOf(members.namespace) ?? own ?? 'default';
  const service = context.world.services.find((one) => one.namespace === namespace && one.name === name);
  const picks = service && Object.keys(service.selector).length > 0;
  for (const key of Object.keys(service?.selector ?? {})) context.reads.podLabels.add(key);
  const backends = context.world.endpoints.filter((one) => one.service.namespace === namespace && one.service.name === name);
  const text = `Service ${namespace}/${name}`;
  return {
    index,
    text,
    key: text,
    matches: (party) => {
      if (!picks) return party.kind === 'outside' && isBackend(party, backends);
      return party.namespace?.name === namespace && Object.entries(service.selector).every(([key, value]) => party.labels[key] === value);
    },
    miss: (party) => ({ text: `${party.label} is no backend of ${text}`, near: 0 }),
  };
};

const isBackend = ({ addressText }: Party, backends: readonly EndpointFacts[]): boolean =>
  addressText !== undefined && backends.some(({ ip }) => sameAddress(ip, addressText));

export const nodesPeer = (context: Context, field: Field, index: number): Peer => {
  const selector = identitySelector(readRequirements(field, anyKey));
  return {
    index,
    text: `nodes ${selector.text}`,
    matches: (party, subject) => party.kind === 'node' && !isHost(party, subject) && selector.matches(nodeIdentity(context, party, subject)),
    miss: (party) => ({ text: `${party.label} is no other node that ${selector.text || 'any'} selects`, near: 0 }),
  };
};

const nodeIdentity = (context: Context, party: Party, subject: Party): Record<string, string> => ({
  ...Object.fromEntries(Object.entries(party.node?.labels ?? {}).map(([key, value]) => [`k8s:${key}`, value])),
  ...identityOf(context, party, subject),
});
