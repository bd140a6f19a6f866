import type { ApiObject, EndpointFacts } from '../../../cluster/facts.ts';
import { inPrefix, parseAddress, sameAddress } from '../../../forwarding/address.ts';
import type { Context } from '../../context.ts';
import { type Field, itemsOf, membersOf, oneOf, textOf, wrong } from '../../field.ts';
import type { Direction, Peer } from '../../model.ts';
import type { Party } from '../../party.ts';
import { type Requirement, readRequirements, selectorOf } from '../../selector/label-selector.ts';
import { cidrPeer, elsewherePeer, isNetwork, nobody, notAPod } from '../peers.ts';
import type { Unmet } from './demand.ts';
import { identityOf, isApiServer, POD_NAMESPACE, splitKey } from './identity.ts';
import { anyKey, endpointRequirements, identitySelector, isReserved } from './selector.ts';

/** The namespaces of pods a scoped selector can match, when it says them by name. */
const spacesOf = (requirements: readonly Requirement[]): Pick<Peer, 'spaces'> => {
  const named = requirements.find(({ key, operator }) => splitKey(key).key === POD_NAMESPACE && operator === 'In');
  return named ? { spaces: ({ name }) => named.values.includes(name) } : {};
};

/** One list of a rule, and in whose policy it stands. */
export interface Place {
  /** Namespace of the policy; absent for a clusterwide one. */
  own: string | undefined;
  direction: Direction;
  /** `ingress`, `ingressDeny`. */
  list: string;
  /** What the policies of its subject demand besides. */
  unmet: Unmet | undefined;
}

export const endpointsPeer = (context: Context, field: Field, index: number, { own, unmet }: Place): Peer => {
  const requirements = endpointRequirements(context, field, own);
  const selector = identitySelector(requirements);
  const text = `endpoints ${selector.text || 'of any kind'}`;
  const missing = (party: Party, subject: Party): string => selector.miss(identityOf(context, party, subject)) || (unmet?.(party, subject) ?? '');
  return {
    index,
    text,
    // host and remote-node depend on whose host it is, demands on whose policies they stand in; pods do not
    ...(isReserved(requirements) || unmet ? {} : { key: text }),
    ...spacesOf(requirements),
    matches: unmet ? (party, subject) => missing(party, subject) === '' : (party, subject) => selector.matches(identityOf(context, party, subject)),
    miss: (party, subject) => {
      if (party.kind !== 'pod') return { text: notAPod(party), near: 0 };
      const miss = missing(party, subject);
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
  if (!isNetwork(cidr) && !(parseAddress(cidr) && !cidr.includes('%'))) wrong(field, `"${cidr}" is no network and no address`);
  return cidrPeer(context, index, cidr, [], world);
};

const groupCidrs = ({ world: { objects } }: Context, chosen: (group: ApiObject) => boolean): string[] =>
  objects
    .filter((object) => object.kind === 'CiliumCIDRGroup' && chosen(object))
    .flatMap((group) => {
      const spec = 'spec' in group && typeof group.spec === 'object' && group.spec !== null ? group.spec : {};
      const list: unknown = 'externalCIDRs' in spec ? spec.externalCIDRs : [];
      return Array.isArray(list) ? list.filter((one) => typeof one === 'string') : [];
    });

const checkException = (field: Field, cidr: string): void => {
  const text = textOf(field);
  if (text === undefined) return;
  if (!isNetwork(text)) wrong(field, `"${text}" is no network: ADDRESS/LENGTH is expected`);
  else if (isNetwork(cidr) && !inPrefix(cidr, text.split('/')[0] ?? '')) wrong(field, `${text} is not in ${cidr}`);
};

export const cidrSet = (context: Context, field: Field, index: number): Peer => {
  const { cidr, cidrGroupRef, cidrGroupSelector, except } = membersOf(field, ['cidr', 'cidrGroupRef', 'cidrGroupSelector', 'except']);
  const exceptions = (itemsOf(except) ?? []).flatMap((item) => textOf(item) ?? []);
  if ([cidr, cidrGroupRef, cidrGroupSelector].filter((one) => one !== undefined).length !== 1) {
    wrong(field, 'one of cidr, cidrGroupRef and cidrGroupSelector is expected');
    return nobody(index, 'no network', 'it names none');
  }
  if (cidr) {
    const text = textOf(cidr) ?? '';
    if (!isNetwork(text)) wrong(cidr, `"${text}" is no network: ADDRESS/LENGTH is expected`);
    for (const item of itemsOf(except) ?? []) checkException(item, text);
    return cidrPeer(context, index, text, exceptions, world);
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
export const servicePeer = (context: Context, field: Field, index: number, { own }: Place): Peer => {
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
