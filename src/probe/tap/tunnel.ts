import type { Sighting } from '../observation.ts';
import { type IpPacket, PROTOCOL, readIp } from './ip-packet.ts';
import { ETHERTYPE, readEthernet } from './link-layer.ts';

/** UDP ports whose packets are tunnels; both are settings of a CNI. */
export interface TunnelPorts {
  vxlan: number[];
  geneve: number[];
}

/** Linux's old VXLAN default which flannel keeps, IANA's VXLAN, IANA's Geneve. */
export const USUAL_TUNNEL_PORTS: TunnelPorts = { vxlan: [8472, 4789], geneve: [6081] };

export type Outer = NonNullable<Sighting['outer']>;

interface Inner {
  kind: Outer['kind'];
  port?: number;
  vni?: number;
  packet: IpPacket | undefined;
}

const innerEthernet = (bytes: Buffer): IpPacket | undefined => {
  const frame = readEthernet(bytes);
  return frame && readIp(frame.ethertype, frame.payload);
};

/** RFC 7348 5: flags 1, reserved 3, VNI 3, reserved 1, Ethernet. RFC 8926 3.4: option length in fours, protocol 2, VNI 3. */
const readUdpTunnel = (port: number, payload: Buffer, ports: TunnelPorts): Inner | undefined => {
  if (payload.length < 8) return undefined;
  const vni = payload.readUIntBE(4, 3);
  if (ports.vxlan.includes(port)) return { kind: 'vxlan', port, vni, packet: innerEthernet(payload.subarray(8)) };
  if (!ports.geneve.includes(port)) return undefined;
  const inner = payload.subarray(8 + ((payload[0] ?? 0) & 0x3f) * 4);
  const type = payload.readUInt16BE(2);
  // 0x6558 is transparent Ethernet bridging.
  return { kind: 'geneve', port, vni, packet: type === 0x6558 ? innerEthernet(inner) : readIp(type, inner) };
};

const readInner = ({ protocol, transport }: IpPacket, ports: TunnelPorts): Inner | undefined => {
  if (protocol === PROTOCOL.ipip) return { kind: 'ipip', packet: readIp(ETHERTYPE.ipv4, transport) };
  if (protocol === PROTOCOL.ipv6) return { kind: 'ipip', packet: readIp(ETHERTYPE.ipv6, transport) };
  return protocol === PROTOCOL.udp && transport.length >= 8 ? readUdpTunnel(transport.readUInt16BE(2), transport.subarray(8), ports) : undefined;
};

/** Tunnels inside tunnels are rare and crafted ones endless. */
const DEEPEST = 3;

/** Takes off tunnel headers. `outer` is the outermost one: what the underlay sees. */
export const decapsulate = (packet: IpPacket, ports: TunnelPorts, depth = 0): { packet: IpPacket; outer?: Outer } => {
  const inner = depth < DEEPEST ? readInner(packet, ports) : undefined;
  if (!inner?.packet) return { packet };
  const { kind, port, vni } = inner;
  const outer: Outer = {
    kind,
    source: packet.source,
    destination: packet.destination,
    ...(port === undefined ? {} : { port }),
    ...(vni === undefined ? {} : { vni }),
  };
  return { packet: decapsulate(inner.packet, ports, depth + 1).packet, outer };
};
