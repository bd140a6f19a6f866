import type { Context } from '../../context.ts';
import { type Field, itemsOf, type Members, membersOf, oneOf, textOf, truthOf, wholeNumber, wrong } from '../../field.ts';
import type { Action, Direction, Peer, Policy, PolicyRef, Rule, Subject, Traffic } from '../../model.ts';
import { NOTHING, PING, type PortProtocol } from '../../port-set.ts';
import { elsewherePeer, nobody, notAPod } from '../peers.ts';
import { named, numbered } from '../traffic.ts';
import { identityOf, POD_NAMESPACE } from './identity.ts';
import { cidrSet, endpointsPeer, entityPeer, identitySelector, nodesPeer, plainCidr, readIdentityRequirements, servicePeer } from './peer.ts';

export const CILIUM_TIER = 'Cilium';

type ReadPeer = (context: Context, field: Field, index: number, own: string | undefined) => Peer;

const byCloud: ReadPeer = (_, __, index) => elsewherePeer(index, 'groups of a cloud', 'the cloud decides who is in them');

const byDns: ReadPeer = (_, field, index) => {
  const { matchName, matchPattern } = membersOf(field, ['matchName', 'matchPattern']);
  return elsewherePeer(index, `domain name ${textOf(matchName) ?? textOf(matchPattern) ?? ''}`, 'what DNS answered on the node decides');
};

const byRequirement: ReadPeer = (_, __, index) => elsewherePeer(index, 'required endpoints', 'they narrow other rules, which is not judged here');

/** Ways to say who is on the far side, by the ends of their fields' names. */
const PEERS: Record<string, ReadPeer> = {
  Endpoints: endpointsPeer,
  Requires: byRequirement,
  CIDR: plainCidr,
  CIDRSet: cidrSet,
  Entities: entityPeer,
  Groups: byCloud,
  Nodes: nodesPeer,
  Services: servicePeer,
  FQDNs: byDns,
};

const ONLY_EGRESS = new Set(['Services', 'FQDNs']);

const PROTOCOLS: Record<string, readonly PortProtocol[]> = { TCP: ['tcp'], UDP: ['udp'], SCTP: ['sctp'], ANY: ['tcp', 'udp', 'sctp'] };

const readPort = (context: Context, field: Field, elsewhere: string | undefined): Traffic[] => {
  const members = membersOf(field, ['port', 'endPort', 'protocol']);
  const protocols = PROTOCOLS[members.protocol ? (oneOf(members.protocol, ['TCP', 'UDP', 'SCTP', 'ANY']) ?? 'ANY') : 'ANY'] ?? [];
  const text = typeof members.port?.value === 'number' ? String(members.port.value) : textOf(members.port);
  if (text === undefined) return wrong(field, 'a port is expected') ?? [];
  const end = wholeNumber(members.endPort, 0, 65_535);
  const more = elsewhere === undefined ? {} : { elsewhere };
  if (!/^\d+$/.test(text)) return [{ ...named(context, 0, text.toLowerCase(), protocols), ...more }];
  const port = Number(text);
  if (port > 65_535) return wrong(field, `port ${text} is not between 0 and 65535`) ?? [];
  // port 0 is every port
  return protocols.map((protocol) => ({ ...(port === 0 ? numbered(0, protocol) : numbered(0, protocol, port, end || port)), ...more }));
};

const L7: Record<string, string> = { http: 'HTTP', kafka: 'Kafka', dns: 'DNS', l7: 'layer 7', l7proto: 'layer 7' };

/** What of a port rule a proxy decides. */
const proxied = (field: Field | undefined): string | undefined => {
  const rules = membersOf(field, ['http', 'kafka', 'dns', 'l7', 'l7proto']);
  const [kind] = Object.keys(rules);
  return kind === undefined ? undefined : `its ${L7[kind] ?? kind} rules, which a proxy decides`;
};

const readPortRules = (context: Context, field: Field | undefined): Traffic[] | undefined => {
  const items = itemsOf(field);
  if (items === undefined || items.length === 0) return undefined;
  const traffic = items.flatMap((item) => {
    const members = membersOf(item, ['ports', 'rules', 'listener', 'serverNames', 'terminatingTLS', 'originatingTLS']);
    const other = members.listener ? 'its listener' : members.serverNames ? 'its server names, which a proxy compares' : undefined;
    return (itemsOf(members.ports) ?? []).flatMap((port) => readPort(context, port, proxied(members.rules) ?? other));
  });
  // rules without ports match nothing
  return traffic.length > 0 ? traffic.map((one, index) => ({ ...one, index })) : [{ index: 0, text: 'no port', names: [], ports: () => NOTHING }];
};

const ECHO: Record<'IPv4' | 'IPv6', { types: (string | number)[]; family: 4 | 6 }> = {
  IPv4: { types: [8, '8', 'Echo', 'EchoRequest'], family: 4 },
  IPv6: { types: [128, '128', 'EchoRequest'], family: 6 },
};

