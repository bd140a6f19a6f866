import type { Netns, NodeSnapshot } from '../node/snapshot.ts';
import { attachedOf } from './attached.ts';
import { type Holder, holderOf } from './lookup.ts';
import { isPaired, type Place } from './peers.ts';

/** One namespace that holds an address it shares. */
export interface AddressHolder extends Holder {
  pid?: number;
  /** 0: nothing lives there that could want the address. */
  processes: number;
  /** Files that keep the namespace alive. */
  pinnedAt: string[];
  /** The interface is up, so it answers for the address. */
  up: boolean;
  /** The host's end of its pair. */
  hostInterface?: string;
}

/** An address that several namespaces hold where they meet. */
export interface DuplicateAddress {
  address: string;
  /** Bridge or OVS bridge where they meet; `routed`: each has its own route. */
  segment: string;
  holders: AddressHolder[];
  /** host-local's records of the address: path → text. */
  ipam: Record<string, string>;
}

/** Names where frames of an interface meet those of others: the namespace of the bridge, and the bridge. */
const segmentOf = (snapshot: NodeSnapshot, place: Place): { key: string; name: string; hostInterface?: string } | undefined => {
  if (place.link.kind === 'bridge') return { key: `${place.netns.inode} ${place.link.name}`, name: place.link.name };
  const { peer, attached } = attachedOf(snapshot, place);
  if (!isPaired(place.link) || !peer) return undefined;
  const hostInterface = peer.link.name;
  if (attached.how === 'bridge' || attached.how === 'ovs')
    return { key: `${peer.netns.inode} ${attached.bridge}`, name: attached.bridge, hostInterface };
  return { key: `${peer.netns.inode} routed`, name: 'routed', hostInterface };
};

const readHolder = (netns: Netns, place: Place, hostInterface: string | undefined): AddressHolder => ({
  ...holderOf(netns, place.link),
  ...(netns.pid === undefined ? {} : { pid: netns.pid }),
  processes: netns.processes,
  pinnedAt: netns.pinnedAt,
  up: place.link.up && place.link.carrier,
  ...(hostInterface === undefined ? {} : { hostInterface }),
});

const ipamRecords = (snapshot: NodeSnapshot, address: string): Record<string, string> =>
  Object.fromEntries(Object.entries(snapshot.files).filter(([path]) => path.startsWith('/var/lib/cni/networks/') && path.endsWith(`/${address}`)));

/** Every address that more than one namespace of the node holds on one bridge (or behind one routing table), with all who hold it. */
export const duplicateAddresses = (snapshot: NodeSnapshot): DuplicateAddress[] => {
  const found = new Map<string, DuplicateAddress>();
  for (const netns of snapshot.namespaces) {
    for (const link of netns.links) {
      const addresses = link.addresses.filter(({ scope }) => scope === 'global');
      if (addresses.length === 0) continue;
      const segment = segmentOf(snapshot, { netns, link });
      if (!segment) continue;
      for (const { address } of addresses) {
        const key = `${segment.key} ${address}`;
        const entry = found.get(key) ?? { address, segment: segment.name, holders: [], ipam: ipamRecords(snapshot, address) };
        if (!entry.holders.some((holder) => holder.netns === netns.inode))
          entry.holders.push(readHolder(netns, { netns, link }, segment.hostInterface));
        found.set(key, entry);
      }
    }
  }
  return [...found.values()].filter(({ holders }) => holders.length > 1);
};
