import { familyOf } from '../address.ts';
import type { Emit } from '../device/emit.ts';
import { type Carried, decided, type Journey, joined, lose, type Step } from '../flight.ts';
import type { IpProtocol } from '../hop.ts';
import { socketPlace } from './vxlan-peers.ts';

const protocols: Record<string, IpProtocol> = { ipip: 'ipencap', sit: 'ipv6', gre: 'gre', ip6tnl: 'ipv6' };

const isGiven = (address: string | undefined): address is string => address !== undefined && !['any', '0.0.0.0', '::'].includes(address);

/** The far end is the device's own, or else the next hop of the route (Calico's `via NODE dev tunl0 onlink`; net/ipv4/ip_tunnel.c ip_tunnel_xmit). */
export const sendIpTunnel = ({ place, device, flight, nextHop, what }: Emit, journey: Journey): Step => {
  const { kind, ipTunnel } = device;
  const remote = isGiven(ipTunnel?.remote) ? ipTunnel.remote : nextHop;
  const hop = journey.hops.at(-1);
  if (ipTunnel?.external === true) return lose(journey, `${device.name} takes its tunnel data from BPF or OVS`);
  if (!hop || remote === undefined || remote === flight.packet.destination) return lose(journey, `${device.name}: the far end is not in the route`);
  const socket = socketPlace(place, device);
  if (!socket) return lose(journey, `where the socket of ${device.name} is was not read`);
  hop.what = joined(what, `${kind.toUpperCase()} → ${remote}`);
  decided(journey, 'here', { by: 'tunnel', object: `${device.name} ${kind} remote ${ipTunnel?.remote ?? 'any'} local ${ipTunnel?.local ?? 'any'}` });
  const overhead = (familyOf(remote) === 4 ? 20 : 40) + (kind === 'gre' ? 4 + (ipTunnel?.key === undefined ? 0 : 4) : 0);
  const { length } = flight.packet;
  return {
    at: 'output',
    place: socket,
    flight: {
      packet: {
        source: isGiven(ipTunnel?.local) ? ipTunnel.local : '',
        destination: remote,
        protocol: protocols[kind] ?? 'gre',
        dontFragment: ipTunnel?.pmtuDiscovery !== false,
        ...(length === undefined ? {} : { length: length + overhead }),
      },
      mark: flight.mark,
      direction: flight.direction,
      carries: {
        kind: kind as Carried['kind'],
        inner: flight,
        overhead,
        ...(ipTunnel?.key === undefined ? {} : { key: ipTunnel.key }),
      },
    },
  };
};
