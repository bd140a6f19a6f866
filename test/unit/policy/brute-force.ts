/**
 * A second opinion, written from the API's text and from nothing of src/policy: no compiled selectors, no sets of ports, no classes. It reads
 * the objects again for every question.
 */

export interface BrutePod {
  namespace: string;
  labels: Record<string, string>;
  ip: string;
  ports: { name: string; port: number; protocol: string }[];
}

export interface Selector {
  matchLabels?: Record<string, string>;
  matchExpressions?: { key: string; operator: string; values?: string[] }[];
}

interface Peer {
  podSelector?: Selector;
  namespaceSelector?: Selector;
  ipBlock?: { cidr: string; except?: string[] };
}

interface PolicyPort {
  protocol?: string;
  port?: number | string;
  endPort?: number;
}

export interface Rule {
  from?: Peer[];
  to?: Peer[];
  ports?: PolicyPort[];
}

export interface NetworkPolicy {
  metadata: { name: string; namespace: string };
  spec: { podSelector?: Selector; policyTypes?: readonly string[]; ingress?: Rule[]; egress?: Rule[] };
}

interface AdminPeer {
  namespaces?: Selector;
  pods?: { namespaceSelector: Selector; podSelector: Selector };
  networks?: string[];
}

interface Port {
  number?: number;
  range?: { start: number; end: number };
}

export interface ClusterRule {
  action: 'Accept' | 'Deny' | 'Pass';
  from?: AdminPeer[];
  to?: AdminPeer[];
  protocols?: {
    tcp?: { destinationPort?: Port };
    udp?: { destinationPort?: Port };
    sctp?: { destinationPort?: Port };
    destinationNamedPort?: string;
  }[];
}

export interface ClusterPolicy {
  metadata: { name: string };
  spec: { tier: 'Admin' | 'Baseline'; priority: number; subject: AdminPeer; ingress?: ClusterRule[]; egress?: ClusterRule[] };
}

export interface BruteWorld {
  namespaces: Record<string, Record<string, string>>;
  networkPolicies: NetworkPolicy[];
  clusterPolicies: ClusterPolicy[];
}

/** One packet, seen from the pod whose policies are asked. */
interface Seen {
  direction: 'Ingress' | 'Egress';
  subject: BrutePod;
  other: BrutePod;
  destination: BrutePod;
  protocol: string;
  port: number;
}

