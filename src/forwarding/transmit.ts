import type { Link } from '../node/snapshot.ts';
import { hostPort } from './address.ts';
import { bridgeForward, bridgeOf, receiveOnPort } from './bridge.ts';
import { addHop, type Flight, type Journey, lose, type Step, stop } from './flight.ts';
import { resolve } from './neighbour.ts';
import { deciderAt } from './opaque.ts';
import { sendIpip, sendVxlan } from './tunnel.ts';
import { nodeHolding, type Place, peerOf } from './world.ts';

type Transmit = Extract<Step, { at: 'transmit' }>;
type Receive = Extract<Step, { at: 'receive' }>;

/** The IP stack hands a packet to a device. */
export const transmit = (step: Transmit, journey: Journey): Step => {
  const { place, device, flight, what } = step;
  const broken = linkProblem(device);
  if (broken) {
    addHop(journey, { place, device, direction: 'out', what, flight });
    return stop(journey, broken);
  }
  const decider = deciderAt(place, device, 'out');
  if (decider !== undefined) {
    addHop(journey, { place, device, direction: 'out', what, flight });
    return lose(journey, decider);
  }
  return (senders[device.kind] ?? sendUplink)(step, journey);
};

const linkProblem = (device: Link): Parameters<typeof stop>[1] | undefined => {
  if (!device.up) return { reason: 'link-down', message: `${device.name} is down`, facts: { interface: device.name } };
  if (device.carrier) return undefined;
  return { reason: 'no-carrier', message: `${device.name} has no carrier: its far end is down or gone`, facts: { interface: device.name } };
};

/** A pair whose far end was read, or the node's uplink, whose far end is the underlay. */
const sendVeth = (step: Transmit, journey: Journey): Step => {
  const { place, device, flight, nextHop, what } = step;
  const peer = peerOf(place, device);
  if (!peer && place.netns.role === 'host') return sendUplink(step, journey);
  addHop(journey, { place, device, direction: 'out', what, flight });
  if (!peer) return lose(journey, `the far end of ${device.name} was not read`);
  const { mac, state } = resolve(journey, place, device, nextHop);
  if (mac === undefined && state === 'nobody') return unanswered(journey, device, nextHop);
  return { at: 'receive', place: peer.place, device: peer.link, flight, ...(mac === undefined ? {} : { mac }) };
};

const unanswered = (journey: Journey, device: Link, address: string): Step =>
  stop(journey, {
    reason: 'no-neighbour',
    message: `nobody behind ${device.name} answers for ${address}`,
    facts: { interface: device.name, address, state: 'unanswered' },
  });

/** Out of a bridge's own interface into its ports. */
const sendBridge = ({ place, device, flight, nextHop, what }: Transmit, journey: Journey): Step => {
  const { mac, state } = resolve(journey, place, device, nextHop);
  const isUplink = nodeHolding(journey.world, nextHop, place.snapshot.node) !== undefined;
  if (mac === undefined && (isUplink || state === 'unknown')) return sendUplink({ at: 'transmit', place, device, flight, nextHop, what }, journey);
  addHop(journey, {
    place,
    device,
    direction: 'out',
    what: [what, mac === undefined ? '' : `${nextHop} is at ${mac}`].filter(Boolean).join(', '),
    flight,
  });
  if (mac === undefined) return unanswered(journey, device, nextHop);
  return bridgeForward(journey, { place, bridge: device, flight, mac });
};

/** Into the network between the nodes: to the node that holds the next hop, else the one that holds the destination, else away. */
const sendUplink = ({ place, device, flight, nextHop, what }: Transmit, journey: Journey): Step => {
  const { node } = place.snapshot;
  const { destination } = flight.packet;
  const arrival = nodeHolding(journey.world, nextHop, node) ?? nodeHolding(journey.world, destination, node);
  addHop(journey, {
    place,
    device,
    direction: 'out',
    what: [what, outerWords(flight), arrivalWords(arrival?.place.snapshot.node, nextHop)].filter(Boolean).join(', '),
    flight,
  });
  if (!arrival) return place.netns.role === 'host' ? { at: 'end', outcome: 'left' } : lose(journey, `the far end of ${device.name} was not read`);
  return { at: 'receive', place: arrival.place, device: arrival.link, flight };
};

const outerWords = ({ carries, packet }: Flight): string => {
  if (!carries) return '';
  return carries.kind === 'vxlan' ? `UDP ${carries.port} ${packet.source} → ${packet.destination}` : `IPIP ${packet.source} → ${packet.destination}`;
};

const arrivalWords = (node: string | undefined, nextHop: string): string => (node === undefined ? `to ${hostPort(nextHop)}` : `to ${node}`);

const opaque = ({ place, device, flight, what }: Transmit, journey: Journey): Step => {
  addHop(journey, { place, device, direction: 'out', what, flight });
  return lose(journey, `${device.name} is a ${device.kind} device: what happens behind it is not in the kernel's tables`);
};

/** How each kind of device sends; every other kind is a way out of the node. */
const senders: Record<string, (step: Transmit, journey: Journey) => Step> = {
  veth: sendVeth,
  bridge: sendBridge,
  vxlan: sendVxlan,
  ipip: sendIpip,
  tun: opaque,
  openvswitch: opaque,
  geneve: opaque,
  netkit: opaque,
};

/** A frame reaches a device from outside its netns (net/core/dev.c __netif_receive_skb_core). */
export const receive = ({ place, device, flight, mac }: Receive, journey: Journey): Step => {
  addHop(journey, { place, device, direction: 'in', what: arrivedWords(device, flight), flight });
  if (!device.up) return stop(journey, { reason: 'link-down', message: `${device.name} is down`, facts: { interface: device.name } });
  const decider = deciderAt(place, device, 'in');
  if (decider !== undefined) return lose(journey, decider);
  if (device.master !== undefined && device.kind !== 'bridge') {
    const bridge = bridgeOf(place, device);
    if (bridge) return receiveOnPort(journey, { place, bridge, flight, mac }, device);
    if (!passiveMasters.has(masterKind(place, device))) return lose(journey, `${device.name} belongs to ${device.master.name}, which decides`);
  }
  if (mac !== undefined && device.mac !== undefined && mac !== device.mac) return otherhost(journey, place, device, mac);
  return { at: 'input', place, device, flight };
};

const passiveMasters = new Set(['bond', 'team', 'vrf']);

const masterKind = ({ netns }: Place, device: Link): string => netns.links.find((link) => link.ifindex === device.master?.ifindex)?.kind ?? '';

const arrivedWords = (device: Link, { carries, packet }: Flight): string => {
  if (carries) return carries.kind === 'vxlan' ? `UDP ${carries.port} from ${packet.source}` : `IPIP from ${packet.source}`;
  return device.vxlan ? `VXLAN ${device.vxlan.vni} taken off` : '';
};

/** The kernel drops a frame whose destination address is another's (PACKET_OTHERHOST, net/ethernet/eth.c eth_type_trans → ip_rcv). */
const otherhost = (journey: Journey, place: Place, device: Link, mac: string): Step =>
  stop(journey, {
    reason: 'otherhost',
    message: `${device.name} has ${device.mac}, the frame is addressed to ${mac}`,
    facts: { node: place.snapshot.node, interface: device.name, mac: device.mac, addressed: mac },
  });
