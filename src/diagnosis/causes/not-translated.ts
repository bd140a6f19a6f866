import { linkNamed, placeAt } from '../../forwarding/world.ts';
import type { Cause } from '../cause.ts';
import { draftOf } from '../draft.ts';
import { type PacketEnd, packetEnd } from '../end.ts';
import type { Evidence } from '../evidence.ts';
import { inNetns, onNode } from '../remedy.ts';

export const replyNotTranslated: Cause = {
  code: 'ND4007',
  summary: 'The reply of a Service misses the node that translated the request (bridged past iptables).',
  recognise: (evidence) => {
    const end = packetEnd(evidence, 'not-translated');
    if (!end) return undefined;
    const { source = '', asked = '' } = end.stop.facts;
    return draftOf(evidence, end, {
      title: `The reply comes from ${source} although ${asked} was asked: on ${end.hop.node} it passes the bridge without iptables.`,
      evidence: [end.stop.message, 'net.bridge.bridge-nf-call-iptables is not 1, so bridged replies are not translated back'],
      fix: [onNode(end.hop.node, 'modprobe br_netfilter'), onNode(end.hop.node, 'sysctl -w net.bridge.bridge-nf-call-iptables=1')],
    });
  },
};

/** Takes the wrong neighbour entry away, where it is known; the kernel then asks again. */
const forgetEntry = ({ hop, stop }: PacketEnd): string[] => {
  const { sender, device, address, pid } = stop.facts;
  if (device === undefined || address === undefined || stop.reason !== 'otherhost') return [];
  const command = `ip neighbour del ${address} dev ${device}`;
  if (sender === 'host') return [onNode(hop.node, command)];
  return pid === undefined ? [] : [inNetns(hop.node, Number(pid), command)];
};

/** The tunnels that are there, though not the one that the packet came by. */
const otherTunnels = (evidence: Evidence, { hop, stop }: PacketEnd): string[] =>
  stop.reason === 'no-tunnel-device'
    ? (placeAt(evidence, hop.node, hop.netns ?? '')?.netns.links ?? []).flatMap(({ name, vxlan }) =>
        vxlan ? [`${name} on ${hop.node} is VXLAN ${vxlan.vni} on UDP ${vxlan.port}`] : [],
      )
    : [];

export const misaddressed: Cause = {
  code: 'ND2112',
  summary: 'A frame is addressed to a MAC the receiving interface does not have.',
  recognise: (evidence) => {
    const end = packetEnd(evidence, 'otherhost', 'no-tunnel-device');
    if (!end) return undefined;
    const { addressed, mac, interface: name = '' } = end.stop.facts;
    const what = addressed === undefined ? 'frames that are addressed to another MAC' : `frames for ${addressed}`;
    return draftOf(evidence, end, {
      title:
        end.stop.reason === 'otherhost'
          ? `${name} on ${end.hop.node} (${end.hop.where}) drops ${what}, as its own address is ${mac}.`
          : `No interface on ${end.hop.node} takes the tunnel's packets.`,
      evidence: [end.stop.message, ...otherTunnels(evidence, end)],
      fix:
        end.stop.reason === 'otherhost'
          ? [...forgetEntry(end), "Correct the sender's neighbour entry, or give the interface the address that is expected."]
          : [`Both ends need the same network identifier and port: restart the network plugin's agent on ${end.hop.node}, which makes the device.`],
    });
  },
};

export const tunnelWithoutEntry: Cause = {
  code: 'ND2113',
  summary: "A tunnel interface has no entry for the node it should send to (any plugin's).",
  recognise: (evidence) => {
    const end = packetEnd(evidence, 'no-fdb', 'no-neighbour');
    const place = end && placeAt(evidence, end.hop.node, end.hop.netns ?? '');
    if (!end || !place || !linkNamed(place.netns, end.stop.facts.interface)?.vxlan) return undefined;
    return draftOf(evidence, end, {
      title: `${end.stop.facts.interface} on ${end.hop.node} does not know where to send packets for ${end.stop.facts.address}.`,
      evidence: [end.stop.message],
      fix: [`Restart the network plugin's agent on ${end.hop.node}, which writes these entries.`],
    });
  },
};
