import type { ClusterFacts } from '../cluster/facts.ts';
import type { Link, Netns, NodeSnapshot } from '../node/snapshot.ts';
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

export const placeAt = (world: World, node: string, inode: string): Place | undefined => {
  const snapshot = world.snapshots.find((candidate) => candidate.node === node);
  const netns = snapshot?.namespaces.find((candidate) => candidate.inode === inode);
  return snapshot && netns ? { snapshot, netns } : undefined;
};

export const linkNamed = (netns: Netns | undefined, name: string | undefined): Link | undefined =>
  name === undefined ? undefined : netns?.links.find((link) => link.name === name);

export const linkAt = (netns: Netns, ifindex: number | undefined): Link | undefined =>
  ifindex === undefined ? undefined : netns.links.find((link) => link.ifindex === ifindex);

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
    const netns = place.snapshot.namespaces.find((candidate) => candidate.inode === inode);
    const peer = netns && linkAt(netns, index);
    return netns && peer?.kind === 'veth' ? { place: { snapshot: place.snapshot, netns }, link: peer } : undefined;
  }
  const pairs = place.snapshot.namespaces
    .filter((netns) => netns.inode !== place.netns.inode)
    .flatMap((netns) => netns.links.filter((candidate) => pointsBack(candidate, index, link.ifindex)).map((peer) => ({ netns, peer })));
  const [only] = pairs;
  return only && pairs.length === 1 ? { place: { snapshot: place.snapshot, netns: only.netns }, link: only.peer } : undefined;
};

/** The netns at the other end of a veth, also where its interfaces were not read. */
export const farNetns = ({ snapshot, netns }: Place, link: Link): Netns | undefined => {
  const inode = link.linkNsid === undefined ? undefined : netns.nsids[String(link.linkNsid)];
  return snapshot.namespaces.find((candidate) => candidate.inode === inode);
};

/** A section the collector could not read or understand: what is missing from it may exist all the same. Names are the collector's. */
export const unread = ({ snapshot, netns }: Place, ...sections: string[]): boolean =>
  snapshot.problems.some(
    (problem) => (problem.netns === undefined || problem.netns === netns.inode) && sections.some((section) => problem.section.startsWith(section)),
  );

/** Whether its routes are known: of a netns nobody asked for only interfaces or addresses are read. */
export const wasRead = (netns: Netns): boolean => netns.seen !== 'links' && netns.seen !== 'listed';

const pointsBack = (candidate: Link, ifindex: number, peerIfindex: number): boolean =>
  candidate.kind === 'veth' && candidate.ifindex === ifindex && candidate.peerIfindex === peerIfindex;

/** Ports of a bridge, in ifindex order. */
export const portsOf = (netns: Netns, bridge: Link): Link[] => netns.links.filter((link) => link.master?.ifindex === bridge.ifindex);

/** The node whose host netns holds the address, other than the one asked from. */
export const nodeHolding = (world: World, address: string, except: string): End | undefined => {
  for (const snapshot of world.snapshots) {
    const netns = snapshot.node === except ? undefined : hostNetns(snapshot);
    const link = netns && linkHolding(netns, address);
    if (netns && link) return { place: { snapshot, netns }, link };
  }
  return undefined;
};
