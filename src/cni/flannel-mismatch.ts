import type { ClusterFacts } from '../cluster/facts.ts';
import { inPrefix, sameAddress } from '../forwarding/address.ts';
import { hostNetns, linkNamed, unread, wasRead } from '../forwarding/world.ts';
import type { Family, Link, Netns, NodeSnapshot, Route } from '../node/snapshot.ts';
import { announced, commonSubnet, type FlannelNode, flannelBackend } from './flannel.ts';

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
    if (!host || !own || !peer || !wasRead(host) || unread({ snapshot, netns: host }, 'links', 'inet', 'routes', 'neighbours', 'fdb')) return [];
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
