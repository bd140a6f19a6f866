import type { ClusterFacts } from '../cluster/facts.ts';
import type { Family, Link, Netns, NodeSnapshot } from '../node/snapshot.ts';
import { sameAddress } from './address.ts';

/** All that prediction reads: what the nodes said, and the API's names for things. */
export interface World {
  snapshots: NodeSnapshot[];
  facts: ClusterFacts;
}

/** One IP stack: a network namespace of a node. */
export interface Place {
  snapshot: NodeSnapshot;
  netns: Netns;
}

export const placeKey = ({ snapshot, netns }: Place): string => `${snapshot.node}/${netns.inode}`;

export const hostNetns = (snapshot: NodeSnapshot): Netns | undefined => snapshot.namespaces.find((netns) => netns.role === 'host');

const netnsIndexes = new WeakMap<Netns[], Map<string, Netns>>();

/** The namespace of a node with this inode. */
export const netnsAt = ({ namespaces }: NodeSnapshot, inode: string | undefined): Netns | undefined => {
  if (inode === undefined) return undefined;
  const known = netnsIndexes.get(namespaces);
  const index = known?.size === namespaces.length ? known : new Map(namespaces.map((netns) => [netns.inode, netns]));
  if (index !== known) netnsIndexes.set(namespaces, index);
  return index.get(inode);
};

export const placeAt = (world: World, node: string, inode: string): Place | undefined => {
  const snapshot = world.snapshots.find((candidate) => candidate.node === node);
  const netns = snapshot && netnsAt(snapshot, inode);
  return snapshot && netns ? { snapshot, netns } : undefined;
};

interface LinkIndex {
  count: number;
  byName: Map<string, Link>;
  byIndex: Map<number, Link>;
  ports: Map<number, Link[]>;
}

const linkIndexes = new WeakMap<Link[], LinkIndex>();

/** A node has hundreds of interfaces and a walk asks for them by name at every rule and route. */
const indexOf = ({ links }: Netns): LinkIndex => {
  const known = linkIndexes.get(links);
  if (known && known.count === links.length) return known;
  const index = {
    count: links.length,
    byName: new Map(links.map((link) => [link.name, link])),
    byIndex: new Map(links.map((link) => [link.ifindex, link])),
    ports: Map.groupBy(links, ({ master }) => master?.ifindex ?? 0),
  };
  linkIndexes.set(links, index);
  return index;
};

export const linkNamed = (netns: Netns | undefined, name: string | undefined): Link | undefined =>
  name === undefined || netns === undefined ? undefined : indexOf(netns).byName.get(name);

export const linkAt = (netns: Netns, ifindex: number | undefined): Link | undefined =>
  ifindex === undefined ? undefined : indexOf(netns).byIndex.get(ifindex);

/** `pod default/web-0`, `host`, or a netns nobody claims. */
export const labelOf = (place: Place, world: World): string => {
  if (place.netns.role === 'host') return 'host';
  const pod = world.facts.pods.find((candidate) => candidate.uid === place.netns.podUid);
  if (pod) return `pod ${pod.namespace}/${pod.name}`;
  return `netns ${place.netns.pinnedAt[0] ?? place.netns.inode}`;
};

export const holdsAddress = (link: Link, address: string): boolean => link.addresses.some((own) => sameAddress(own.address, address));

/** The interface of this netns that carries the address. */
export const linkHolding = (netns: Netns, address: string): Link | undefined => netns.links.find((link) => holdsAddress(link, address));

export interface End {
  place: Place;
  link: Link;
}

/**
 * The other end of a veth. IFLA_LINK is an ifindex in the netns IFLA_LINK_NETNSID, which only this netns can name; where the name is unknown,
 * the one veth of the node that points back is taken, as both ends of a pair always name each other (drivers/net/veth.c veth_get_iflink).
 */
