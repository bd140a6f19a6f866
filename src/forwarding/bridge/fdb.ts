import type { FdbEntry, Link } from '../../node/snapshot.ts';
import type { Frame, Located } from '../flight.ts';
import { isUplink } from '../uplinks.ts';
import { linkNamed, type Place, peerOf, portsOf } from '../world.ts';

/** Where a frame goes: a port with the entry that says so, or found by flooding. */
export type Found = { port: Link; entry?: FdbEntry } | 'nobody' | 'unknown';

/** FDB, else flooding: then the port whose far end has the address takes the frame (net/bridge/br_input.c br_handle_frame_finish). */
export const portTo = (place: Place, bridge: Link, { to: mac, toAll }: Frame, { vlan, from, located = [] }: Searched): Found => {
  const ports = portsOf(place.netns, bridge);
  if (mac === undefined) return wayOut(place, ports, from);
  const entry = entryFor(place, ports, mac, vlan);
  const moved = entry?.state === 'permanent' ? undefined : located.findLast((one) => isAt(one, place, bridge, mac))?.port;
  const known = linkNamed(place.netns, moved ?? entry?.device);
  if (known && toAll === undefined) return { port: known, ...(entry && entry.device === known.name ? { entry } : {}) };
  const flooded = flood(place, bridge, ports, { mac, toAll }, from);
  // no entry is asked where a question to everybody goes; of somebody whose cable is not known it says where he is
  return known && flooded === 'unknown' ? { port: known } : flooded;
};

/** What is asked of a bridge's table besides the address. */
interface Searched {
  vlan?: number | undefined;
  /** The port it came in by. */
  from?: Link | undefined;
  /** What bridges learned on the way here, which is younger than what was read. */
  located?: Located[];
}

const isAt = (one: Located, { snapshot, netns }: Place, bridge: Link, mac: string): boolean =>
  one.mac === mac && one.bridge === bridge.name && one.netns === netns.inode && one.node === snapshot.node;

const flood = (place: Place, bridge: Link, ports: Link[], { mac, toAll }: { mac: string; toAll: Frame['toAll'] }, from: Link | undefined): Found => {
  const flooded = ports.filter((port) => toAll !== undefined || port.bridgePort?.flood !== false);
  const ends = flooded
    .filter((candidate) => candidate.ifindex !== from?.ifindex || candidate.bridgePort?.hairpin === true)
    .map((candidate) => ({ candidate, peer: peerOf(place, candidate) }));
  const behind = ends.find(({ peer }) => peer !== undefined && (peer.link.mac === mac || leadsTo(peer.place, peer.link, mac)));
  if (behind) return { port: behind.candidate };
  // the network between the nodes, or a tunnel, is behind one port: it is there or nowhere
  const outward = ends.filter(({ candidate, peer }) => !peer && (candidate.kind === 'vxlan' || isUplink(place, candidate)));
  const [only] = outward;
  if (only && outward.length === 1 && ends.every((end) => end.peer !== undefined || end === only)) return { port: only.candidate };
  return ends.every(({ peer }) => peer !== undefined) || isElsewhere(place, bridge, mac) ? 'nobody' : 'unknown';
};

/** Whoever has an address that nobody here knows is behind the one port that leads out. */
const wayOut = (place: Place, ports: Link[], from: Link | undefined): Found => {
  const [only, ...others] = ports.filter((port) => port.ifindex !== from?.ifindex && isUplink(place, port));
  return only && others.length === 0 ? { port: only } : 'unknown';
};

/** `self` entries are the device's own filter, entries with a destination the tunnel's. */
const entryFor = ({ netns }: Place, ports: Link[], mac: string, vlan: number | undefined): FdbEntry | undefined => {
  const names = new Set(ports.map(({ name }) => name));
  return netns.fdb.find(
    (entry) =>
      entry.mac === mac &&
      names.has(entry.device) &&
      entry.destination === undefined &&
      !entry.flags.includes('self') &&
      (entry.vlan === undefined || vlan === undefined || entry.vlan === vlan),
  );
};

/** The port's far end is itself a port of another bridge, behind which the address is. */
const leadsTo = (place: Place, port: Link, mac: string): boolean => {
  const bridge = port.master && place.netns.links.find((link) => link.ifindex === port.master?.ifindex);
  if (bridge?.kind !== 'bridge') return false;
  if (bridge.mac === mac) return true;
  return portsOf(place.netns, bridge).some((other) => other !== port && peerOf(place, other)?.link.mac === mac);
};

/** The owner of the address is known, and what leads to it is no port of this bridge. */
const isElsewhere = (place: Place, bridge: Link, mac: string): boolean =>
  place.snapshot.namespaces.some((netns) =>
    netns.links
      .filter((link) => link.mac === mac)
      .map((link) => peerOf({ snapshot: place.snapshot, netns }, link))
      .some((peer) => peer?.place.netns === place.netns && peer.link.master?.ifindex !== bridge.ifindex),
  );

/** `0a:58:0a:f4:00:05 dev veth1 master cni0` */
export const entryLine = ({ mac, device, master, destination, via, vlan, flags, state }: FdbEntry): string =>
  [
    mac,
    `dev ${device}`,
    destination === undefined ? '' : `dst ${destination}`,
    via === undefined ? '' : `via ${via}`,
    vlan === undefined ? '' : `vlan ${vlan}`,
    master === undefined ? '' : `master ${master}`,
    ...flags.filter((flag) => flag !== 'master' && flag !== state),
    state,
  ]
    .filter((word) => word !== '')
    .join(' ');