const selects = ({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Record<string, string>): boolean => {
  for (const [key, value] of Object.entries(matchLabels)) if (labels[key] !== value) return false;
  for (const { key, operator, values = [] } of matchExpressions) {
    const own = labels[key];
    if (operator === 'In' && (own === undefined || !values.includes(own))) return false;
    if (operator === 'NotIn' && own !== undefined && values.includes(own)) return false;
    if (operator === 'Exists' && own === undefined) return false;
    if (operator === 'DoesNotExist' && own !== undefined) return false;
  }
  return true;
};

const bitsOf = (address: string): string =>
  address
    .split('.')
    .map((byte) => Number(byte).toString(2).padStart(8, '0'))
    .join('');

const inBlock = (address: string, cidr: string): boolean => {
  const [network = '', length = '32'] = cidr.split('/');
  return bitsOf(address).slice(0, Number(length)) === bitsOf(network).slice(0, Number(length));
};

const peerMatches = (peer: Peer, other: BrutePod, own: string, { namespaces }: BruteWorld): boolean => {
  if (peer.ipBlock) return inBlock(other.ip, peer.ipBlock.cidr) && !(peer.ipBlock.except ?? []).some((one) => inBlock(other.ip, one));
  if (peer.namespaceSelector ? !selects(peer.namespaceSelector, namespaces[other.namespace] ?? {}) : other.namespace !== own) return false;
  return peer.podSelector === undefined || selects(peer.podSelector, other.labels);
};

const portMatches = (wanted: PolicyPort, { destination, protocol, port }: Seen): boolean => {
  if ((wanted.protocol ?? 'TCP') !== protocol) return false;
  if (wanted.port === undefined) return true;
  if (typeof wanted.port === 'number') return port >= wanted.port && port <= (wanted.endPort ?? wanted.port);
  return destination.ports.some((one) => one.name === wanted.port && one.protocol === protocol && one.port === port);
};

/** Undefined: no NetworkPolicy selects the pod for this direction. */
const byNetworkPolicies = (seen: Seen, world: BruteWorld): boolean | undefined => {
  const { direction, subject, other } = seen;
  let selected = false;
  for (const { metadata, spec } of world.networkPolicies) {
    if (metadata.namespace !== subject.namespace || !selects(spec.podSelector ?? {}, subject.labels)) continue;
    const types = spec.policyTypes ?? ((spec.egress ?? []).length > 0 ? ['Ingress', 'Egress'] : ['Ingress']);
    if (!types.includes(direction)) continue;
    selected = true;
    for (const rule of (direction === 'Ingress' ? spec.ingress : spec.egress) ?? []) {
      const peers = (direction === 'Ingress' ? rule.from : rule.to) ?? [];
      const ports = rule.ports ?? [];
      if (peers.length > 0 && !peers.some((peer) => peerMatches(peer, other, metadata.namespace, world))) continue;
      if (ports.length > 0 && !ports.some((one) => portMatches(one, seen))) continue;
      return true;
    }
  }
  return selected ? false : undefined;
};

const adminPeerMatches = (peer: AdminPeer, pod: BrutePod, { namespaces }: BruteWorld): boolean => {
  if (peer.networks) return peer.networks.some((cidr) => inBlock(pod.ip, cidr));
  const labels = namespaces[pod.namespace] ?? {};
  if (peer.pods) return selects(peer.pods.namespaceSelector, labels) && selects(peer.pods.podSelector, pod.labels);
  return selects(peer.namespaces ?? {}, labels);
};

const protocolMatches = (wanted: NonNullable<ClusterRule['protocols']>[number], { destination, protocol, port }: Seen): boolean => {
  if (wanted.destinationNamedPort !== undefined)
    return destination.ports.some((one) => one.name === wanted.destinationNamedPort && one.protocol === protocol && one.port === port);
  const own = wanted[protocol.toLowerCase() as 'tcp' | 'udp' | 'sctp'];
  if (!own) return false;
  const { destinationPort } = own;
  if (!destinationPort) return true;
  if (destinationPort.number !== undefined) return destinationPort.number === port;
  return destinationPort.range !== undefined && port >= destinationPort.range.start && port <= destinationPort.range.end;
};

const byClusterPolicies = (tier: 'Admin' | 'Baseline', seen: Seen, world: BruteWorld): 'Accept' | 'Deny' | 'Pass' | undefined => {
  const sorted = world.clusterPolicies.filter(({ spec }) => spec.tier === tier).sort((a, b) => a.spec.priority - b.spec.priority);
  for (const { spec } of sorted) {
    if (!adminPeerMatches(spec.subject, seen.subject, world)) continue;
    for (const rule of (seen.direction === 'Ingress' ? spec.ingress : spec.egress) ?? []) {
      const peers = (seen.direction === 'Ingress' ? rule.from : rule.to) ?? [];
      if (!peers.some((peer) => adminPeerMatches(peer, seen.other, world))) continue;
      if (rule.protocols && !rule.protocols.some((one) => protocolMatches(one, seen))) continue;
      return rule.action;
    }
  }
  return undefined;
};

/** Whether the policies of the source (Egress) or of the destination (Ingress) let one packet pass. */
export const bruteSide = (
  direction: 'Ingress' | 'Egress',
  { from, to, protocol, port }: { from: BrutePod; to: BrutePod; protocol: string; port: number },
  world: BruteWorld,
): boolean => {
  const [subject, other] = direction === 'Ingress' ? [to, from] : [from, to];
  const seen: Seen = { direction, subject, other, destination: to, protocol, port };
  const admin = byClusterPolicies('Admin', seen, world);
  if (admin === 'Accept' || admin === 'Deny') return admin === 'Accept';
  const own = byNetworkPolicies(seen, world);
  if (own !== undefined) return own;
  return byClusterPolicies('Baseline', seen, world) !== 'Deny';
};
