import { linkHolding, linkNamed, type Place, peerOf, placeAt } from '../../forwarding/world.ts';
import type { Link, Netns } from '../../node/snapshot.ts';
import type { Cause } from '../cause.ts';
import { draftOf, podBehind } from '../draft.ts';
import { type PacketEnd, packetEnd } from '../end.ts';
import { type Evidence, netnsOfPod, podNamed, podsOf } from '../evidence.ts';
import { onNode } from '../remedy.ts';

interface Loose {
  host: Place;
  veth: Link;
  bridge: Link;
}

/** A pod's veth that is no port, although the bridge of this node has the pod's gateway address. */
const looseVeth = (place: Place): Loose | undefined => {
  for (const link of place.netns.links) {
    const peer = peerOf(place, link);
    if (!peer || peer.link.master !== undefined || peer.place.netns.role !== 'host') continue;
    const bridge = gatewayBridge(place.netns, peer.place.netns);
    if (bridge) return { host: peer.place, veth: peer.link, bridge };
  }
  return undefined;
};

const gatewayBridge = (pod: Netns, host: Netns): Link | undefined => {
  const gateways = pod.routes.flatMap(({ gateway }) => (gateway === undefined ? [] : [gateway]));
  const holders = gateways.map((gateway) => linkHolding(host, gateway));
  return holders.find((link) => link?.kind === 'bridge');
};

/** Where the packets of a detached pod end: nobody answers for the gateway, or no port leads to the pod. */
const endAt = (evidence: Evidence): PacketEnd | undefined =>
  packetEnd(evidence, 'no-neighbour', 'no-receiver', 'no-route', 'otherhost', 'reverse-path');

export const offBridge: Cause = {
  code: 'ND1003',
  summary: "The node's end of the pod's veth pair is not attached to its bridge.",
  implies: ['ND1007', 'ND2112', 'ND3005', 'ND3007'],
  recognise: (evidence) => {
    const end = endAt(evidence);
    if (!end) return undefined;
    for (const pod of podsOf(evidence, end.leg)) {
      const at = netnsOfPod(evidence, pod);
      const loose = at && looseVeth(at);
      if (!loose) continue;
      const { host, veth, bridge } = loose;
      const { node } = host.snapshot;
      return draftOf(evidence, end, {
        title: `${veth.name}, the node's end of the veth pair of pod ${podNamed(pod)}, is not attached to ${bridge.name} on ${node}.`,
        evidence: [`${veth.name} (ifindex ${veth.ifindex}) has no master`, `${bridge.name} holds the pod's gateway address`, end.stop.message],
        fix: [onNode(node, `ip link set ${veth.name} master ${bridge.name}`)],
        place: { node, interface: veth.name },
      });
    }
    return undefined;
  },
};

export const portClosed: Cause = {
  code: 'ND1005',
  summary: 'A bridge port on the way does not forward (disabled, blocking, isolated).',
  recognise: (evidence) => {
    const end = packetEnd(evidence, 'bridge-port');
    if (!end) return undefined;
    const { interface: name = '', bridge = '', state = '' } = end.stop.facts;
    const command =
      state === 'without hairpin mode'
        ? `bridge link set dev ${name} hairpin on`
        : state === 'isolated'
          ? `bridge link set dev ${name} isolated off`
          : `bridge link set dev ${name} state 3`;
    return draftOf(evidence, end, {
      title: `The port ${name} of ${bridge} on ${end.hop.node} is ${state}.`,
      evidence: [end.stop.message],
      fix: [onNode(end.hop.node, command)],
    });
  },
};

export const nobodyAnswers: Cause = {
  code: 'ND1007',
  summary: 'Nothing on the link answers for the next hop, or no port leads to its MAC.',
  recognise: (evidence) => {
    const end = packetEnd(evidence, 'no-neighbour', 'no-receiver');
    const place = end && placeAt(evidence, end.hop.node, end.hop.netns ?? '');
    const link = place && linkNamed(place.netns, end?.stop.facts.interface ?? end?.stop.facts.bridge);
    if (!end || !link || link.vxlan) return undefined;
    const { address = '', mac } = end.stop.facts;
    const who = mac === undefined ? address : `${address} (${mac})`;
    const owner = podBehind(evidence, end.hop.node, end.hop.netns, end.hop.interface);
    return draftOf(evidence, end, {
      title: `Nothing behind ${link.name} on ${end.hop.node} answers for ${who}.`,
      evidence: [end.stop.message, ...(owner ? [`seen from pod ${podNamed(owner.pod)}`] : [])],
      fix: ['If the address belongs to a pod, delete the pod so that its network is set up anew.'],
      place: { node: end.hop.node, interface: link.name },
    });
  },
};
