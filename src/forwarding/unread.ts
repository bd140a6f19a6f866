import type { Family, Link } from '../node/snapshot.ts';
import { familyOf, sameAddress } from './address.ts';
import { bridgeOf } from './bridge/ports.ts';
import { assume, type Flight, type Journey, type Step } from './flight.ts';
import { entryFor, isValid } from './neighbour/entry.ts';
import { isV6 } from './pass.ts';
import { isUplink } from './uplinks.ts';
import { hostNetns, labelOf, type Place, peerOf, placeKey, unread, unreadRoutes, unreadRules, type World, wasRead } from './world.ts';

type Going = Exclude<Step, { at: 'end' }>;

/** Something that decides about a packet, and when what was read of it does not say how. */
interface Subject {
  /** What a person would call it, in the plural. */
  name: string;
  isOpen: (step: Going, world: World) => boolean;
}

const familyIn = ({ packet }: Flight): Family => (isV6(packet) ? 6 : 4);

/** Routes, rules and sysctls are asked by the IP stack; ARP is no IP. */
const isAsked = ({ at, flight }: Going): boolean => (at === 'output' || at === 'input') && flight.solicits !== 'arp';

const deviceOf = (step: Going): Link | undefined => (step.at === 'output' ? undefined : step.device);

/** The bridge a frame crosses: by one of its ports, or from the bridge's own interface. */
const crossed = (step: Going): Link | undefined => {
  const device = step.at === 'receive' || step.at === 'emit' ? deviceOf(step) : undefined;
  if (!device) return undefined;
  return step.at === 'receive' ? bridgeOf(step.place, device) : device.kind === 'bridge' ? device : undefined;
};

/** By the way a frame goes: the section that tells of its filters, and the qdiscs that have a place for them. */
const FILTERS: Record<'receive' | 'emit', { section: string; kinds: string[] }> = {
  receive: { section: 'tc-ingress', kinds: ['ingress', 'clsact'] },
  emit: { section: 'tc-egress', kinds: ['clsact'] },
};

/** Filters hang on devices with a place for them, where it is known which have one. */
const mayFilter = ({ netns }: Place, device: Link, kinds: string[]): boolean =>
  netns.tc.qdiscs.length === 0 || netns.tc.qdiscs.some((qdisc) => qdisc.device === device.name && kinds.includes(qdisc.kind));

const filtersOpen = (step: Going): boolean => {
  if (step.at !== 'receive' && step.at !== 'emit') return false;
  const { place, device } = step;
  const { section, kinds } = FILTERS[step.at];
  return unread(place, 'tc-qdisc') || (unread(place, section, 'tc-devices') && mayFilter(place, device, kinds));
};

const entriesOpen = (step: Going): boolean => {
  const tunnels = step.at === 'emit' && step.device.kind === 'vxlan';
  if (!unread(step.place, 'fdb') || !(tunnels || crossed(step))) return false;
  const mac = step.at === 'emit' || step.at === 'receive' ? step.frame.to : undefined;
  return !step.place.netns.fdb.some((entry) => entry.mac === mac);
};

const neighboursOpen = (step: Going): boolean => {
  if (step.at !== 'transmit') return false;
  const family = familyOf(step.nextHop);
  if (!unread(step.place, `inet-${family}`, `neighbours-${family}`)) return false;
  const entry = entryFor(step.place, step.device, step.nextHop);
  return entry === undefined || !isValid(entry);
};

/** The far end of a pair may be in a namespace of which too little was read to tell. */
const peerOpen = (step: Going, { facts }: World): boolean => {
  if (step.at !== 'emit' || step.device.kind !== 'veth' || peerOf(step.place, step.device) !== undefined) return false;
  const { snapshot, netns: own } = step.place;
  if (unread(step.place, 'nsids')) return true;
  // where namespaces have names, one without is of no pod here
  if (Object.keys(own.nsids).length === 0 && snapshot.namespaces.some((netns) => unread({ snapshot, netns }, 'links'))) return true;
  const { destination } = step.flight.packet;
  const pod = facts.pods.find(
    ({ node, hostNetwork, ips }) => node === snapshot.node && !hostNetwork && ips.some((ip) => sameAddress(ip, destination)),
  );
  return pod !== undefined && !snapshot.namespaces.some(({ podUid, links }) => podUid === pod.uid && links.length > 0);
};

