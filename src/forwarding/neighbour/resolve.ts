import type { Family, Link } from '../../node/snapshot.ts';
import { familyOf, sameAddress } from '../address.ts';
import { assume, decided, type Journey, type Learned } from '../flight.ts';
import type { Stop } from '../hop.ts';
import { leaveOpen } from '../unread.ts';
import { isUplink } from '../uplinks.ts';
import { type End, linkHolding, type Place, placeKey, unread } from '../world.ts';
import { answers, askerOf, type Question } from './arp.ts';
import { entryFor, isValid, isWritten } from './entry.ts';
import { isListed, type Segment, segmentOf } from './segment.ts';
import { asked, canAsk, leaves, solicit } from './solicit.ts';

export interface Resolution {
  mac?: string;
  /** State of the entry, or what asking the link would give: `answered`, `nobody`, `unknown`; `mute` where this host's own rules let no question out or no answer in. */
  state: string;
  /** Somebody wrote it down: no answer will correct it. */
  fixed: boolean;
  /** What keeps whoever has the address from answering. */
  because?: Stop | undefined;
}

/** Sections by which a question finds its way and is answered. */
const answering = (family: Family): string[] => [
  ...['links', 'sysctls', 'fdb', 'tc'],
  ...['inet', 'routes', 'rules', 'neighbours', 'proxies'].map((name) => `${name}-${family}`),
];

/** One of those that the question comes to, or on this node might come to if its interfaces were known, of which not all was read. */
const halfReadOf = (place: Place, device: Link, ends: End[], family: Family): Place | undefined => {
  const { snapshot } = place;
  const others = isUplink(place, device) ? [] : snapshot.namespaces.map((netns) => ({ snapshot, netns }));
  return [place, ...ends.map((end) => end.place)].find((at) => unread(at, ...answering(family))) ?? others.find((at) => unread(at, 'links'));
};

/** Link-level address of the next hop: the neighbour table, else what ARP or ND would find. `source` is the packet's. */
export const resolve = (journey: Journey, place: Place, device: Link, address: string, source: string): Resolution => {
  const entry = entryFor(place, device, address);
  const learned = journey.learned.findLast((one) => isAbout(one, place, device, address));
  // whoever asks last has it, but where somebody wrote another down (net/core/neighbour.c neigh_event_ns, NEIGH_UPDATE_F_OVERRIDE)
  const moved = learned !== undefined && learned.mac !== entry?.mac && !(entry && isWritten(entry));
  if (entry?.mac !== undefined && isValid(entry) && !moved) {
    decided(journey, 'next', { by: 'neighbour', object: `${entry.address} dev ${entry.device} lladdr ${entry.mac} ${entry.state}` });
    return { mac: entry.mac, state: entry.state, fixed: isWritten(entry) };
  }
  if (learned) return { mac: learned.mac, state: 'learned', fixed: false };
  // the tunnel that would carry the question asks for the same neighbour
  const key = `${placeKey(place)} ${device.ifindex} ${address}`;
  if (journey.asking.has(key)) return { state: 'nobody', fixed: false };
  journey.asking.add(key);
  const question = { target: address, sender: askerOf(place, device, address, source) };
  const segment = segmentOf(journey.world, place, device, asked(journey, device, question));
  const { macs, sure, because, held, missed } = ask(journey, segment, { place, link: device }, question);
  journey.asking.delete(key);
  const mac = macs.length > 1 || (macs.length === 1 && !sure && !held) ? macs[raced(journey, place, device, address, macs)] : macs[0];
  if (mac !== undefined) {
    learn(journey, { place, link: device }, address, mac);
    return { mac, state: 'answered', fixed: false };
  }
  const halfRead = sure ? undefined : halfReadOf(place, device, segment.ends, familyOf(address));
  if (halfRead) leaveOpen(journey, halfRead, 'sysctls, routes or entries');
  if (isUplink(place, device)) introduce(journey, { place, link: device }, question);
  if (familyOf(address) === 6 && !canAsk(journey, { place, link: device }, question)) return { state: 'mute', fixed: false, because };
  return { state: (sure || missed) && !unread(place, 'links') ? 'nobody' : 'unknown', fixed: false, because };
};

/**
 * Whose answer comes first, or after a while last, stays in the table, and nobody can know whose that is (net/ipv4/arp.c arp_process). Where one
 * answers for what it does not have itself, whoever has it is somebody else, out there.
 */
const raced = (journey: Journey, place: Place, device: Link, address: string, macs: string[]): number => {
  const others = macs.length > 1 ? [] : ['somebody outside'];
  const what = `${macs.length + others.length} interfaces answer for ${address}: ${[...macs, ...others].join(', ')}`;
  const ways = [...macs, ...others].map((mac) => ({ label: `${address} is at ${mac}` }));
  return assume(journey, `${placeKey(place)} ${device.ifindex} neighbour ${address}`, { kind: 'unknown', what, ways });
};

/** Who is asked for his own address notes down who asks (net/ipv4/arp.c arp_process, net/ipv6/ndisc.c ndisc_recv_ns). */
const introduce = (journey: Journey, asker: End, question: Question): void => {
  const { mac } = asker.link;
  if (mac !== undefined && leaves(journey, asker, question)) journey.learned.push({ address: question.sender, mac });
};

const isAbout = (known: Learned, { snapshot, netns }: Place, device: Link, address: string): boolean =>
  known.node === snapshot.node && known.netns === netns.inode && known.device === device.name && sameAddress(known.address, address);

const hearers = ({ ends }: Segment, asker: End): End[] =>
  ends.filter(({ place, link }) => !(place.netns === asker.place.netns && link.ifindex === asker.link.ifindex));

interface Asked {
  macs: string[];
  /** Nobody else could answer. */
  sure: boolean;
  /** One that answers has the address. */
  held: boolean;
  /** One that has the address does not hear the question, or is not heard: nobody else will answer for it. */
  missed: boolean;
  because?: Stop | undefined;
}

/** All that would hear the question if nothing stood in the way, and those that do and answer it; both sides then know each other. */
const ask = (journey: Journey, segment: Segment, asker: End, question: Question): Asked => {
  const asked: Asked = { macs: [], sure: segment.complete && !isListed(segment, question.target), held: false, missed: false };
  for (const end of hearers(segment, asker)) {
    const answer = answers(end.place, end.link, question);
    if (answer === undefined) asked.sure = false;
    if (answer !== true || end.link.mac === undefined) continue;
    const exchange = solicit(journey, asker, end, question);
    if (exchange.asked) learn(journey, end, question.sender, asker.link.mac);
    asked.because ??= exchange.stop;
    const holds = linkHolding(end.place.netns, question.target) !== undefined;
    if (!exchange.answered) asked.missed ||= holds;
    if (!exchange.answered) continue;
    asked.held ||= holds;
    if (!asked.macs.includes(end.link.mac)) asked.macs.push(end.link.mac);
  }
  return asked;
};

const learn = (journey: Journey, { place, link }: End, address: string, mac: string | undefined): void => {
  if (mac === undefined || address === '') return;
  journey.learned.push({ node: place.snapshot.node, netns: place.netns.inode, device: link.name, address, mac });
};
