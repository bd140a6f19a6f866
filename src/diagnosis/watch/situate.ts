import { farNetns, hostNetns, labelOf, linkNamed, type Place, peerOf, placeAt } from '../../forwarding/world.ts';
import type { KernelDrop } from '../../probe/watch/kernel-drop.ts';
import { type WatchEvidence, worldOf } from './evidence.ts';

/** Where a drop happened, as far as it is known. */
export interface Situation {
  place?: Place;
  /** `host`, `pod default/web-0`; empty where nobody knows. */
  where: string;
  interface?: string;
  direction?: 'in' | 'out';
}

/** The namespace behind a veth of the host: what leaves the host by it arrives there. */
const behindVeth = (host: Place, name: string): Place | undefined => {
  const link = linkNamed(host.netns, name);
  if (link?.kind !== 'veth') return undefined;
  const netns = peerOf(host, link)?.place.netns ?? farNetns(host, link);
  return netns && { snapshot: host.snapshot, netns };
};

/** A device name says where it is only when no two namespaces have it. */
const onlyWith = ({ snapshot }: WatchEvidence, name: string): Place | undefined => {
  const [only, ...others] = snapshot.namespaces.filter((netns) => linkNamed(netns, name));
  return only && others.length === 0 ? { snapshot, netns: only } : undefined;
};

const placeOf = (evidence: WatchEvidence, { places, netns }: KernelDrop): Place | undefined => {
  const { snapshot } = evidence;
  const [last, before] = places;
  const inode = last?.netns ?? netns;
  if (inode !== undefined) return placeAt(worldOf(evidence), snapshot.node, inode);
  const host = hostNetns(snapshot);
  const via = host && before?.way === 'out' && last?.way === 'in' ? behindVeth({ snapshot, netns: host }, before.device) : undefined;
  return via ?? (last && onlyWith(evidence, last.device));
};

export const situate = (evidence: WatchEvidence, drop: KernelDrop): Situation => {
  const place = placeOf(evidence, drop);
  const [last] = drop.places;
  return {
    ...(place ? { place } : {}),
    where: place ? labelOf(place, worldOf(evidence)) : '',
    ...(last ? { interface: last.device, direction: last.way } : {}),
  };
};
