import type { Family, FdbEntry, Link, Netns } from '../node/snapshot.ts';
import { familyOf } from './address.ts';
import { addHop, type Carried, type Flight, type Journey, lose, type Step, stop } from './flight.ts';
import { resolve } from './neighbour.ts';
import { type Place, unread } from './world.ts';

const zeroMac = '00:00:00:00:00:00';

/** A packet handed to a VXLAN device: neighbour → FDB → outer UDP packet (drivers/net/vxlan/vxlan_core.c vxlan_xmit). */
export const sendVxlan = ({ place, device, flight, nextHop, what }: Extract<Step, { at: 'transmit' }>, journey: Journey): Step => {
  const { vxlan } = device;
  addHop(journey, { place, device, direction: 'out', what, flight });
  const hop = journey.hops.at(-1);
  if (!vxlan || !hop) return lose(journey, `${device.name}: no VXLAN details in the snapshot`);
  if (vxlan.external) return lose(journey, `${device.name} takes its tunnel data from BPF or OVS`);

  const entries = place.netns.fdb.filter((entry) => entry.device === device.name && entry.destination !== undefined);
  const neighbour = resolve(journey, place, device, nextHop);
  const spread = entries.filter((entry) => entry.mac === zeroMac);
  const floods = spread.length > 0 || vxlan.remote !== undefined || vxlan.group !== undefined;
  if (neighbour.mac === undefined && unread(place, 'neighbours')) return lose(journey, 'the neighbours here could not be read');
  if (neighbour.mac === undefined && !floods) {
    const facts = { interface: device.name, address: nextHop, state: neighbour.state };
    return stop(journey, { reason: 'no-neighbour', message: `no neighbour entry for ${nextHop} on ${device.name}`, facts });
  }
  const remote = entryFor(entries, neighbour.mac)?.destination ?? spread[0]?.destination ?? vxlan.remote ?? vxlan.group;
  if (remote === undefined && unread(place, 'fdb')) return lose(journey, 'the FDB here could not be read');
  if (remote === undefined) {
    const facts = { interface: device.name, mac: neighbour.mac, address: nextHop };
    return stop(journey, { reason: 'no-fdb', message: `no FDB entry for ${neighbour.mac} on ${device.name}`, facts });
  }
  if (spread.length > 1 && entryFor(entries, neighbour.mac) === undefined) return lose(journey, `${device.name} floods to ${spread.length} remotes`);
  hop.what = [what, `VXLAN ${vxlan.vni} → ${remote}`, neighbour.mac === undefined ? '' : `VTEP ${neighbour.mac}`].filter(Boolean).join(', ');
  const carrier: Flight = {
    packet: { source: vxlan.local ?? '', destination: remote, protocol: 'udp', destinationPort: vxlan.port },
    // The mark stays with the buffer, so a packet marked for masquerading is masqueraded outside as well (flannel#1279).
    mark: flight.mark,
    direction: flight.direction,
    carries: { kind: 'vxlan', vni: vxlan.vni, port: vxlan.port, inner: flight, ...(neighbour.mac === undefined ? {} : { innerMac: neighbour.mac }) },
  };
  return { at: 'output', place: socketPlace(place, device), flight: carrier };
};

const entryFor = (entries: FdbEntry[], mac: string | undefined): FdbEntry | undefined =>
  mac === undefined ? undefined : entries.find((entry) => entry.mac === mac);

/** A tunnel device moved to another netns keeps its socket where it was made. */
const socketPlace = (place: Place, device: Link): Place => {
  const inode = device.linkNsid === undefined ? undefined : place.netns.nsids[String(device.linkNsid)];
  const netns = place.snapshot.namespaces.find((candidate) => candidate.inode === inode);
  return netns ? { snapshot: place.snapshot, netns } : place;
};

/** IPIP: the next hop is the far end of the tunnel (Calico's `via NODE dev tunl0 onlink`). */
export const sendIpip = ({ place, device, flight, nextHop, what }: Extract<Step, { at: 'transmit' }>, journey: Journey): Step => {
  addHop(journey, { place, device, direction: 'out', what: [what, `IPIP → ${nextHop}`].filter(Boolean).join(', '), flight });
  if (nextHop === flight.packet.destination) return lose(journey, `${device.name}: the far end is not in the route`);
  const carrier: Flight = {
    // Rules see `protocol` of the rule context, which knows IP protocol 4; `udp` here only fills the field.
    packet: { source: '', destination: nextHop, protocol: 'udp' },
    mark: flight.mark,
    direction: flight.direction,
    carries: { kind: 'ipip', inner: flight },
  };
  return { at: 'output', place, flight: carrier };
};

/** An outer packet addressed to this netns: find the device that owns the tunnel and take the header off. */
export const decapsulate = (journey: Journey, place: Place, flight: Flight): Step => {
  const { carries } = flight;
  if (!carries) return { at: 'end', outcome: 'unknown' };
  const found = carries.kind === 'vxlan' ? vxlanDevice(place, carries, flight.packet.destination) : ipipDevice(place);
  if (!found) {
    const wanted = carries.kind === 'vxlan' ? `VXLAN ${carries.vni} on UDP ${carries.port}` : 'IPIP';
    return stop(journey, {
      reason: 'no-tunnel-device',
      message: `no interface takes ${wanted}`,
      facts: { kind: carries.kind, vni: carries.vni, port: carries.port },
    });
  }
  const { inner, innerMac } = carries;
  return { at: 'receive', place: found.place, device: found.device, flight: inner, ...(innerMac === undefined ? {} : { mac: innerMac }) };
};

/** An IPv4 and an IPv6 device may share VNI and port: their sockets are of different families. */
const vxlanDevice = (place: Place, { vni, port }: Carried, outer: string): { place: Place; device: Link } | undefined => {
  const isIt = ({ vxlan }: Link): boolean => vxlan !== undefined && vxlan.vni === vni && vxlan.port === port && speaks(vxlan, familyOf(outer));
  const own = place.netns.links.find((link) => isIt(link) && link.linkNsid === undefined);
  if (own) return { place, device: own };
  for (const netns of place.snapshot.namespaces) {
    const device = netns.links.find((link) => isIt(link) && socketInode(netns, link) === place.netns.inode);
    if (device) return { place: { snapshot: place.snapshot, netns }, device };
  }
  return undefined;
};

const speaks = ({ local, remote, group }: NonNullable<Link['vxlan']>, family: Family): boolean => {
  const known = local ?? remote ?? group;
  return known === undefined || familyOf(known) === family;
};

const socketInode = (netns: Netns, link: Link): string | undefined => (link.linkNsid === undefined ? undefined : netns.nsids[String(link.linkNsid)]);

const ipipDevice = (place: Place): { place: Place; device: Link } | undefined => {
  const device = place.netns.links.find((link) => link.kind === 'ipip' && link.up);
  return device ? { place, device } : undefined;
};
