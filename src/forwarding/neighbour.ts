import type { Link } from '../node/snapshot.ts';
import { familyOf, sameAddress } from './address.ts';
import { doubt, type Journey } from './flight.ts';
import { interfaceSysctl } from './sysctl.ts';
import { farNetns, linkHolding, type Place, peerOf, portsOf, unread } from './world.ts';

export interface Resolution {
  mac?: string;
  /** State of the entry, or what asking the link would give. */
  state: string;
}

/** States in which the entry's address is used (NUD_VALID, include/net/neighbour.h). */
const valid = new Set(['REACHABLE', 'STALE', 'DELAY', 'PROBE', 'PERMANENT', 'NOARP']);

/** Link-level address of the next hop: the neighbour table, else what ARP or ND would find. */
export const resolve = (journey: Journey, place: Place, device: Link, address: string): Resolution => {
  const entry = place.netns.neighbours.find(
    (candidate) => candidate.device === device.name && !candidate.proxy && sameAddress(candidate.address, address),
  );
  if (entry?.mac !== undefined && valid.has(entry.state)) return { mac: entry.mac, state: entry.state };
  const answers = whoHas(place, device, address);
  if (answers.macs.length > 1) doubt(journey, `${answers.macs.length} interfaces answer for ${address}: ${answers.macs.join(', ')}`);
  const [mac] = answers.macs;
  if (mac !== undefined) return { mac, state: 'answered' };
  return { state: answers.complete && !unread(place, 'links') ? 'nobody' : 'unknown' };
};

export interface Answers {
  macs: string[];
  /** False when an interface that could answer was not read. */
  complete: boolean;
}

/** Who on this device's link would answer ARP or a neighbour solicitation for the address. */
const whoHas = (place: Place, device: Link, address: string): Answers => {
  if (device.kind === 'bridge') return askPorts(place, device, address);
  if (device.kind !== 'veth') return { macs: [], complete: false };
  const peer = peerOf(place, device);
  if (!peer) return { macs: [], complete: false };
  if (!peer.link.up) return { macs: [], complete: true };
  if (peer.link.master === undefined) return answerOf(peer.place, peer.link, address);
  const bridge = peer.place.netns.links.find((link) => link.ifindex === peer.link.master?.ifindex);
  if (bridge?.kind !== 'bridge') return { macs: [], complete: false };
  const own = answerOf(peer.place, bridge, address);
  const others = askPorts(peer.place, bridge, address, peer.link);
  return { macs: [...own.macs, ...others.macs], complete: own.complete && others.complete };
};

const askPorts = (place: Place, bridge: Link, address: string, except?: Link): Answers => {
  const answers = portsOf(place.netns, bridge)
    .filter((port) => port.ifindex !== except?.ifindex && port.up)
    .map((port): Answers => {
      const peer = peerOf(place, port);
      return peer ? answerOf(peer.place, peer.link, address) : { macs: [], complete: surelySilent(place, port, address) };
    });
  return { macs: answers.flatMap(({ macs }) => macs), complete: answers.every(({ complete }) => complete) };
};

/** Of a netns whose interfaces were not read the addresses are known all the same. */
const surelySilent = (place: Place, port: Link, address: string): boolean => {
  const own = farNetns(place, port)?.localAddresses;
  return own !== undefined && !own.some((candidate) => sameAddress(candidate, address));
};

/** Linux answers for any address of the netns, and for any it routes elsewhere when proxy_arp is on (net/ipv4/arp.c arp_process). */
const answerOf = (place: Place, link: Link, address: string): Answers => {
  if (!link.up || link.mac === undefined) return { macs: [], complete: true };
  const family = familyOf(address);
  const holder = family === 4 ? linkHolding(place.netns, address) : link.addresses.some((own) => sameAddress(own.address, address));
  const proxies = interfaceSysctl(place.netns, family, link.name, family === 4 ? 'proxy_arp' : 'proxy_ndp') === '1';
  return { macs: holder || proxies ? [link.mac] : [], complete: true };
};
