import { canonicalAddress } from '../node/parse/address.ts';
import type { Link, Netns, NodeSnapshot } from '../node/snapshot.ts';
import { hostOf, isPaired, type Place, peerOf } from './peers.ts';

/** Who stands behind a name or an address on this node. */
export interface Holder {
  /** Namespace inode. */
  netns: string;
  role: Netns['role'];
  podUid?: string;
  /** Absent where the namespace's links were not read. */
  interface?: string;
  ifindex?: number;
  mac?: string;
}

export const holderOf = (netns: Netns, link: Link | undefined): Holder => ({
  netns: netns.inode,
  role: netns.role,
  ...(netns.podUid === undefined ? {} : { podUid: netns.podUid }),
  ...(link ? { interface: link.name, ifindex: link.ifindex } : {}),
  ...(link?.mac === undefined ? {} : { mac: link.mac }),
});

/** Whose far end a host interface is (`veth1a2b3c`, `cali44c7791d104`): the namespace its pair leads to. */
export const findByHostIface = (snapshot: NodeSnapshot, name: string): Holder | undefined => {
  const netns = hostOf(snapshot);
  const link = netns?.links.find((item) => item.name === name);
  if (!netns || !link) return undefined;
  const place: Place = { netns, link };
  const peer = peerOf(snapshot, place);
  if (peer) return holderOf(peer.netns, peer.link);
  // its links were not read, its nsid is known all the same
  const inode = link.linkNsid === undefined ? undefined : netns.nsids[link.linkNsid];
  const behind = snapshot.namespaces.find((other) => other.inode === inode);
  return behind && holderOf(behind, undefined);
};

/** Every namespace of the node that answers for an address; more than one is a finding (see duplicateAddresses). */
export const findByIp = (snapshot: NodeSnapshot, ip: string): Holder[] => {
  const address = canonicalAddress(ip);
  return snapshot.namespaces.flatMap((netns) => {
    const links = netns.links.filter((link) => link.addresses.some((item) => item.address === address));
    if (links.length > 0) return links.map((link) => holderOf(netns, link));
    return netns.links.length === 0 && netns.localAddresses?.includes(address) ? [holderOf(netns, undefined)] : [];
  });
};

/** A NIC of a node that is itself a container leads out of the node; unlike a pod's pair it has an address in a network. */
const isOwnNic = (link: Link): boolean =>
  link.addresses.some(({ scope, family, prefix }) => scope === 'global' && prefix < (family === 4 ? 32 : 128));

/** Host interfaces that lead to a namespace which no process and no file names: only an open descriptor keeps it alive. */
export const orphanInterfaces = (snapshot: NodeSnapshot): { interface: string; ifindex: number; nsid: number }[] => {
  const host = hostOf(snapshot);
  if (!host || Object.keys(host.nsids).length === 0) return [];
  return host.links
    .filter((link) => isPaired(link) && !isOwnNic(link))
    .flatMap(({ name, ifindex, linkNsid }) =>
      linkNsid === undefined || host.nsids[linkNsid] !== undefined ? [] : [{ interface: name, ifindex, nsid: linkNsid }],
    );
};
