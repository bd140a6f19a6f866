import { optional } from '../node/parse/json.ts';
import type { Link, Netns, NodeSnapshot } from '../node/snapshot.ts';
import { attachedOf } from './attached.ts';
import type { Attachment } from './attachment.ts';
import { disagreementsOf } from './disagreements.ts';
import { routeText, routeTo } from './host-route.ts';
import { isPaired, netnsOfPod, type Place } from './peers.ts';

/** What every new namespace gets of loaded tunnel modules (net.core.fb_tunnels_only_for_init_net). */
const FALLBACKS: ReadonlySet<string> = new Set(['tunl0', 'ip6tnl0', 'sit0', 'gre0', 'gretap0', 'erspan0', 'ip_vti0', 'ip6_vti0', 'ip6gre0']);

/** Pairs and bridges that stay inside the pod (containers in containers) attach it to nothing. */
const leadsOut = (link: Link): boolean =>
  link.name !== 'lo' &&
  !FALLBACKS.has(link.name) &&
  link.kind !== 'bridge' &&
  link.kind !== 'dummy' &&
  !(isPaired(link) && link.linkNsid === undefined);

const primaryAddress = (link: Link): string | undefined => {
  const global = link.addresses.filter(({ scope }) => scope === 'global');
  return (global.find(({ family }) => family === 4) ?? global[0])?.address;
};

const readAttachment = (snapshot: NodeSnapshot, place: Place): Attachment => {
  const { netns, link } = place;
  const { peer, attached } = attachedOf(snapshot, place);
  const address = primaryAddress(link);
  const route = peer && address !== undefined ? routeTo(peer.netns, address) : undefined;
  return {
    netns: netns.inode,
    ...optional('pid', netns.pid),
    interface: {
      name: link.name,
      ifindex: link.ifindex,
      kind: link.kind,
      ...optional('mac', link.mac),
      mtu: link.mtu,
      addresses: link.addresses.filter(({ scope }) => scope === 'global').map((item) => `${item.address}/${item.prefix}`),
      up: link.up && link.carrier,
      ...optional('stats', link.stats),
    },
    ...(peer
      ? {
          peer: {
            name: peer.link.name,
            ifindex: peer.link.ifindex,
            ...optional('mac', peer.link.mac),
            mtu: peer.link.mtu,
            up: peer.link.up && peer.link.carrier,
            ...optional('stats', peer.link.stats),
          },
        }
      : {}),
    attached,
    ...optional('hostRoute', route && routeText(route)),
    disagreements: disagreementsOf({ snapshot, place, peer, attached, address, route }),
  };
};

const netnsOf = (snapshot: NodeSnapshot, of: { podUid: string } | { inode: string }): Netns | undefined =>
  'podUid' in of ? netnsOfPod(snapshot, of.podUid) : snapshot.namespaces.find(({ inode }) => inode === of.inode);

/**
 * Where each interface of a pod, or of any namespace, hangs on its node; in ifindex order. Empty for a pod on the host's network, and for one
 * whose namespace is only `listed`: ask the collector for it.
 */
export const attachmentsOf = (snapshot: NodeSnapshot, of: { podUid: string } | { inode: string }): Attachment[] => {
  const netns = netnsOf(snapshot, of);
  if (!netns || netns.role === 'host') return [];
  return netns.links.filter(leadsOut).map((link) => readAttachment(snapshot, { netns, link }));
};
