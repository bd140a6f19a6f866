import type { Link, Netns, TcFilter } from '../../node/snapshot.ts';
import { sameAddress } from '../address.ts';
import { childrenOf, parentOf } from '../device/stacked.ts';
import { deciderAt } from '../opaque.ts';
import { filtersOn } from '../tc/filters.ts';
import { filterMatches, type Seen } from '../tc/match.ts';
import { vxlansHearing } from '../tunnel/vxlan-peers.ts';
import { isUplink, uplinksBeside } from '../uplinks.ts';
import { type End, farNetns, linkAt, linkNamed, type Place, peerOf, placeKey, portsOf, unread, type World } from '../world.ts';

/** Who hears a broadcast. */
export interface Segment {
  /** Interfaces with an IP stack behind them. */
  ends: End[];
  /** False when an interface that could hear it was not read, or a program decides. */
  complete: boolean;
  /** Namespaces whose interfaces were not read, but whose addresses are known. */
  listed: { addresses: string[] }[];
}

interface Spread extends Segment {
  world: World;
  question: Seen | undefined;
  seen: Set<string>;
}

/**
 * All that would hear a broadcast put on this device, through veths, bridges and VXLANs, if all links were up and all ports open: what is in
 * the way is found when a question is sent. The network between nodes is never wholly known.
 */
export const segmentOf = (world: World, place: Place, device: Link, question?: Seen): Segment => {
  const spread: Spread = { world, question, seen: new Set(), ends: [], complete: true, listed: [] };
  sendOut(spread, place, device);
  return spread;
};

/** Filters that take the question may send it to others as well. */
const divert = (spread: Spread, place: Place, device: Link, side: 'ingress' | 'egress'): void => {
  for (const filter of filtersOn(place.netns, device, side)) {
    const taken = spread.question ? filterMatches(filter, spread.question) : undefined;
    if (filter.kind !== 'bpf' && taken === false) continue;
    const target = linkNamed(place.netns, mirroredTo(filter));
    if (target && taken) sendOut(spread, place, target);
    else if (filter.kind === 'bpf' || filter.actions.some(({ kind }) => kind !== 'gact' && kind !== 'skbedit')) spread.complete = false;
  }
};

/** `(Egress Mirror to device cni0) pipe` */
const mirroredTo = ({ actions }: TcFilter): string | undefined =>
  actions.flatMap(({ kind, detail }) => (kind === 'mirred' ? (/\(Egress \S+ to device ([^)\s]+)\)/.exec(detail)?.[1] ?? []) : []))[0];

const once = ({ seen }: Spread, place: Place, device: Link, way: string): boolean => {
  const key = `${placeKey(place)} ${device.ifindex} ${way}`;
  if (seen.has(key)) return false;
  seen.add(key);
  return true;
};

/** A frame leaves by the device. */
const sendOut = (spread: Spread, place: Place, device: Link): void => {
  if (!once(spread, place, device, 'out')) return;
  if (deciderAt(place, device) !== undefined) spread.complete = false;
  divert(spread, place, device, 'egress');
  if (device.kind === 'bridge') flood(spread, place, device, undefined);
  else if (device.kind === 'vxlan') throughVxlan(spread, place, device);
  else if (isUplink(place, device)) acrossUnderlay(spread, place, device);
  else if (device.kind === 'veth') acrossVeth(spread, place, device);
  else if (device.kind === 'macvlan' || device.kind === 'macvtap') throughParent(spread, place, device);
  else spread.complete = false;
};

/** Its siblings in bridge mode, and whoever is behind the device below, but not the host of that device (macvlan_queue_xmit). */
const throughParent = (spread: Spread, place: Place, device: Link): void => {
  const parent = parentOf(place, device);
  if (!parent) {
    spread.complete = false;
    return;
  }
  const siblings = device.macvlanMode === 'bridge' ? childrenOf(parent.place, parent.link) : [];
  for (const { place: at, link } of siblings) if (link !== device && link.macvlanMode === 'bridge') comeIn(spread, at, link);
  sendOut(spread, parent.place, parent.link);
};

/** The other nodes hear it; who else does, nobody knows. */
const acrossUnderlay = (spread: Spread, place: Place, device: Link): void => {
  spread.complete = false;
  for (const end of uplinksBeside(spread.world, place, device)) comeIn(spread, end.place, end.link);
};

const acrossVeth = (spread: Spread, place: Place, device: Link): void => {
  const peer = peerOf(place, device);
  const far = farNetns(place, device);
  if (peer) comeIn(spread, peer.place, peer.link);
  else if (far && isListedWhole(place, far)) spread.listed.push({ addresses: far.localAddresses ?? [] });
  else spread.complete = false;
};

/** It answers for its addresses and no others; where none is known it may have any, and a host may stand in for others. */
const isListedWhole = ({ snapshot }: Place, netns: Netns): boolean =>
  netns.role !== 'host' &&
  netns.localAddresses !== undefined &&
  netns.localAddresses.length > 0 &&
  !unread({ snapshot, netns }, 'links', 'addresses');

/** A frame arrives at the device from outside. */
const comeIn = (spread: Spread, place: Place, device: Link): void => {
  if (!once(spread, place, device, 'in')) return;
  if (device.xdp || deciderAt(place, device) !== undefined) spread.complete = false;
  divert(spread, place, device, 'ingress');
  for (const child of childrenOf(place, device)) comeIn(spread, child.place, child.link);
  const master = device.master && linkAt(place.netns, device.master.ifindex);
  if (device.master === undefined || master?.kind === 'vrf') spread.ends.push({ place, link: device });
  else if (master?.kind === 'bridge') flood(spread, place, master, device);
  else if (master?.kind === 'bond' || master?.kind === 'team') comeIn(spread, place, master);
  else spread.complete = false;
};

/** To the bridge itself and out of its other ports. */
const flood = (spread: Spread, place: Place, bridge: Link, from: Link | undefined): void => {
  if (from) spread.ends.push({ place, link: bridge });
  for (const port of portsOf(place.netns, bridge)) {
    if (port.ifindex === from?.ifindex) continue;
    sendOut(spread, place, port);
  }
};

const throughVxlan = (spread: Spread, place: Place, device: Link): void => {
  const { ends, complete } = vxlansHearing(spread.world, place, device);
  if (!complete) spread.complete = false;
  for (const end of ends) comeIn(spread, end.place, end.link);
};

/** A namespace of which only the addresses are known, and that has this one. */
export const isListed = ({ listed }: Segment, address: string): boolean =>
  listed.some(({ addresses }) => addresses.some((own) => sameAddress(own, address)));
