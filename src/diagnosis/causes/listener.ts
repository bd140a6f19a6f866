import { hostPort, sameAddress } from '../../forwarding/address.ts';
import type { Packet } from '../../forwarding/hop.ts';
import { type Place, placeAt, unread } from '../../forwarding/world.ts';
import type { ListeningSocket, Netns } from '../../node/snapshot.ts';
import type { Cause, Draft } from '../cause.ts';
import { probeWords } from '../draft.ts';
import { type Evidence, endPods, failingLegs, type Leg, netnsOfPod, outcomes, podNamed } from '../evidence.ts';

const wildcards = new Set(['0.0.0.0', '::', '*', '']);

const accepts = (socket: ListeningSocket, { destination, destinationPort, protocol }: Packet): boolean => {
  if (socket.protocol !== protocol || socket.port !== destinationPort) return false;
  if (sameAddress(socket.address, destination)) return true;
  return wildcards.has(socket.address) && (socket.family === (destination.includes(':') ? 6 : 4) || socket.dual);
};

interface Unheard {
  leg: Leg;
  netns: Netns;
  node: string;
  packet: Packet;
  label: string;
}

/** A probe refused by the very netns it was meant for, where nothing listens on that port. */
export const unheard = (evidence: Evidence): Unheard | undefined => {
  for (const leg of failingLegs(evidence)) {
    const ways = outcomes(leg.probe);
    // the errors that answer datagrams are rate limited (net.ipv4.icmp_ratelimit): some are never sent
    const silent = leg.probe.request.protocol === 'udp' && ways.includes('refused');
    const refused = ways.every((outcome) => outcome === 'refused' || outcome === 'reset' || (silent && outcome === 'timeout'));
    const end = refused ? endOf(evidence, leg) : undefined;
    if (!end || end.packet.destinationPort === undefined || notRead(end.place)) continue;
    const { place, packet } = end;
    if (place.netns.sockets.some((socket) => accepts(socket, packet))) continue;
    const pod = endPods(evidence).find((candidate) => netnsOfPod(evidence, candidate)?.netns === place.netns && !candidate.hostNetwork);
    const host = place.netns.role === 'host' ? `node ${place.snapshot.node}` : undefined;
    return {
      leg,
      netns: place.netns,
      node: place.snapshot.node,
      packet,
      label: pod ? `pod ${podNamed(pod)}` : (host ?? `netns ${place.netns.inode}`),
    };
  }
  return undefined;
};

/** Where the walk delivers it; where the way cannot be predicted (BPF, OVS), the pod that has the address. */
const endOf = (evidence: Evidence, { there, probe }: Leg): { place: Place; packet: Packet } | undefined => {
  if (there?.end && there.arrived) {
    const place = placeAt(evidence, there.end.node, there.end.netns);
    return place && { place, packet: there.arrived };
  }
  const { destination, port, protocol } = probe.request;
  const pod = there?.outcome === 'unknown' ? evidence.facts.pods.find(({ ips }) => ips.some((ip) => sameAddress(ip, destination))) : undefined;
  const place = pod && netnsOfPod(evidence, pod);
  return place && { place, packet: { source: '', destination, protocol, ...(port === undefined ? {} : { destinationPort: port }) } };
};

/** Sockets that were not read are not sockets that do not exist. */
const notRead = (place: Place): boolean => place.netns.seen !== undefined || unread(place, 'sockets');

const socketWords = (sockets: ListeningSocket[], protocol: string): string => {
  const open = sockets
    .filter((socket) => socket.protocol === protocol)
    .map(({ address, port, process }) => `${hostPort(address, port)}${process ? ` (${process})` : ''}`);
  if (open.length === 0) return `nothing listens on any ${protocol.toUpperCase()} port there`;
  return `listening there: ${open.slice(0, 8).join(', ')}${open.length > 8 ? ` and ${open.length - 8} more` : ''}`;
};

/** Sockets on the right port that only answer on another address. */
const elsewhere = ({ netns, packet }: Unheard): ListeningSocket[] =>
  netns.sockets.filter(({ protocol, port }) => protocol === packet.protocol && port === packet.destinationPort);

export const refusedDraft = (evidence: Evidence, found: Unheard, title: string, fix: string[]): Draft => {
  const { leg, netns, node, packet } = found;
  const states = endPods(evidence).flatMap((pod) =>
    netnsOfPod(evidence, pod)?.netns === netns
      ? pod.containers
          .filter(({ reason }) => reason !== undefined)
          .map(({ name, reason, restarts }) => `container ${name}: ${reason}, ${restarts} restarts`)
      : [],
  );
  return {
    severity: 'problem',
    // The refusal itself came back through the network, and the socket table agrees.
    confidence: 'certain',
    title,
    ...(leg.there && leg.probe.request.purpose === 'main' ? { hop: leg.there.hops.length - 1 } : {}),
    place: { node },
    evidence: [
      probeWords(leg),
      `no socket takes ${packet.protocol.toUpperCase()} ${hostPort(packet.destination, packet.destinationPort)}; ${socketWords(netns.sockets, packet.protocol)}`,
      ...states,
    ],
    fix,
    notes: ['The refusal comes from the target itself: the network between is fine.'],
  };
};

export const noListener: Cause = {
  code: 'ND4001',
  summary: 'Nothing listens on the port at the target.',
  recognise: (evidence) => {
    const found = unheard(evidence);
    if (!found || elsewhere(found).length > 0 || evidence.to.kind === 'service') return undefined;
    const { packet, label } = found;
    const title = `Nothing in ${label} listens on ${packet.protocol.toUpperCase()} port ${packet.destinationPort}.`;
    return refusedDraft(evidence, found, title, ['Start the server on that port, or ask on the port it listens on.']);
  },
};

export const listensElsewhere: Cause = {
  code: 'ND4002',
  summary: 'The server listens on the port, but on another address (loopback only, another family).',
  recognise: (evidence) => {
    const found = unheard(evidence);
    const sockets = found ? elsewhere(found) : [];
    if (!found || sockets.length === 0) return undefined;
    const { packet, label } = found;
    const bound = [...new Set(sockets.map(({ address }) => address))].join(', ');
    const title = `The server in ${label} listens on port ${packet.destinationPort} of ${bound} only, not of ${packet.destination}.`;
    return refusedDraft(evidence, found, title, [`Make it listen on ${packet.destination.includes(':') ? '::' : '0.0.0.0'} instead of ${bound}.`]);
  },
};
