import type { Link, Netns, NodeSnapshot } from '../node/snapshot.ts';

/** An interface together with the namespace it lives in: an ifindex or a name alone means nothing. */
export interface Place {
  netns: Netns;
  link: Link;
}

/** Kinds made in pairs, whose IFLA_LINK is the other half (drivers/net/veth.c, netkit.c). For every other kind it is a lower device. */
const PAIRED: ReadonlySet<string> = new Set(['veth', 'netkit']);

export const isPaired = (link: Link): boolean => PAIRED.has(link.kind);

/** The namespaces that `nsid`, seen from inside `netns`, can stand for: one when the kernel told, else every other. */
const behind = (snapshot: NodeSnapshot, netns: Netns, nsid: number | undefined): Netns[] => {
  if (nsid === undefined) return [netns];
  const known = netns.nsids[nsid];
  return snapshot.namespaces.filter(({ inode }) => (known === undefined ? inode !== netns.inode : inode === known));
};

/** Neither side's nsid says that the other is somewhere else. */
const leadsBack = (snapshot: NodeSnapshot, from: Place, to: Place): boolean =>
  to.link.peerIfindex === from.link.ifindex && behind(snapshot, to.netns, to.link.linkNsid).some(({ inode }) => inode === from.netns.inode);

/**
 * The other half of a pair. ifindexes repeat from namespace to namespace, so both must name each other and no nsid may contradict;
 * where that leaves several (nsids unknown), the host's namespace, which comes first, is where a pod's pair leads.
 */
export const peerOf = (snapshot: NodeSnapshot, place: Place): Place | undefined => {
  if (!isPaired(place.link)) return undefined;
  return behind(snapshot, place.netns, place.link.linkNsid)
    .flatMap((netns) => netns.links.filter(({ ifindex }) => ifindex === place.link.peerIfindex).map((link) => ({ netns, link })))
    .find((other) => other.link !== place.link && other.link.kind === place.link.kind && leadsBack(snapshot, place, other));
};

/** The device a macvlan, ipvlan or VLAN sits on, in another namespace. */
export const parentOf = (snapshot: NodeSnapshot, { netns, link }: Place): Place | undefined =>
  behind(snapshot, netns, link.linkNsid)
    .flatMap((other) => other.links.filter(({ ifindex }) => ifindex === link.peerIfindex).map((parent) => ({ netns: other, link: parent })))
    .find((parent) => parent.link !== link);

/** The namespace of a pod. Those of containers that it nests in itself carry its UID too: its own is pinned, or has the first process. */
export const netnsOfPod = (snapshot: NodeSnapshot, podUid: string): Netns | undefined =>
  snapshot.namespaces
    .filter((netns) => netns.podUid === podUid && netns.role !== 'host')
    .sort((one, other) => Number(other.pinnedAt.length > 0) - Number(one.pinnedAt.length > 0) || (one.pid ?? Infinity) - (other.pid ?? Infinity))[0];

export const hostOf = (snapshot: NodeSnapshot): Netns | undefined => snapshot.namespaces.find(({ role }) => role === 'host');
