import type { Link } from '../../node/snapshot.ts';
import { bridgeOf } from '../bridge/ports.ts';
import { receiveOnPort } from '../bridge/receive.ts';
import { addHop, type Flight, type Journey, lose, type Step, stop } from '../flight.ts';
import { deciderAt } from '../opaque.ts';
import { linkAt, type Place } from '../world.ts';
import { filterIn } from './filter.ts';
import { childFor } from './macvlan.ts';
import { throughOpaque } from './opaque-way.ts';
import { throughXdp } from './xdp.ts';

type Receive = Extract<Step, { at: 'receive' }>;

/** A frame reaches a device from outside its netns (net/core/dev.c __netif_receive_skb_core). */
export const receive = ({ place, device, flight, frame }: Receive, journey: Journey): Step => {
  addHop(journey, { place, device, direction: 'in', what: arrivedWords(device, flight), flight });
  if (!device.up) return stop(journey, { reason: 'link-down', message: `${device.name} is down`, facts: { interface: device.name } });
  const taken = throughXdp(journey, place, device);
  if (taken) return taken;
  const filtered = filterIn({ journey, place, device, flight, frame });
  if (filtered) return filtered;
  const decider = deciderAt(place, device);
  if (decider !== undefined) return throughOpaque(journey, { place, device, flight, frame, direction: 'in' }, decider);

  const tagged = frame.vlan === undefined ? undefined : vlanDevice(place, device, frame.vlan);
  if (tagged) return { at: 'receive', place, device: tagged, flight, frame: { ...frame, vlan: undefined } };
  const bridge = bridgeOf(place, device);
  if (bridge) return receiveOnPort(journey, { place, bridge, flight, frame }, device);
  const child = childFor(place, device, flight, frame);
  if (child === 'unknown') return lose(journey, `which interface on top of ${device.name} takes it was not read`);
  if (child) return { at: 'receive', place: child.place, device: child.link, flight: { ...flight, mark: 0 }, frame };
  const master = device.master === undefined ? undefined : linkAt(place.netns, device.master.ifindex);
  if (master?.kind === 'bond' || master?.kind === 'team') return { at: 'receive', place, device: master, flight, frame };
  if (device.master !== undefined && master?.kind !== 'vrf') return lose(journey, `${device.name} belongs to ${device.master.name}, which decides`);
  if (frame.vlan !== undefined) {
    return stop(journey, {
      reason: 'vlan',
      message: `${device.name} has no interface for VLAN ${frame.vlan}`,
      facts: { interface: device.name, vlan: frame.vlan },
    });
  }
  if (frame.stranger === true) return otherhost(journey, place, device, 'somebody in the network outside');
  if (frame.to !== undefined && frame.own !== true && device.mac !== undefined && frame.to !== device.mac)
    return otherhost(journey, place, device, frame.to);
  return { at: 'input', place, device, flight, frame };
};

const vlanDevice = ({ netns }: Place, parent: Link, id: number): Link | undefined =>
  netns.links.find((link) => link.kind === 'vlan' && link.vlan?.id === id && link.peerIfindex === parent.ifindex && link.linkNsid === undefined);

const arrivedWords = (device: Link, { carries, packet }: Flight): string => {
  if (carries)
    return carries.port === undefined ? `${carries.kind.toUpperCase()} from ${packet.source}` : `UDP ${carries.port} from ${packet.source}`;
  return device.vxlan ? `VXLAN ${device.vxlan.vni} taken off` : '';
};

/** The kernel drops a frame whose destination address is another's (PACKET_OTHERHOST, net/ethernet/eth.c eth_type_trans → ip_rcv). */
const otherhost = (journey: Journey, place: Place, device: Link, mac: string): Step =>
  stop(journey, {
    reason: 'otherhost',
    message: `${device.name} has ${device.mac}, the frame is addressed to ${mac}`,
    facts: { node: place.snapshot.node, interface: device.name, mac: device.mac, addressed: mac },
  });
