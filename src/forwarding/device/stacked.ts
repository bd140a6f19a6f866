import type { Link, NodeSnapshot } from '../../node/snapshot.ts';
import { isUplink } from '../uplinks.ts';
import { type End, holdsAddress, linkAt, lowerNetns, type Place, type World } from '../world.ts';

const stacked = new Set(['macvlan', 'macvtap', 'ipvlan']);

/** A device that sends and receives by way of another, and has addresses of its own there. */
export const isStacked = ({ kind }: Link): boolean => stacked.has(kind);

/** The device below a VLAN, macvlan or ipvlan device, which may be in another netns (IFLA_LINK, IFLA_LINK_NETNSID). */
export const parentOf = (place: Place, child: Link): End | undefined => {
  const netns = lowerNetns(place, child);
  const link = netns && linkAt(netns, child.peerIfindex);
  return netns && link ? { place: { snapshot: place.snapshot, netns }, link } : undefined;
};

const stackedDevices = new WeakMap<NodeSnapshot, End[]>();

/** All macvlan, macvtap and ipvlan devices of a node. */
const stackedOn = (snapshot: NodeSnapshot): End[] => {
  const known = stackedDevices.get(snapshot);
  if (known) return known;
  const ends = snapshot.namespaces.flatMap((netns) => netns.links.filter(isStacked).map((link) => ({ place: { snapshot, netns }, link })));
  stackedDevices.set(snapshot, ends);
  return ends;
};

/** Those on top of a device. */
export const childrenOf = (place: Place, parent: Link): End[] =>
  stackedOn(place.snapshot).filter((end) => end.link.peerIfindex === parent.ifindex && lowerNetns(end.place, end.link) === place.netns);

/** The device on top of some node's uplink for which this holds: a neighbour in the network between the nodes. `except` names a node. */
const onUplink = ({ snapshots }: World, except: string | undefined, wanted: (link: Link) => boolean): End | undefined => {
  for (const snapshot of snapshots) {
    if (snapshot.node === except) continue;
    for (const { place, link } of stackedOn(snapshot)) {
      const parent = wanted(link) ? parentOf(place, link) : undefined;
      if (parent && isUplink(parent.place, parent.link)) return { place, link };
    }
  }
  return undefined;
};

export const stackedHolding = (world: World, address: string, except?: string): End | undefined =>
  onUplink(world, except, (link) => holdsAddress(link, address));

export const stackedWith = (world: World, mac: string, except: string): End | undefined => onUplink(world, except, (link) => link.mac === mac);
