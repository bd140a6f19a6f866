import { portTo } from '../bridge/fdb.ts';
import { bridgeForward } from '../bridge/forward.ts';
import { type Journey, lose, type Step, stop } from '../flight.ts';
import { sendGeneve } from '../tunnel/geneve.ts';
import { sendIpTunnel } from '../tunnel/ip-tunnel.ts';
import { sendVxlan } from '../tunnel/vxlan.ts';
import { sendWireguard } from '../tunnel/wireguard.ts';
import { isUplink } from '../uplinks.ts';
import { peerOf, portsOf } from '../world.ts';
import type { Emit } from './emit.ts';
import { sendIpvlan, sendMacvlan } from './macvlan.ts';
import { parentOf } from './stacked.ts';
import { sendUplink, unansweredStop } from './uplink.ts';
import { crossVeth } from './veth.ts';

type Driver = (step: Emit, journey: Journey) => Step;

/** A pair whose far end was read, or the node's uplink, whose far end is the underlay. */
const sendVeth: Driver = (step, journey) => {
  const { place, device, flight, frame } = step;
  const peer = peerOf(place, device);
  if (peer) return crossVeth(journey, { place, link: device }, peer, flight, frame);
  return isUplink(place, device) ? sendUplink(step, journey) : lose(journey, `the far end of ${device.name} was not read`);
};

/** Out of a bridge's own interface into its ports. */
const sendBridge: Driver = (step, journey) => {
  const { place, device, flight, frame, nextHop } = step;
  if (frame.to === undefined && isUplink(place, device) && typeof portTo(place, device, {}, {}) === 'string') return sendUplink(step, journey);
  if (frame.to === undefined && frame.state === 'nobody') return stop(journey, unansweredStop(device, nextHop ?? flight.packet.destination));
  return bridgeForward(journey, { place, bridge: device, flight, frame, nextHop });
};

/** A tag, and out by the device below (net/8021q/vlan_dev.c). */
const sendVlan: Driver = ({ place, device, flight, frame, nextHop }, journey) => {
  const parent = parentOf(place, device);
  if (!parent) return lose(journey, `the device below ${device.name} was not read`);
  return {
    at: 'emit',
    place: parent.place,
    device: parent.link,
    flight,
    frame: { ...frame, vlan: device.vlan?.id },
    what: `VLAN ${device.vlan?.id}`,
    nextHop,
  };
};

/** One of the ports, by mode and hash; to the network outside they are one (drivers/net/bonding, drivers/net/team). */
const sendBond: Driver = ({ place, device, flight, frame, nextHop }, journey) => {
  const ports = portsOf(place.netns, device).filter(({ up, carrier }) => up && carrier);
  const port = ports.find(({ name }) => name === device.bond?.active) ?? ports[0];
  if (!port) return stop(journey, { reason: 'no-carrier', message: `${device.name} has no port in use`, facts: { interface: device.name } });
  return { at: 'emit', place, device: port, flight, frame, what: `port of ${device.name}`, nextHop };
};

const swallow: Driver = ({ device }, journey) =>
  stop(journey, { reason: 'no-receiver', message: `${device.name} is a dummy: it takes packets and drops them`, facts: { interface: device.name } });

/** How each kind of device sends. */
export const drivers: Record<string, Driver> = {
  '': (step, journey) =>
    isUplink(step.place, step.device) ? sendUplink(step, journey) : lose(journey, `what is behind ${step.device.name} was not read`),
  veth: sendVeth,
  bridge: sendBridge,
  vlan: sendVlan,
  bond: sendBond,
  team: sendBond,
  vxlan: sendVxlan,
  geneve: sendGeneve,
  ipip: sendIpTunnel,
  sit: sendIpTunnel,
  gre: sendIpTunnel,
  ip6tnl: sendIpTunnel,
  wireguard: sendWireguard,
  macvlan: sendMacvlan,
  macvtap: sendMacvlan,
  ipvlan: sendIpvlan,
  dummy: swallow,
};
