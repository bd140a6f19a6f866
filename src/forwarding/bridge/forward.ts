import type { Link } from '../../node/snapshot.ts';
import { addHop, decided, type Flight, type Frame, type Journey, lose, type Step, type StopDetail, stop } from '../flight.ts';
import { runBridgeHook, runHook, tracksConnections } from '../netfilter/hook.ts';
import { isV6, type Pass, startPass } from '../pass.ts';
import { refusal, sayChange } from '../stack/hook.ts';
import { cutOnBridge, narrow, piecesTooBig, silentlyTooBig } from '../stack/mtu.ts';
import { floodRemotes } from '../tunnel/vxlan-peers.ts';
import { linkHolding, type Place, portsOf } from '../world.ts';
import { entryLine, type Found, locate, portTo } from './fdb.ts';
import { floodProblem, isStop, pairProblem, portProblem, vlanOut } from './ports.ts';

export interface Forwarded {
  place: Place;
  bridge: Link;
  flight: Flight;
  frame: Frame;
  nextHop?: string | undefined;
}

export interface Origin {
  port: Link;
  pass: Pass;
  /** br_netfilter is on: the IP family's hooks see the packet as well. */
  translated: boolean;
  vlan: number | undefined;
}

/** From one port, or from the bridge itself, to the port that leads to the address (net/bridge/br_forward.c). */
export const bridgeForward = (journey: Journey, forwarded: Forwarded, from?: Origin): Step => {
  const { place, bridge, flight, frame, nextHop } = forwarded;
  if (!from && isItself(place, bridge, frame)) return notFound(journey, forwarded, 'nobody');
  if (from && frame.toAll) echo(journey, forwarded, from.port);
  const found = portTo(place, bridge, frame, { vlan: from?.vlan, from: from?.port, located: journey.located });
  const port = typeof found === 'string' ? undefined : found.port;
  const tag = port && vlanOut(place, bridge, port, from?.vlan, frame);
  const closed = port && (closedTo(forwarded, port, from) ?? (tag && isStop(tag) ? tag : undefined));
  // a port that may not have the frame is passed over before any rule is asked (should_deliver)
  const isAsked = port ? !closed : found === 'unknown' || isFlooded(forwarded, from);
  const refused = isAsked ? filterBetween(journey, forwarded, port, from) : undefined;
  if (refused) return stop(journey, refused);
  if (!port) return notFound(journey, forwarded, found);
  if (typeof found !== 'string' && found.entry) decided(journey, 'next', { by: 'fdb', object: entryLine(found.entry) });
  narrow(journey, place, port, port.mtu, flight);
  const lost = closed ?? unfit(forwarded, port, from);
  if (lost) {
    addHop(journey, { place, device: port, direction: 'out', what: `port of ${bridge.name}`, flight });
    return stop(journey, lost);
  }
  const vlan = tag && !isStop(tag) ? tag.tag : undefined;
  return { at: 'emit', place, device: port, flight, frame: { ...frame, vlan }, what: `port of ${bridge.name}`, nextHop };
};

/**
 * A VXLAN port that floods to this very node brings a question in again, before anybody has answered it: then the bridge takes whoever asked to
 * be behind that port (drivers/net/vxlan/vxlan_core.c vxlan_encap_bypass, netif_rx).
 */
export const echo = (journey: Journey, { place, bridge, frame: { from: mac } }: Forwarded, came: Link): void => {
  const back = portsOf(place.netns, bridge).find(
    (port) => port !== came && port.kind === 'vxlan' && port.up && floodRemotes(place, port).some((remote) => linkHolding(place.netns, remote)),
  );
  if (back && mac !== undefined) locate(journey, place, bridge, mac, back);
};

/** Where br_netfilter is on it cuts what does not fit the port (net/bridge/br_netfilter_hooks.c br_nf_dev_queue_xmit). */
const unfit = ({ place, bridge, flight }: Forwarded, port: Link, from: Origin | undefined): StopDetail | undefined => {
  if (from?.translated !== true) return silentlyTooBig(flight, port);
  const reassembled = flight.pieces !== undefined && tracksConnections(place.netns, isV6(flight.packet) ? 6 : 4);
  return reassembled ? piecesTooBig(flight, bridge, port) : cutOnBridge(flight, bridge, port);
};

/** The entry for the bridge's own address has no port: what the host sends there is freed (net/bridge/br_device.c br_dev_xmit, br_forward). */
const isItself = ({ netns }: Place, bridge: Link, { to }: Frame): boolean =>
  to !== undefined && to === bridge.mac && !portsOf(netns, bridge).some(({ mac }) => mac === to);

const closedTo = ({ bridge, frame }: Forwarded, port: Link, from: Origin | undefined): StopDetail | undefined =>
  downProblem(port) ?? portProblem(port, bridge) ?? (from && (pairProblem(from.port, port, bridge) ?? floodProblem(port, bridge, frame)));

/** Does any port get a copy of a frame that is for nobody known? */
const isFlooded = (forwarded: Forwarded, from: Origin | undefined): boolean =>
  portsOf(forwarded.place.netns, forwarded.bridge).some((port) => port.bridgePort?.flood !== false && !closedTo(forwarded, port, from));

const downProblem = (port: Link): StopDetail | undefined =>
  port.up ? undefined : { reason: 'link-down', message: `${port.name} is down`, facts: { interface: port.name } };

const notFound = (journey: Journey, { bridge, frame, flight }: Forwarded, found: Found): Step => {
  if (found === 'unknown') return lose(journey, `no FDB entry on ${bridge.name}, and not every port's far end was read`);
  return stop(journey, {
    reason: 'no-receiver',
    message: `no port of ${bridge.name} leads to ${frame.to}`,
    facts: { bridge: bridge.name, mac: frame.to, address: flight.packet.destination },
  });
};

/** Forward and postrouting, of the bridge's own family and with br_netfilter of the packet's; what the host itself sends meets output instead. */
const filterBetween = (
  journey: Journey,
  { place, bridge, flight, frame }: Forwarded,
  to: Link | undefined,
  from: Origin | undefined,
): StopDetail | undefined => {
  const pass = from?.pass ?? startPass({ journey, place, flight, frame });
  if (to) pass.bridgeOut = to.name;
  for (const name of [from ? 'forward' : 'output', 'postrouting'] as const) {
    const between = from?.translated === true && name === 'forward';
    const bridged = refusal(runBridgeHook(pass, name, bridge.name, between ? 'before' : 'all'), pass);
    if (bridged) return bridged;
    if (from?.translated !== true) continue;
    const before = pass.flight.packet;
    pass.oif = bridge.name;
    const refused = refusal(runHook(pass, name), pass) ?? (between ? refusal(runBridgeHook(pass, name, bridge.name, 'after'), pass) : undefined);
    if (refused) return refused;
    sayChange(pass, before);
  }
  return undefined;
};
