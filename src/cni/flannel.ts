import type { ClusterFacts, NodeFacts } from '../cluster/facts.ts';
import { familyOf, inPrefix, networkOf, sameAddress } from '../forwarding/address.ts';
import { hostNetns, linkHolding, linkNamed, unread, wasRead } from '../forwarding/world.ts';
import type { Family, Link, Netns, NodeSnapshot, Route } from '../node/snapshot.ts';

/** Annotations flanneld writes on its node (pkg/subnet/kube/annotations.go). */
const prefix = 'flannel.alpha.coreos.com';

export interface FlannelNode {
  name: string;
  family: Family;
  podCidr: string;
  /** Where peers send the tunnel's packets. */
  publicIp?: string;
  vtepMac?: string;
  vni?: number;
}

/** What a node announces to its peers, for one address family. */
export const announced = (node: NodeFacts, family: Family): FlannelNode | undefined => {
  const podCidr = node.podCidrs.find((cidr) => familyOf(cidr) === family);
  if (podCidr === undefined) return undefined;
  const part = (name: string): string | undefined => node.annotations[`${prefix}/${name}`];
  const data = parseData(part(family === 4 ? 'backend-data' : 'backend-v6-data'));
  const publicIp = part(family === 4 ? 'public-ip' : 'public-ipv6') ?? node.ips.find((ip) => familyOf(ip) === family);
  return {
    name: node.name,
    family,
    podCidr,
    ...(publicIp === undefined ? {} : { publicIp }),
    ...(data.VtepMAC === undefined ? {} : { vtepMac: data.VtepMAC.toLowerCase() }),
    ...(data.VNI === undefined ? {} : { vni: data.VNI }),
  };
};

const parseData = (text: string | undefined): { VNI?: number; VtepMAC?: string } => {
  try {
    return text === undefined ? {} : ((JSON.parse(text) as { VNI?: number; VtepMAC?: string } | null) ?? {});
  } catch {
    return {};
  }
};

/** The DaemonSet's configuration, when it could be read. */
const netConf = (facts: ClusterFacts): { type?: string; directRouting: boolean } => {
  const [, data] = Object.entries(facts.configMaps).find(([name]) => name.endsWith('/kube-flannel-cfg')) ?? [];
  try {
    const { Backend } = JSON.parse(data?.['net-conf.json'] ?? '{}') as { Backend?: { Type?: string; DirectRouting?: boolean } };
    return { ...(Backend?.Type === undefined ? {} : { type: Backend.Type }), directRouting: Backend?.DirectRouting === true };
  } catch {
    return { directRouting: false };
  }
};

/** `vxlan`, `vxlan with DirectRouting`, `host-gw`, `ipip`, `wireguard`, `udp`. */
export const flannelBackend = (snapshot: NodeSnapshot, facts: ClusterFacts): string => {
  const { type, directRouting } = netConf(facts);
  const node = facts.nodes.find(({ name }) => name === snapshot.node);
  const backend = type ?? node?.annotations[`${prefix}/backend-type`] ?? byInterface(snapshot);
  return backend === 'vxlan' && directRouting ? 'vxlan with DirectRouting' : backend;
};

const byInterface = (snapshot: NodeSnapshot): string => {
  const names = hostNetns(snapshot)?.links.map(({ name }) => name) ?? [];
  const known: [RegExp, string][] = [
    [/^flannel(-v6)?\.\d+$/, 'vxlan'],
    [/^flannel\.ipip$/, 'ipip'],
    [/^flannel-wg/, 'wireguard'],
    [/^flannel\d+$/, 'udp'],
  ];
  return known.find(([pattern]) => names.some((name) => pattern.test(name)))?.[1] ?? '';
};

/** One entry of a node that should lead to a peer and does not. */
export interface Mismatch {
  kind:
    | 'device-missing'
    | 'device-down'
    | 'route-missing'
    | 'route-wrong'
    | 'neighbour-missing'
    | 'neighbour-wrong'
    | 'fdb-missing'
    | 'fdb-wrong'
    | 'stale-vtep';
  family: Family;
  node: string;
  peer: string;
  interface: string;
  expected: string;
  found: string;
  /** What to type on the node to put this one entry right. */
  repair: string;
}

interface Pair {
  snapshot: NodeSnapshot;
  host: Netns;
  own: FlannelNode;
  peer: FlannelNode;
  /** The peer's snapshot, when it was read. */
  far?: NodeSnapshot | undefined;
  device: string;
}

