import { familyOf } from '../address.ts';
import type { Emit } from '../device/emit.ts';
import { type Journey, joined, lose, type Step } from '../flight.ts';
import { socketPlace } from './vxlan-peers.ts';

/** One remote for all, UDP like VXLAN (drivers/net/geneve.c); with `external` OVS or BPF says where to. */
export const sendGeneve = ({ place, device, flight, frame, what }: Emit, journey: Journey): Step => {
  const { geneve } = device;
  const hop = journey.hops.at(-1);
  if (!geneve || geneve.external || geneve.remote === undefined || !hop) return lose(journey, `${device.name} takes its tunnel data from BPF or OVS`);
  const socket = socketPlace(place, device);
  if (!socket) return lose(journey, `where the socket of ${device.name} is was not read`);
  const { vni, port, remote } = geneve;
  hop.what = joined(what, `Geneve ${vni} → ${remote}`);
  const overhead = 14 + 8 + 8 + (familyOf(remote) === 4 ? 20 : 40);
  const { length } = flight.packet;
  return {
    at: 'output',
    place: socket,
    flight: {
      packet: {
        source: '',
        destination: remote,
        protocol: 'udp',
        destinationPort: port,
        dontFragment: false,
        ...(length === undefined ? {} : { length: length + overhead }),
      },
      mark: flight.mark,
      direction: flight.direction,
      carries: { kind: 'geneve', vni, port, inner: flight, frame: { from: frame.from, to: frame.to }, overhead },
    },
  };
};
