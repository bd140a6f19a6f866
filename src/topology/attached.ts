import type { OvsPort } from '../node/dataplane-state.ts';
import type { NodeSnapshot } from '../node/snapshot.ts';
import type { Attachment } from './attachment.ts';
import { hostOf, isPaired, type Place, parentOf, peerOf } from './peers.ts';

/** The OVS port of a host interface, with its bridge. */
export const ovsPortOf = (snapshot: NodeSnapshot, name: string): { bridge: string; port: OvsPort } | undefined =>
  snapshot.ovs?.bridges.flatMap(({ name: bridge, ports }) => ports.filter((port) => port.name === name).map((port) => ({ bridge, port })))[0];

/** What the host's end of a pair is a port of. */
const mastered = (snapshot: NodeSnapshot, { netns, link }: Place): Attachment['attached'] => {
  // OVS's userspace datapath sets no master, so its own database comes first
  const ovs = netns.role === 'host' ? ovsPortOf(snapshot, link.name) : undefined;
  if (ovs) return { how: 'ovs', bridge: ovs.bridge, ...(ovs.port.ofport === undefined ? {} : { ofport: ovs.port.ofport }) };
  const master = netns.links.find(({ ifindex }) => ifindex === link.master?.ifindex);
  if (!link.master || !master || master.kind === 'vrf') return { how: 'routed' };
  if (master.kind === 'bridge') return { how: 'bridge', bridge: master.name, portState: link.bridgePort?.state ?? 'unknown' };
  if (master.kind === 'openvswitch' || master.name === 'ovs-system') return { how: 'ovs', bridge: master.name };
  return { how: 'parent', device: master.name, kind: master.kind };
};

const tunnelled = (place: Place): string => {
  const { vxlan } = place.link;
  if (!vxlan) return `${place.link.kind} tunnel`;
  const where = place.link.linkNsid === undefined ? '' : ', its socket is in another namespace';
  return `VXLAN ${vxlan.vni}${vxlan.remote === undefined ? '' : ` to ${vxlan.remote}`} UDP ${vxlan.port}${where}`;
};

const ON_PARENT: ReadonlySet<string> = new Set(['macvlan', 'macvtap', 'ipvlan', 'ipvtap', 'vlan']);
const TUNNELS: ReadonlySet<string> = new Set(['vxlan', 'geneve', 'gre', 'gretap', 'ipip', 'sit', 'ip6tnl', 'wireguard']);

/** How one interface of a pod reaches its node. */
export const attachedOf = (snapshot: NodeSnapshot, place: Place): { peer?: Place; attached: Attachment['attached'] } => {
  const { link } = place;
  if (isPaired(link)) {
    const peer = peerOf(snapshot, place);
    if (peer) return { peer, attached: mastered(snapshot, peer) };
    return { attached: { how: 'loose', why: hostOf(snapshot) ? 'its far end was not found' : 'its far end is on the node, which was not read' } };
  }
  if (ON_PARENT.has(link.kind)) {
    const parent = parentOf(snapshot, place);
    if (parent) return { attached: { how: 'parent', device: parent.link.name, kind: link.kind } };
    return { attached: { how: 'loose', why: `${link.kind} on a device that was not found` } };
  }
  if (TUNNELS.has(link.kind)) return { attached: { how: 'loose', why: tunnelled(place) } };
  // busybox's ip tells no kind, yet that there is another end
  if (link.kind === '' && link.peerIfindex !== undefined)
    return { attached: { how: 'loose', why: `leads to interface ${link.peerIfindex} of another namespace` } };
  if (link.kind === 'tun') return { attached: { how: 'loose', why: 'tap of a virtual machine or a VPN' } };
  return { attached: { how: 'loose', why: link.kind === '' ? 'a device of its own (SR-IOV or passed through)' : link.kind } };
};
