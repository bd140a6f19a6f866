import type { WireguardPeer } from '../../node/snapshot.ts';
import { contains, familyOf, parseAddress, parsePrefix } from '../address.ts';
import type { Emit } from '../device/emit.ts';
import { decided, type Journey, joined, lose, type Step, stop } from '../flight.ts';
import { socketPlace } from './vxlan-peers.ts';

/** Cryptokey routing: the peer with the longest allowed prefix that holds the destination (drivers/net/wireguard/device.c wg_xmit). */
export const sendWireguard = ({ place, device, flight, what }: Emit, journey: Journey): Step => {
  const config = place.netns.wireguard?.find((candidate) => candidate.device === device.name);
  const hop = journey.hops.at(-1);
  if (!config || !hop) return lose(journey, `the peers of ${device.name} were not read`);
  const { destination, length } = flight.packet;
  const found = longest(config.peers, destination);
  if (!found) {
    return stop(journey, {
      reason: 'no-peer',
      message: `no peer of ${device.name} is allowed ${destination}; the sender is told by ICMP`,
      facts: { interface: device.name, address: destination },
    });
  }
  const { peer, prefix } = found;
  const [, address, port] = /^\[?([^\]]+)\]?:(\d+)$/.exec(peer.endpoint ?? '') ?? [];
  if (address === undefined) {
    return stop(journey, {
      reason: 'no-peer',
      message: `the peer of ${device.name} for ${prefix} has no endpoint yet`,
      facts: { interface: device.name, address: destination, peer: peer.publicKey },
    });
  }
  const socket = socketPlace(place, device);
  if (!socket) return lose(journey, `where the socket of ${device.name} is was not read`);
  decided(journey, 'here', { by: 'tunnel', object: `peer ${peer.publicKey} endpoint ${peer.endpoint} allowed-ips ${prefix}` });
  hop.what = joined(what, `WireGuard → ${address}`);
  const overhead = 32 + 8 + (familyOf(address) === 4 ? 20 : 40);
  return {
    at: 'output',
    place: socket,
    flight: {
      packet: {
        source: '',
        destination: address,
        protocol: 'udp',
        destinationPort: Number(port),
        dontFragment: false,
        ...(config.listenPort === undefined ? {} : { sourcePort: config.listenPort }),
        ...(length === undefined ? {} : { length: length + overhead }),
      },
      mark: config.fwmark ?? 0,
      direction: flight.direction,
      carries: {
        kind: 'wireguard',
        port: Number(port),
        inner: flight,
        overhead,
        key: peer.publicKey,
        ...(config.publicKey === undefined ? {} : { sender: config.publicKey }),
      },
    },
  };
};

const longest = (peers: WireguardPeer[], destination: string): { peer: WireguardPeer; prefix: string } | undefined => {
  const address = parseAddress(destination);
  if (!address) return undefined;
  const holding = peers.flatMap((peer) =>
    peer.allowedIps.flatMap((prefix) => {
      const parsed = parsePrefix(prefix);
      return parsed && contains(parsed, address) ? [{ peer, prefix, length: parsed.length }] : [];
    }),
  );
  return holding.sort((a, b) => b.length - a.length)[0];
};