export const peerOf = (place: Place, link: Link): End | undefined => {
  const index = link.peerIfindex ?? link.ethtoolPeerIfindex;
  if (link.kind !== 'veth' || index === undefined) return undefined;
  const inode = link.linkNsid === undefined ? place.netns.inode : place.netns.nsids[String(link.linkNsid)];
  if (inode !== undefined) {
    const netns = netnsAt(place.snapshot, inode);
    const peer = netns && linkAt(netns, index);
    return netns && peer?.kind === 'veth' ? { place: { snapshot: place.snapshot, netns }, link: peer } : undefined;
  }
  const pairs = (pairsOf(place.snapshot).get(`${index} ${link.ifindex}`) ?? []).filter(({ netns }) => netns.inode !== place.netns.inode);
  const [only] = pairs;
  return only && pairs.length === 1 ? { place: { snapshot: place.snapshot, netns: only.netns }, link: only.link } : undefined;
};

interface VethEnd {
  netns: Netns;
  link: Link;
}

const pairIndexes = new WeakMap<NodeSnapshot, { count: number; pairs: Map<string, VethEnd[]> }>();

/** Every veth of the node by its own ifindex and its peer's. */
const pairsOf = (snapshot: NodeSnapshot): Map<string, VethEnd[]> => {
  const count = snapshot.namespaces.reduce((sum, { links }) => sum + links.length, 0);
  const known = pairIndexes.get(snapshot);
  if (known && known.count === count) return known.pairs;
  const ends = snapshot.namespaces.flatMap((netns) =>
    netns.links.filter(({ kind, peerIfindex }) => kind === 'veth' && peerIfindex !== undefined).map((link) => ({ netns, link })),
  );
  const pairs = Map.groupBy(ends, ({ link: { ifindex, peerIfindex } }) => `${ifindex} ${peerIfindex}`);
  pairIndexes.set(snapshot, { count, pairs });
  return pairs;
};

/**
 * The netns of the device below a VLAN or macvlan, or of a tunnel's socket (IFLA_LINK_NETNSID): where its number has no name here, the
 * host's, as such devices are made there and moved into pods.
 */
export const lowerNetns = ({ snapshot, netns }: Place, { linkNsid }: Link): Netns | undefined => {
  if (linkNsid === undefined) return netns;
  const inode = netns.nsids[String(linkNsid)];
  if (inode !== undefined) return netnsAt(snapshot, inode);
  return netns.role === 'host' ? undefined : hostNetns(snapshot);
};

/** The netns at the other end of a veth, also where its interfaces were not read. */
export const farNetns = ({ snapshot, netns }: Place, link: Link): Netns | undefined => {
  const inode = link.linkNsid === undefined ? undefined : netns.nsids[String(link.linkNsid)];
  return netnsAt(snapshot, inode);
};

/** A section the collector could not read or understand: what is missing from it may exist all the same. Names are the collector's. */
export const unread = ({ snapshot, netns }: Place, ...sections: string[]): boolean =>
  snapshot.problems.some(
    (problem) => (problem.netns === undefined || problem.netns === netns.inode) && sections.some((section) => problem.section.startsWith(section)),
  );

/** Whether its routes are known: of a netns nobody asked for only interfaces or addresses are read. */
export const wasRead = (netns: Netns): boolean => netns.seen !== 'links' && netns.seen !== 'listed';

/** Routes of one family that could not all be read. */
export const unreadRoutes = (place: Place, family: Family): boolean => unread(place, `inet-${family}`, `routes-${family}`, `rules-${family}`);

/** Rules that packets of one family meet and that could not all be read. */
export const unreadRules = (place: Place, family: Family): boolean =>
  unread(place, `iptables-nft-${family}`, `iptables-legacy-${family}`, 'nft', 'ipvs');

/** Ports of a bridge, in the order of the netns' links. */
export const portsOf = (netns: Netns, bridge: Link): Link[] => indexOf(netns).ports.get(bridge.ifindex) ?? [];

/** The node whose host netns holds the address, other than the one asked from if that is named. */
export const nodeHolding = (world: World, address: string, except: string | undefined): End | undefined => {
  for (const snapshot of world.snapshots) {
    const netns = snapshot.node === except ? undefined : hostNetns(snapshot);
    const link = netns && linkHolding(netns, address);
    if (netns && link) return { place: { snapshot, netns }, link };
  }
  return undefined;
};
