import { hostNetns } from '../../forwarding/world.ts';
import type { NodeSnapshot } from '../../node/snapshot.ts';
import type { Sighting } from '../../probe/observation.ts';
import type { Evidence, Leg } from '../evidence.ts';
import { type PortPair, portPairs } from './switch-counters.ts';

/**
 * Patch ports and tunnels count by the flows that used them, which ovs-vswitchd reads every 500 ms (max-revalidator, ovs-vswitchd.conf.db(5)): whoever
 * waited this long for an answer reads what is settled.
 */
const SETTLED_MS = 1000;

const risen = ({ earlier, later }: PortPair, side: 'rx' | 'tx'): number | undefined => {
  const [old, now] = [earlier.counters?.[side].packets, later.counters?.[side].packets];
  return old === undefined || now === undefined ? undefined : now - old;
};

/** What the host sends by its own end of a port comes into the switch there. */
const cameIn = ({ later: { kind } }: PortPair, { direction }: Sighting): boolean => (direction === 'out') === (kind === 'internal');

/** All ports of a bridge, if each was there, with its figures, before and after. */
const wholeBridge = (before: NodeSnapshot, after: NodeSnapshot, bridge: string): PortPair[] => {
  const pairs = portPairs(before, after).filter((pair) => pair.bridge === bridge);
  const counts = [before, after].map(({ ovs }) => ovs?.bridges.find(({ name }) => name === bridge)?.ports.length);
  return counts.every((count) => count === pairs.length) && pairs.every((pair) => risen(pair, 'rx') !== undefined && risen(pair, 'tx') !== undefined)
    ? pairs
    : [];
};

/** Attempts of this leg that nobody answered and that a capture saw come in by this port, or their answers. */
const lostAt = ({ taps }: Evidence, { probe }: Leg, snapshot: NodeSnapshot, pair: PortPair, what: Sighting['what']): number => {
  const host = hostNetns(snapshot)?.inode;
  const attempts = taps
    .filter(({ node, netns }) => node === snapshot.node && netns === host)
    .flatMap(({ sightings }) => sightings)
    .filter((sighting) => sighting.what === what && sighting.probe === probe.request.id && sighting.interface === pair.later.name)
    .filter((sighting) => cameIn(pair, sighting))
    .flatMap(({ attempt }) => (attempt !== undefined && probe.attempts[attempt]?.outcome === 'timeout' ? [attempt] : []));
  return new Set(attempts).size;
};

/**
 * Switches that lost probes came into while no port of theirs sent a packet, whatever it was: they end in there. On a busy switch this says
 * nothing, for what others sent may have been the probes.
 */
export const keptBySwitch = (evidence: Evidence, leg: Leg): string[] => {
  const { request, predicted } = leg.probe;
  if (request.timeoutMs < SETTLED_MS || predicted) return [];
  return (evidence.before ?? []).flatMap((before) => {
    const after = evidence.snapshots.find(({ node }) => node === before.node);
    return (after?.ovs?.bridges ?? []).flatMap(({ name: bridge }) => {
      const ports = after ? wholeBridge(before, after, bridge) : [];
      return ports.flatMap((port) => {
        const silent = ports.every((other) => other === port || risen(other, 'tx') === 0);
        const received = risen(port, 'rx') ?? 0;
        return (['request', 'reply'] as const).flatMap((what) => {
          const lost = silent && after ? lostAt(evidence, leg, after, port, what) : 0;
          if (lost === 0 || received < lost) return [];
          const lostWhat = what === 'request' ? 'probes' : 'answers';
          const all = received === lost ? '' : ` (${received} packets in all)`;
          return [
            `${before.node}: OVS port ${port.later.name} of ${bridge} received ${lost} lost ${lostWhat}${all}, and no other port of ${bridge} sent a packet meanwhile`,
          ];
        });
      });
    });
  });
};
