import { hostNetns } from '../../forwarding/world.ts';
import type { NodeSnapshot } from '../../node/snapshot.ts';
import type { Sighting, TapResult } from '../../probe/observation.ts';
import type { Evidence, Leg } from '../evidence.ts';
import { type PortPair, portPairs } from './switch-counters.ts';

/**
 * Patch ports and tunnels count by the flows that used them, which ovs-vswitchd reads every 500 ms (max-revalidator, ovs-vswitchd.conf.db(5)): whoever
 * waited this long for an answer reads what is settled.
 */
const SETTLED_MS = 1000;

type Figure = 'packets' | 'dropped';

const risen = ({ earlier, later }: PortPair, side: 'rx' | 'tx', figure: Figure = 'packets'): number | undefined => {
  const [old, now] = [earlier.counters?.[side][figure], later.counters?.[side][figure]];
  return old === undefined || now === undefined ? undefined : now - old;
};

/** What the host sends by its own end of a port comes into the switch there. */
const cameIn = ({ later: { kind } }: PortPair, direction: Sighting['direction']): boolean => (direction === 'out') === (kind === 'internal');

/** All ports of a bridge, if each was there, with its figures, before and after. */
const wholeBridge = (before: NodeSnapshot, after: NodeSnapshot, bridge: string): PortPair[] => {
  const pairs = portPairs(before, after).filter((pair) => pair.bridge === bridge);
  const counts = [before, after].map(({ ovs }) => ovs?.bridges.find(({ name }) => name === bridge)?.ports.length);
  return counts.every((count) => count === pairs.length) && pairs.every((pair) => risen(pair, 'rx') !== undefined && risen(pair, 'tx') !== undefined)
    ? pairs
    : [];
};

/** A leg on one node: what its host's captures saw there. */
interface Watched {
  leg: Leg;
  taps: TapResult[];
}

const watchedOn = ({ taps }: Evidence, leg: Leg, snapshot: NodeSnapshot): Watched => {
  const host = hostNetns(snapshot)?.inode;
  return { leg, taps: taps.filter(({ node, netns }) => node === snapshot.node && netns === host) };
};

const isLost = ({ probe }: Leg, sighting: Sighting): boolean =>
  sighting.probe === probe.request.id && sighting.attempt !== undefined && probe.attempts[sighting.attempt]?.outcome === 'timeout';

/** Attempts that nobody answered and that a capture saw come in by this port, or their answers. */
const lostAt = ({ leg, taps }: Watched, port: PortPair, what: Sighting['what']): number => {
  const found = taps
    .flatMap(({ sightings }) => sightings)
    .filter((sighting) => sighting.what === what && sighting.interface === port.later.name && cameIn(port, sighting.direction))
    .filter((sighting) => isLost(leg, sighting));
  return new Set(found.map(({ attempt }) => attempt)).size;
};

/** How many packets that are none of the lost ones a capture saw go out by this port: other probes, and questions for a MAC with their answers. */
const othersAt = ({ leg, taps }: Watched, port: PortPair): number =>
  taps
    .flatMap(({ sightings, claims = [] }) => [...sightings.filter((sighting) => !isLost(leg, sighting)), ...claims])
    .filter((seen) => seen.interface === port.later.name && !cameIn(port, seen.direction)).length;

/** Whether what the port sent is known, packet by packet, and none of it was lost: a packet that it dropped is in the capture and not in its count. */
const sentOthers = (watched: Watched, port: PortPair): boolean => {
  const sent = risen(port, 'tx');
  return sent === 0 || (sent === othersAt(watched, port) && risen(port, 'tx', 'dropped') === 0);
};

const told = (watched: Watched, port: PortPair, others: PortPair[], what: 'request' | 'reply'): string[] => {
  const lost = lostAt(watched, port, what);
  const received = risen(port, 'rx') ?? 0;
  if (lost === 0 || received < lost) return [];
  const all = received === lost ? '' : ` (${received} packets in all)`;
  const sent = others.reduce((sum, other) => sum + (risen(other, 'tx') ?? 0), 0);
  const rest = sent === 0 ? 'sent a packet meanwhile' : `sent any of them: all ${sent} packets that they sent were others`;
  return [
    `OVS port ${port.later.name} of ${port.bridge} received ${lost} lost ${what === 'request' ? 'probes' : 'answers'}${all}, and no other port of ${port.bridge} ${rest}`,
  ];
};

/**
 * Switches that lost probes came into and that no port of theirs sent on: every packet that was sent is known as another one, or none was. On a busy
 * switch this says nothing, for what captures did not recognise may have been the probes.
 */
export const keptBySwitch = (evidence: Evidence, leg: Leg): string[] => {
  const { request, predicted } = leg.probe;
  if (request.timeoutMs < SETTLED_MS || predicted) return [];
  return (evidence.before ?? []).flatMap((before) => {
    const after = evidence.snapshots.find(({ node }) => node === before.node);
    if (!after) return [];
    const watched = watchedOn(evidence, leg, after);
    return (after.ovs?.bridges ?? []).flatMap(({ name }) => {
      const ports = wholeBridge(before, after, name);
      return ports.flatMap((port) => {
        const others = ports.filter((other) => other !== port);
        if (!others.every((other) => sentOthers(watched, other))) return [];
        return (['request', 'reply'] as const).flatMap((what) => told(watched, port, others, what)).map((words) => `${before.node}: ${words}`);
      });
    });
  });
};
