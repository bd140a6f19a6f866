import type { Link, Netns } from '../node/snapshot.ts';
import { inPrefix } from './address.ts';
import { type End, farNetns, hostNetns, linkAt, type Place, peerOf, portsOf, type World } from './world.ts';

/** Kinds of device that send by way of their ports. */
export const hasPorts = new Set(['bridge', 'bond', 'team']);

const uplinks = new WeakMap<Netns, Map<number, boolean>>();

/** Does this device lead out of the node, into the network between the nodes? */
export const isUplink = (place: Place, device: Link): boolean => {
  const known = uplinks.get(place.netns) ?? new Map<number, boolean>();
  uplinks.set(place.netns, known);
  const leads = known.get(device.ifindex) ?? leadsOut(place, device);
  known.set(device.ifindex, leads);
  return leads;
};

const leadsOut = (place: Place, device: Link): boolean => {
  if (place.netns.role !== 'host' || device.name === 'lo') return false;
  if (device.kind === '') return true;
  if (device.kind === 'veth') return isStranger(place, device) && (device.master === undefined || isOnlyStranger(place, device));
  return hasPorts.has(device.kind) && portsOf(place.netns, device).some((port) => isUplink(place, port));
};

/** A veth whose far end is in no namespace of this node: a node that is itself a namespace or container. */
const isStranger = (place: Place, device: Link): boolean =>
  device.kind === 'veth' && peerOf(place, device) === undefined && farNetns(place, device) === undefined;

/** The port by which a bridge with the node's way out is connected to the network; any other stranger is a pod that was not read. */
const isOnlyStranger = (place: Place, device: Link): boolean => {
  const { netns } = place;
  const bridge = linkAt(netns, device.master?.ifindex);
  if (!bridge || !isWayOut(netns, bridge)) return false;
  return portsOf(netns, bridge).filter((port) => isStranger(place, port)).length === 1;
};

/** The default route leads out of it; on a node without one, it has an address at least. */
const isWayOut = ({ routes }: Netns, { name, addresses }: Link): boolean => {
  const defaults = routes.filter(({ destination }) => destination === '0.0.0.0/0' || destination === '::/0');
  // what refuses everything leads nowhere, as the kernel's own for IPv6 on `lo` does
  const devices = defaults
    .flatMap(({ device, nexthops }) => [device, ...nexthops.map((hop) => hop.device)])
    .filter((one) => one !== undefined && one !== 'lo');
  return devices.includes(name) || (devices.length === 0 && addresses.some(({ scope }) => scope === 'global'));
};

/** Ports and devices of the other nodes that are on the same link: those that share a subnet, or of which no subnet is known. */
export const uplinksBeside = (world: World, place: Place, device: Link): End[] => {
  const own = ownerOf(place, device);
  return world.snapshots.flatMap((snapshot) => {
    const netns = snapshot.node === place.snapshot.node ? undefined : hostNetns(snapshot);
    if (!netns) return [];
    const there = { snapshot, netns };
    return netns.links
      .filter((link) => !hasPorts.has(link.kind) && isUplink(there, link) && share(own, ownerOf(there, link)))
      .map((link) => ({ place: there, link }));
  });
};

/** The device with the addresses: itself, or the bridge or bond it is a port of. */
const ownerOf = ({ netns }: Place, device: Link): Link => (device.master && linkAt(netns, device.master.ifindex)) || device;

const share = (a: Link, b: Link): boolean => {
  const [here, there] = [a, b].map(({ addresses }) => addresses.filter(({ scope }) => scope === 'global'));
  if (!here?.length || !there?.length) return true;
  return here.some((one) =>
    there.some((other) => inPrefix(`${one.address}/${one.prefix}`, other.address) || inPrefix(`${other.address}/${other.prefix}`, one.address)),
  );
};