/** Everything on `snapshot` that flannel would have set up differently to reach `peerName`; empty when all is right or nothing can be said. */
export const flannelMismatches = (snapshot: NodeSnapshot, peerName: string, facts: ClusterFacts, far?: NodeSnapshot): Mismatch[] =>
  ([4, 6] as const).flatMap((family) => {
    const host = hostNetns(snapshot);
    const [ownNode, peerNode] = [snapshot.node, peerName].map((name) => facts.nodes.find((node) => node.name === name));
    const own = ownNode && announced(ownNode, family);
    const peer = peerNode && announced(peerNode, family);
    if (!host || !own || !peer || !wasRead(host) || unread({ snapshot, netns: host }, 'links', 'routes', 'neighbours', 'fdb')) return [];
    const backend = flannelBackend(snapshot, facts);
    const device = `${family === 4 ? 'flannel' : 'flannel-v6'}.${peer.vni ?? own.vni ?? 1}`;
    const pair: Pair = { snapshot, host, own, peer, far, device };
    if (backend.startsWith('vxlan')) return overVxlan(pair, backend !== 'vxlan');
    return backend === 'host-gw' ? overLan(pair) : [];
  });

const mismatch = (pair: Pair, kind: Mismatch['kind'], expected: string, found: string, repair: string): Mismatch => ({
  kind,
  family: pair.own.family,
  node: pair.snapshot.node,
  peer: pair.peer.name,
  interface: pair.device,
  expected,
  found,
  repair,
});

/** pkg/backend/vxlan/vxlan_network.go handleSubnetEvents: route, permanent neighbour, FDB entry per peer. */
const overVxlan = (pair: Pair, directRouting: boolean): Mismatch[] => {
  const { host, peer } = pair;
  const route = routeTo(host, peer.podCidr);
  if (directRouting && shareSubnet(pair) && isDirect(route, peer)) return [];
  const device = linkNamed(host, pair.device);
  if (!device)
    return directRouting && shareSubnet(pair)
      ? overLan(pair)
      : [mismatch(pair, 'device-missing', `interface ${pair.device}`, 'no such interface', restart)];
  if (!device.up) return [mismatch(pair, 'device-down', `${pair.device} up`, `${pair.device} is down`, `ip link set ${pair.device} up`)];
  if (directRouting && shareSubnet(pair)) return overLan(pair);
  return [...checkTunnelRoute(pair, route), ...checkNeighbour(pair), ...checkFdb(pair), ...checkFarMac(pair)];
};

/** Only flanneld makes its device: there is no shorter way than its restart. */
const restart = '';

const gatewayOf = ({ podCidr }: FlannelNode): string => podCidr.split('/')[0] ?? '';

const routeTo = ({ routes }: Netns, podCidr: string): Route | undefined =>
  routes.find((route) => route.table === 'main' && route.destination === podCidr);

const isDirect = (route: Route | undefined, { publicIp }: FlannelNode): boolean =>
  route?.gateway !== undefined && publicIp !== undefined && sameAddress(route.gateway, publicIp);

const ipCommand = ({ own }: Pair): string => (own.family === 4 ? 'ip' : 'ip -6');

const routeText = (route: Route): string =>
  [route.type === 'unicast' ? '' : route.type, route.destination, route.gateway && `via ${route.gateway}`, route.device && `dev ${route.device}`]
    .filter(Boolean)
    .join(' ');

const checkTunnelRoute = (pair: Pair, route: Route | undefined): Mismatch[] => {
  const expected = `${pair.peer.podCidr} via ${gatewayOf(pair.peer)} dev ${pair.device} onlink`;
  const repair = `${ipCommand(pair)} route replace ${expected}`;
  if (!route) return [mismatch(pair, 'route-missing', expected, 'no such route', repair)];
  const right =
    route.type === 'unicast' && route.device === pair.device && route.gateway !== undefined && sameAddress(route.gateway, gatewayOf(pair.peer));
  // A route straight to the peer is what DirectRouting makes, which the ConfigMap may not have told us.
  return right || (isDirect(route, pair.peer) && shareSubnet(pair)) ? [] : [mismatch(pair, 'route-wrong', expected, routeText(route), repair)];
};

const checkNeighbour = (pair: Pair): Mismatch[] => {
  const { host, peer, device } = pair;
  if (peer.vtepMac === undefined || isDirect(routeTo(host, peer.podCidr), peer)) return [];
  const gateway = gatewayOf(peer);
  const expected = `${gateway} dev ${device} lladdr ${peer.vtepMac} PERMANENT`;
  const repair = `${ipCommand(pair)} neigh replace ${gateway} dev ${device} lladdr ${peer.vtepMac} nud permanent`;
  const entry = host.neighbours.find((candidate) => candidate.device === device && sameAddress(candidate.address, gateway));
  if (entry?.mac === undefined) return [mismatch(pair, 'neighbour-missing', expected, entry ? `${gateway} ${entry.state}` : 'no such entry', repair)];
  return entry.mac === peer.vtepMac ? [] : [mismatch(pair, 'neighbour-wrong', expected, `${gateway} lladdr ${entry.mac} ${entry.state}`, repair)];
};

