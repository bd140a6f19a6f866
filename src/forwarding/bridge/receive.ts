import type { Link } from '../../node/snapshot.ts';
import { filterIn, filterOut } from '../device/filter.ts';
import { unansweredStop } from '../device/uplink.ts';
import { addHop, type Flight, type Frame, type Journey, lose, type Step, type StopDetail, say, stop } from '../flight.ts';
import { isFresh } from '../neighbour/entry.ts';
import { resolve } from '../neighbour/resolve.ts';
import { runBridgeHook, runHook, tracksConnections } from '../netfilter/hook.ts';
import { isV6, type Pass, startPass } from '../pass.ts';
import { lookupRoute, type RouteDecision } from '../route/lookup.ts';
import { martianAddress, sourceProblem } from '../route/reverse-path.ts';
import { refusal, sayChange } from '../stack/hook.ts';
import { refuse } from '../stack/output.ts';
import { judgeOf, routeQuery } from '../stack/route-query.ts';
import { forwardingSwitch, sysctl } from '../sysctl.ts';
import type { Place } from '../world.ts';
import { locate } from './fdb.ts';
import { bridgeForward, echo } from './forward.ts';
import { isOwnMac, isStop, portProblem, vlanIn } from './ports.ts';

export interface Arrived {
  place: Place;
  bridge: Link;
  flight: Flight;
  frame: Frame;
}

/** A frame comes in by a port: to the bridge's own IP stack, or on to another port (net/bridge/br_input.c br_handle_frame_finish). */
export const receiveOnPort = (journey: Journey, arrived: Arrived, port: Link): Step => {
  const { place, bridge, flight, frame } = arrived;
  const closed = portProblem(port, bridge);
  if (closed) return stop(journey, closed);
  say(journey, `port of ${bridge.name}`);
  if (!bridge.up) return stop(journey, { reason: 'link-down', message: `${bridge.name} is down`, facts: { interface: bridge.name } });

  const pass = startPass({ journey, place, flight, frame, iif: bridge.name, bridgeIn: port.name });
  const translated = isFiltered(arrived);
  const filtered = refusal(runBridgeHook(pass, 'prerouting', bridge.name, translated ? 'before' : 'all'), pass);
  if (filtered) return stop(journey, filtered);
  if (translated) {
    const before = flight.packet;
    const refused = refusal(runHook(pass, 'prerouting'), pass);
    if (refused) return stop(journey, refused);
    sayChange(pass, before);
    if (before.destination !== flight.packet.destination) return redirect(journey, arrived, port, pass);
    const late = refusal(runBridgeHook(pass, 'prerouting', bridge.name, 'after'), pass);
    if (late) return stop(journey, late);
  }
  const vlan = vlanIn(place, bridge, port, frame);
  if (isStop(vlan)) return stop(journey, vlan);
  if (frame.from !== undefined) locate(journey, place, bridge, frame.from, port);
  if (frame.to === undefined) return lose(journey, 'which address the frame is for was not read');
  const own = isOwnMac(place, bridge, frame.to);
  // the bridge's own answer is quicker than what comes round (br_pass_frame_up; netif_rx waits for its turn)
  if (own && frame.toAll) echo({ ...journey, located: journey.echoes }, arrived, port);
  const origin = { port, pass, translated, vlan: vlan.vlan };
  return own ? passUp(journey, arrived, port, translated ? pass : undefined) : bridgeForward(journey, arrived, origin);
};

/** br_netfilter hands bridged IP packets to iptables' hooks with the bridge as both interfaces (net/bridge/br_netfilter_hooks.c br_nf_pre_routing). */
const isFiltered = ({ place, bridge, flight, frame }: Arrived): boolean => {
  if (flight.solicits === 'arp') return false;
  const v6 = isV6(flight.packet);
  if (frame.vlan !== undefined && sysctl(place.netns, 'net.bridge.bridge-nf-filter-vlan-tagged') !== '1') return false;
  const own = v6 ? bridge.bridge?.callIp6tables : bridge.bridge?.callIptables;
  return own === true || sysctl(place.netns, `net.bridge.bridge-nf-call-${v6 ? 'ip6tables' : 'iptables'}`) === '1';
};