/** A node of which so little was read that nobody can say which of its interfaces takes a packet for it. */
const receiverOpen = (step: Going, { snapshots, facts }: World): boolean => {
  if (step.at !== 'emit' || !isUplink(step.place, step.device)) return false;
  const targets = [step.flight.packet.destination, ...(step.nextHop === undefined ? [] : [step.nextHop])];
  return snapshots.some((snapshot) => {
    const host = hostNetns(snapshot);
    if (snapshot === step.place.snapshot || (host && wasRead(host) && !unread({ snapshot, netns: host }, 'links'))) return false;
    const ips = facts.nodes.find(({ name }) => name === snapshot.node)?.ips ?? [];
    return targets.some((target) => ips.some((ip) => sameAddress(ip, target)));
  });
};

/** Not so where only the switch's counters were not read. */
const switchOpen = ({ at, place: { netns, snapshot } }: Going): boolean =>
  (at === 'emit' || at === 'receive') && netns.role === 'host' && snapshot.problems.some(({ section }) => section === 'ovs');

const peersOpen = (step: Going): boolean => {
  const { place, flight } = step;
  const tunnels = step.at === 'emit' ? step.device.kind === 'wireguard' : step.at === 'input' && flight.carries?.kind === 'wireguard';
  return tunnels && unread(place, 'wireguard');
};

const vlansOpen = (step: Going): boolean => crossed(step)?.bridge?.vlanFiltering === true && unread(step.place, 'vlans');

const sysctlsOpen = (step: Going): boolean => unread(step.place, 'sysctls') && (step.at === 'input' ? isAsked(step) : crossed(step) !== undefined);

const rulesOpen = (step: Going): boolean => {
  const isBridged = crossed(step) !== undefined && step.flight.solicits !== 'arp';
  return (isAsked(step) || isBridged) && (step.place.netns.seen === 'attach' || unreadRules(step.place, familyIn(step.flight)));
};

/** Of a namespace that nobody asked for little is read, which is no problem; but nothing starts there. */
const interfacesOpen = ({ at, place, flight }: Going): boolean =>
  unread(place, 'links') || (at === 'output' && flight.direction === 'request' && !wasRead(place.netns));

const subjects: Subject[] = [
  { name: 'interfaces', isOpen: interfacesOpen },
  { name: 'firewall rules', isOpen: rulesOpen },
  { name: 'routes', isOpen: (step) => isAsked(step) && unreadRoutes(step.place, familyIn(step.flight)) },
  { name: 'sysctls', isOpen: sysctlsOpen },
  { name: 'neighbours', isOpen: neighboursOpen },
  { name: 'FDB entries', isOpen: entriesOpen },
  { name: 'VLANs of bridge ports', isOpen: vlansOpen },
  { name: 'tc filters', isOpen: filtersOpen },
  { name: 'ports of OVS', isOpen: switchOpen },
  { name: 'WireGuard peers', isOpen: peersOpen },
  { name: 'far ends of interfaces', isOpen: (step, world) => peerOpen(step, world) || receiverOpen(step, world) },
];

/**
 * What comes next as far as it was read; where that does not decide, one doubt for the place and the subject. The other way is not followed:
 * what was not read may do anything with the packet, so whatever is found beyond is an example and no forecast.
 */
export const mindUnread = (step: Going, journey: Journey): void => {
  for (const { name, isOpen } of subjects) if (isOpen(step, journey.world)) leaveOpen(journey, step.place, name);
};

/** From here on nothing is certain, as not all of what is named was read there. */
export const leaveOpen = (journey: Journey, place: Place, name: string): void => {
  const what = `not all ${name} of ${labelOf(place, journey.world)} on ${place.snapshot.node} could be read`;
  const ways = [{ label: 'as far as they were read' }, { label: 'as nobody knows', untold: true }];
  assume(journey, `unread ${name} ${placeKey(place)}`, { kind: 'unknown', what, ways });
};