const checkFdb = (pair: Pair): Mismatch[] => {
  const { host, peer, device } = pair;
  if (peer.vtepMac === undefined || peer.publicIp === undefined || isDirect(routeTo(host, peer.podCidr), peer)) return [];
  const expected = `${peer.vtepMac} dst ${peer.publicIp} self permanent`;
  const repair = `bridge fdb replace ${peer.vtepMac} dev ${device} dst ${peer.publicIp} self permanent`;
  const entry = host.fdb.find((candidate) => candidate.device === device && candidate.mac === peer.vtepMac && candidate.destination !== undefined);
  if (!entry) return [mismatch(pair, 'fdb-missing', expected, 'no such entry', repair)];
  return sameAddress(entry.destination ?? '', peer.publicIp)
    ? []
    : [mismatch(pair, 'fdb-wrong', expected, `${entry.mac} dst ${entry.destination}`, repair)];
};

/** The peer's interface has another MAC than it announced: everyone writes an address that it drops as not its own. */
const checkFarMac = (pair: Pair): Mismatch[] => {
  const far = pair.far && hostNetns(pair.far);
  const device = far && linkNamed(far, pair.device);
  if (!device?.mac || pair.peer.vtepMac === undefined || device.mac === pair.peer.vtepMac) return [];
  return [
    mismatch(pair, 'stale-vtep', `${pair.device} of ${pair.peer.name} has ${pair.peer.vtepMac}, as it announces`, `it has ${device.mac}`, restart),
  ];
};

/** host-gw, or DirectRouting inside one subnet: the peer's node is the gateway. */
const overLan = (pair: Pair): Mismatch[] => {
  const { host, peer } = pair;
  if (peer.publicIp === undefined) return [];
  const uplink = uplinkOf(host, peer.publicIp)?.name ?? 'eth0';
  const expected = `${peer.podCidr} via ${peer.publicIp} dev ${uplink}`;
  const repair = `${ipCommand(pair)} route replace ${expected}`;
  const route = routeTo(host, peer.podCidr);
  const at = { ...pair, device: uplink };
  if (!route) return [mismatch(at, 'route-missing', expected, 'no such route', repair)];
  return isDirect(route, peer) && route.type === 'unicast' ? [] : [mismatch(at, 'route-wrong', expected, routeText(route), repair)];
};

const uplinkOf = (host: Netns, towards: string): Link | undefined =>
  host.links.find((link) => link.addresses.some(({ address, prefix: length }) => length < 32 && inPrefix(`${address}/${length}`, towards)));

const shareSubnet = ({ host, own, peer }: Pair): boolean => commonSubnet(host, own.publicIp, peer.publicIp) !== undefined;

/** `10.33.188.0/24` when the node's own interface address and the peer's lie in one subnet. */
export const commonSubnet = (host: Netns, own: string | undefined, peer: string | undefined): string | undefined => {
  if (own === undefined || peer === undefined) return undefined;
  const address = linkHolding(host, own)?.addresses.find((candidate) => sameAddress(candidate.address, own));
  const hostBits = address?.family === 6 ? 128 : 32;
  if (!address || address.prefix >= hostBits) return undefined;
  const subnet = networkOf(address.address, address.prefix);
  return inPrefix(subnet, peer) ? subnet : undefined;
};

/** How to do without the tunnel, when both nodes are neighbours on one subnet; else nothing. */
export const withoutTunnel = (snapshot: NodeSnapshot, peerName: string, facts: ClusterFacts, family: Family = 4): string[] => {
  const host = hostNetns(snapshot);
  const [own, peer] = [snapshot.node, peerName].map((name) => {
    const node = facts.nodes.find((candidate) => candidate.name === name);
    return node && announced(node, family);
  });
  const subnet = host && commonSubnet(host, own?.publicIp, peer?.publicIp);
  if (subnet === undefined) return [];
  const daemonPod = facts.pods.find(({ name, labels }) => labels.app === 'flannel' || name.startsWith('kube-flannel-ds'));
  const [configMap = 'kube-flannel/kube-flannel-cfg'] = Object.keys(facts.configMaps).filter((name) => name.endsWith('/kube-flannel-cfg'));
  const namespace = configMap.split('/')[0] ?? daemonPod?.namespace ?? 'kube-flannel';
  return [
    `Or, as both nodes are in ${subnet}, let flannel route without the tunnel: add "DirectRouting": true to Backend in net-conf.json of kube-flannel-cfg.`,
    `$ kubectl -n ${namespace} edit configmap kube-flannel-cfg`,
    `$ kubectl -n ${namespace} rollout restart daemonset kube-flannel-ds`,
  ];
};