/** To the IP stack of the netns, as if it had come in by the bridge itself (br_pass_frame_up). */
const passUp = (journey: Journey, { place, bridge, flight, frame }: Arrived, port: Link, pass: Pass | undefined): Step => {
  // what it came in is forgotten on the way up, so that forwarding may cut it to any size (ip6_rcv_core clears IP6CB, nf_ct_frag6_reasm sets ignore_df)
  if (pass && flight.pieces !== undefined && tracksConnections(place.netns, isV6(flight.packet) ? 6 : 4)) flight.whole = true;
  const local = pass ?? startPass({ journey, place, flight, frame, iif: bridge.name, bridgeIn: port.name });
  const filtered = refusal(runBridgeHook(local, 'input', bridge.name), local);
  // asked before a capture on the bridge itself sees it
  if (filtered) return stop(journey, filtered);
  addHop(journey, { place, device: bridge, direction: 'in', what: '', flight });
  const diverted = filterIn({ journey, place, device: bridge, flight, frame });
  if (diverted) return diverted;
  if (frame.vlan !== undefined) {
    const tagged = place.netns.links.find((link) => link.kind === 'vlan' && link.vlan?.id === frame.vlan && link.peerIfindex === bridge.ifindex);
    if (tagged) return { at: 'receive', place, device: tagged, flight, frame: { ...frame, vlan: undefined } };
  }
  // by which port it came only br_netfilter tells rules for IP (net/netfilter/xt_physdev.c)
  return { at: 'input', place, device: bridge, flight, frame, pass };
};

/** The source is looked at where the route is chosen: for what is for this host, and for what it forwards (ip_route_input_slow). */
const badSource = (pass: Pass, bridge: Link, route: RouteDecision): StopDetail | undefined => {
  if (route.kind === 'refused') return undefined;
  if (route.kind === 'local') return sourceProblem(pass, bridge);
  return isHost(pass, bridge) ? undefined : sourceProblem(pass, bridge, route.paths[0].device);
};

/** An IPv4 host that does not forward has no route but for itself (ip_route_input_slow). */
const isHost = ({ place, flight }: Pass, bridge: Link): boolean =>
  !isV6(flight.packet) && forwardingSwitch(place.netns, 4, bridge.name).value === '0';

/**
 * Of a frame for anybody else nobody is told anything (skb->pkt_type PACKET_HOST: net/ethernet/eth.c eth_type_trans, net/bridge/br_input.c
 * br_handle_frame; net/ipv4/icmp.c __icmp_send, net/ipv6/icmp.c icmp6_send).
 */
const isForHost = ({ bridge, frame: { to, own } }: Arrived, port: Link): boolean =>
  own === true || to === undefined || to === bridge.mac || to === port.mac;

/**
 * A translation on the bridge: to a neighbour on the same bridge it stays a frame, anywhere else it goes up. What has no way is freed here
 * and the bridge's own interface never sees it: in IPv6 for any route that refuses, in IPv4 for a bad source (br_nf_pre_routing_finish). Whose
 * neighbour does not answer is told so, as if it had been routed, and where it is not known for sure (NUD_CONNECTED) the packet passes the filters
 * of the bridge's own device (br_nf_pre_routing_finish_bridge, neigh->output, br_dev_xmit).
 */
const redirect = (journey: Journey, arrived: Arrived, port: Link, pass: Pass): Step => {
  const { place, bridge, flight, frame } = arrived;
  const route = lookupRoute(place.netns, routeQuery(flight, place, bridge.name), judgeOf(journey, place));
  if (route.kind === 'refused' && isV6(flight.packet)) return refuse(journey, place, route, flight, 'nobody');
  const odd = martianAddress(pass, bridge) ?? (isV6(flight.packet) ? undefined : badSource(pass, bridge, route));
  const late = odd ?? refusal(runBridgeHook(pass, 'prerouting', bridge.name, 'after'), pass);
  if (late) return stop(journey, late);
  if (route.kind !== 'unicast' || route.paths[0].device !== bridge.name || isHost(pass, bridge)) return passUp(journey, arrived, port, pass);
  const nextHop = route.paths[0].gateway ?? flight.packet.destination;
  const { mac, state, because } = resolve(journey, place, bridge, nextHop, flight.packet.source);
  if (mac === undefined && (state === 'nobody' || state === 'mute')) {
    addHop(journey, { place, device: bridge, direction: 'out', what: '', flight });
    const unanswered = unansweredStop(bridge, nextHop, because);
    return stop(journey, isForHost(arrived, port) ? unanswered : { ...unanswered, facts: { ...unanswered.facts, told: 'nobody' } });
  }
  if (mac === undefined) return lose(journey, `who has ${nextHop} on ${bridge.name} was not read`);
  const diverted = isFresh(state) ? undefined : filterOut({ journey, place, device: bridge, flight, frame: { from: bridge.mac, to: mac } });
  if (diverted) return diverted;
  // it comes back to where a bridge notes who sent it (br_nf_pre_routing_finish_bridge_slow, br_handle_frame_finish)
  if (frame.from !== undefined) locate(journey, place, bridge, frame.from, port);
  return bridgeForward(journey, { ...arrived, frame: { ...frame, to: mac } }, { port, pass, translated: true, vlan: undefined });
};