const readIcmps = (field: Field | undefined): Traffic[] | undefined => {
  const fields = itemsOf(field)?.flatMap((item) => itemsOf(membersOf(item, ['fields']).fields) ?? []);
  if (fields === undefined || fields.length === 0) return undefined;
  return fields.map((item, index): Traffic => {
    const { family, type } = membersOf(item, ['family', 'type']);
    const { types, family: wanted } = ECHO[oneOf(family, ['IPv4', 'IPv6']) ?? 'IPv4'];
    const echo = types.includes(type?.value as string | number);
    return {
      index,
      text: `ICMP type ${String(type?.value)}`,
      names: [],
      perDestination: true,
      ports: ({ address }) => (echo && (address === undefined || address.family === wanted) ? PING : NOTHING),
    };
  });
};

const REST = ['toPorts', 'icmps', 'authentication'] as const;

/**
 * Rules of one list. A rule that names neither peers nor ports matches nothing; one that names only ports is for everybody; an empty list of
 * peers, unlike a missing one, is nobody (pkg/policy/rule.go, mergeIngress).
 */
const readRules = (context: Context, list: Field | undefined, direction: Direction, action: Action, at: string, own: string | undefined): Rule[] => {
  const side = direction === 'ingress' ? 'from' : 'to';
  const kinds = Object.keys(PEERS).filter((kind) => direction === 'egress' || !ONLY_EGRESS.has(kind));
  return (itemsOf(list) ?? []).map((item, index) => {
    const members = membersOf(item, [...kinds.map((kind) => `${side}${kind}`), ...REST]);
    const lists = kinds.flatMap((kind) => {
      const items = itemsOf(members[`${side}${kind}`]);
      return items === undefined ? [] : [{ kind, items }];
    });
    const peers = lists
      .flatMap(({ kind, items }) => items.map((peer) => ({ kind, peer })))
      .map(({ kind, peer }, position) => (PEERS[kind] as ReadPeer)(context, peer, position, own));
    const traffic = [...(readPortRules(context, members.toPorts) ?? []), ...(readIcmps(members.icmps) ?? [])];
    const nobodyMeant = lists.some(({ items }) => items.length === 0) || (peers.length === 0 && traffic.length === 0);
    return {
      index,
      at: `${at}[${index}]`,
      action,
      peers: nobodyMeant
        ? [nobody(0, 'nobody', lists.length > 0 ? 'its list of peers is empty' : 'a rule without peers and ports matches nothing')]
        : peers,
      traffic,
      ...(members.authentication && action === 'allow' ? { elsewhere: 'the authentication it demands' } : {}),
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

const subjectOf = (context: Context, spec: Field, members: Members<(typeof SPEC)[number]>, own: string | undefined): Subject => {
  if ((members.endpointSelector === undefined) === (members.nodeSelector === undefined)) wrong(spec, 'endpointSelector or nodeSelector is expected');
  if (members.nodeSelector) {
    if (own !== undefined) wrong(members.nodeSelector, 'only a clusterwide policy may have it');
    const selector = identitySelector(readIdentityRequirements(context, members.nodeSelector));
    const labels = (node: Record<string, string>): Record<string, string> =>
      Object.fromEntries(Object.entries(node).map(([key, value]) => [`k8s:${key}`, value]));
    return {
      text: `nodes ${selector.text}`,
      matches: ({ kind, node }) => kind === 'node' && node !== undefined && selector.matches(labels(node.labels)),
      miss: (party) => (party.kind === 'node' ? selector.miss(labels(party.node?.labels ?? {})) : `${party.label} is no node`),
    };
  }
  const requirements = readIdentityRequirements(context, members.endpointSelector);
  const selector = identitySelector(requirements);
  const limited = own === undefined ? '' : ` in namespace ${own}`;
  return {
    text: `${selector.text === '' ? 'all endpoints' : `endpoints ${selector.text}`}${limited}`,
    ...(own === undefined ? {} : { namespace: own }),
    matches: (party) =>
      party.kind === 'pod' && (own === undefined || party.namespace?.name === own) && selector.matches(identityOf(context, party, party)),
    miss: (party) => {
      if (party.kind !== 'pod') return notAPod(party);
      if (own !== undefined && party.namespace?.name !== own) return `namespace ${party.namespace?.name}, the policy is in ${own}`;
      return selector.miss(identityOf(context, party, party)).replace(`k8s:${POD_NAMESPACE}`, 'namespace');
    },
  };
};

const readSpec = (context: Context, ref: PolicyRef, spec: Field, at: string): Policy => {
  const own = ref.namespace;
  const members = membersOf(spec, SPEC);
  const defaults = membersOf(members.enableDefaultDeny, ['ingress', 'egress']);
  const rules = (direction: Direction): Rule[] => [
    ...readRules(context, members[`${direction}Deny`], direction, 'deny', `${at}${direction}Deny`, own),
    ...readRules(context, members[direction], direction, 'allow', `${at}${direction}`, own),
  ];
  const [ingress, egress] = [rules('ingress'), rules('egress')];
  const isolates = { ingress: truthOf(defaults.ingress) ?? ingress.length > 0, egress: truthOf(defaults.egress) ?? egress.length > 0 };
  return {
    ref,
    tier: CILIUM_TIER,
    order: 0,
    rank: `${ref.namespace ?? ''}/${ref.name}/${at}`,
    subject: subjectOf(context, spec, members, own),
    ...(ingress.length > 0 || isolates.ingress ? { ingress } : {}),
    ...(egress.length > 0 || isolates.egress ? { egress } : {}),
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
