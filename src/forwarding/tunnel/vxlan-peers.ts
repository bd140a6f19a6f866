import type { FdbEntry, Link } from '../../node/snapshot.ts';
import { familyOf, isMulticast } from '../address.ts';
import type { Journey } from '../flight.ts';
import { type End, hostNetns, linkHolding, lowerNetns, type Place, unread, type World } from '../world.ts';

export const zeroMac = '00:00:00:00:00:00';

/** A tunnel device moved to another netns keeps its socket where it was made. */
export const socketPlace = (place: Place, device: Link): Place | undefined => {
  const netns = lowerNetns(place, device);
  return netns && { snapshot: place.snapshot, netns };
};

/** Entries that lead through the tunnel. */
export const tunnelEntries = ({ netns }: Place, device: Link): FdbEntry[] =>
  netns.fdb.filter((entry) => entry.device === device.name && entry.destination !== undefined);

/** A device that learns notes from which remote an address came, but where somebody wrote another down (drivers/net/vxlan/vxlan_core.c vxlan_snoop). */
export const learnRemote = ({ located }: Pick<Journey, 'located'>, { place: { snapshot, netns }, link }: End, mac: string, remote: string): void => {
  if (link.vxlan?.learning === true) located.push({ node: snapshot.node, netns: netns.inode, bridge: link.name, mac, port: remote });
};

export const learnedRemote = (
  { located }: Pick<Journey, 'located'>,
  { snapshot, netns }: Place,
  { name }: Link,
  mac: string | undefined,
): string | undefined =>
  located.findLast((one) => one.mac === mac && one.bridge === name && one.netns === netns.inode && one.node === snapshot.node)?.port;

/** Where frames for everybody, and for addresses it does not know, go: its all-zero entries, else what it was made with. */
export const floodRemotes = (place: Place, device: Link): string[] => {
  const spread = tunnelEntries(place, device).filter((entry) => entry.mac === zeroMac);
  const remotes = spread.flatMap(({ destination }) => destination ?? []);
  const made = device.vxlan?.remote ?? device.vxlan?.group;
  return remotes.length > 0 ? [...new Set(remotes)] : made === undefined ? [] : [made];
};

/** Devices of a kind whose socket is in this netns: its own, and those made here and moved elsewhere. */
export const devicesOf = (place: Place, kind: string): End[] =>
  place.snapshot.namespaces.flatMap((netns) =>
    netns.links
      .filter((link) => link.kind === kind && lowerNetns({ snapshot: place.snapshot, netns }, link) === place.netns)
      .map((link) => ({ place: { snapshot: place.snapshot, netns }, link })),
  );

/** An IPv4 and an IPv6 device may share VNI and port: their sockets are of different families. */
export const speaks = ({ local, remote, group }: NonNullable<Link['vxlan']>, outer: string): boolean => {
  const known = local ?? remote ?? group;
  return known === undefined || familyOf(known) === familyOf(outer);
};

/** The far devices a flooded frame reaches. */
export const vxlansHearing = (world: World, place: Place, device: Link): { ends: End[]; complete: boolean } => {
  const { vxlan } = device;
  if (!vxlan || vxlan.external) return { ends: [], complete: false };
  const remotes = floodRemotes(place, device);
  const ends = remotes
    .flatMap((remote) => holdersOf(world, remote).flatMap((holder) => devicesOf(holder, 'vxlan')))
    .filter(({ link }) => link.vxlan?.vni === vxlan.vni && link.vxlan.port === vxlan.port && link.up && link !== device);
  const known = remotes.every((remote) => !isMulticast(remote) && holdersOf(world, remote).length > 0);
  return { ends, complete: known && !unread(place, 'fdb') };
};

/** Namespaces with a host's role, or any other, that hold an address. */
const holdersOf = (world: World, address: string): Place[] =>
  world.snapshots.flatMap((snapshot) => {
    const host = hostNetns(snapshot);
    return host && linkHolding(host, address) ? [{ snapshot, netns: host }] : [];
  });
