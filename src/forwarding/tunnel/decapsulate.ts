import type { Link } from '../../node/snapshot.ts';
import { inPrefix, sameAddress } from '../address.ts';
import { type Carried, type Flight, type Journey, type Step, stop } from '../flight.ts';
import type { End, Place } from '../world.ts';
import { devicesOf, learnRemote, speaks } from './vxlan-peers.ts';

/** An outer packet addressed to this netns: find the device that owns the tunnel and take the header off. */
export const decapsulate = (journey: Journey, place: Place, flight: Flight): Step => {
  const { carries } = flight;
  if (!carries) return { at: 'end', outcome: 'unknown' };
  const found = finders[carries.kind]({ place, carries, flight });
  if (!found) {
    return stop(journey, {
      reason: carries.kind === 'wireguard' ? 'no-peer' : 'no-tunnel-device',
      message: `no interface takes ${wanted(carries)}`,
      facts: { kind: carries.kind, vni: carries.vni, port: carries.port },
    });
  }
  const echoed = carries.frame?.from !== undefined && carries.frame.from === found.link.mac;
  if (echoed) {
    return stop(journey, {
      reason: 'otherhost',
      message: `${found.link.name} drops a frame that comes from its own address ${found.link.mac}`,
      facts: { interface: found.link.name, mac: found.link.mac, addressed: carries.frame?.from },
    });
  }
  if (carries.kind === 'vxlan' && carries.frame?.from !== undefined) learnRemote(journey, found, carries.frame.from, flight.packet.source);
  // the mark stays unless the device is in another netns than the socket (skb_scrub_packet)
  const mark = found.place.netns === place.netns ? flight.mark : 0;
  return { at: 'receive', place: found.place, device: found.link, flight: { ...carries.inner, mark }, frame: carries.frame ?? {} };
};

const wanted = ({ kind, vni, port }: Carried): string => {
  if (kind === 'vxlan' || kind === 'geneve') return `${kind === 'vxlan' ? 'VXLAN' : 'Geneve'} ${vni} on UDP ${port}`;
  return kind === 'wireguard' ? `WireGuard on UDP ${port} from this peer` : kind.toUpperCase();
};

interface Outer {
  place: Place;
  carries: Carried;
  flight: Flight;
}

const findVxlan = ({ place, carries, flight }: Outer): End | undefined =>
  devicesOf(place, 'vxlan').find(
    ({ link: { up, vxlan } }) =>
      up && vxlan?.vni === carries.vni && vxlan?.port === carries.port && vxlan !== undefined && speaks(vxlan, flight.packet.destination),
  );

const findGeneve = ({ place, carries }: Outer): End | undefined =>
  devicesOf(place, 'geneve').find(({ link }) => link.up && link.geneve?.vni === carries.vni && link.geneve?.port === carries.port);

/** Both ends given, then the far one, then the near one, then the device for all others (net/ipv4/ip_tunnel.c ip_tunnel_lookup). */
const findIpTunnel =
  (kind: string) =>
  ({ place, carries, flight: { packet } }: Outer): End | undefined => {
    const isEnd = (own: string | undefined, address: string): boolean => own !== undefined && sameAddress(own, address);
    const isOpen = (own: string | undefined): boolean => own === undefined || own === 'any' || own === '0.0.0.0' || own === '::';
    const score = ({ ipTunnel }: Link): number => {
      const { local, remote, key } = ipTunnel ?? {};
      if (kind === 'gre' && (key ?? '0') !== (carries.key ?? '0')) return -1;
      if (!(isOpen(local) || isEnd(local, packet.destination)) || !(isOpen(remote) || isEnd(remote, packet.source))) return -1;
      return (isEnd(remote, packet.source) ? 2 : 0) + (isEnd(local, packet.destination) ? 1 : 0);
    };
    return devicesOf(place, kind)
      .filter(({ link }) => link.up && score(link) >= 0)
      .sort((a, b) => score(b.link) - score(a.link))[0];
  };

/** The peer that sent it must be one that the inner source belongs to (drivers/net/wireguard/receive.c wg_packet_consume_data_done). */
const findWireguard = ({ place, carries }: Outer): End | undefined => {
  const source = carries.inner.packet.source;
  return devicesOf(place, 'wireguard').find(({ link, place: own }) => {
    const device = own.netns.wireguard?.find((candidate) => candidate.device === link.name);
    if (!link.up || !device || device.listenPort !== carries.port) return false;
    if (carries.key !== undefined && device.publicKey !== undefined && carries.key !== device.publicKey) return false;
    const sender = device.peers.find(({ publicKey }) => publicKey === carries.sender);
    return carries.sender === undefined || sender?.allowedIps.some((prefix) => inPrefix(prefix, source)) === true;
  });
};

const finders: Record<Carried['kind'], (outer: Outer) => End | undefined> = {
  vxlan: findVxlan,
  geneve: findGeneve,
  ipip: findIpTunnel('ipip'),
  sit: findIpTunnel('sit'),
  gre: findIpTunnel('gre'),
  ip6tnl: findIpTunnel('ip6tnl'),
  wireguard: findWireguard,
};
