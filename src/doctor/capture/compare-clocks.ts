import { setTimeout } from 'node:timers/promises';
import type { NodeClock } from '../../capture/clock.ts';
import type { Source } from '../../capture/interpret.ts';
import type { ClusterFacts } from '../../cluster/facts.ts';
import { familyOf } from '../../forwarding/address.ts';
import { walk, walkBack } from '../../forwarding/walk.ts';
import { hostNetns } from '../../forwarding/world.ts';
import type { NodeSnapshot } from '../../node/snapshot.ts';
import type { ProbeRequest } from '../../probe/probe.ts';
import type { StreamedPacket } from '../../probe/stream/pcap-reader.ts';
import { dissect, frameOf } from '../../probe/tap/dissect.ts';
import { joinSightings } from '../../probe/tap/join-sightings.ts';
import type { ProbeKey } from '../../probe/tap/probe-keys.ts';
import { tapSummary } from '../../probe/tap/tap-summary.ts';
import { USUAL_TUNNEL_PORTS } from '../../probe/tap/tunnel.ts';
import { clockOffsets } from '../clocks.ts';
import type { LiveDoor } from '../ports.ts';
import type { Streams } from './streams.ts';

/** A packet that came before the clocks were compared. */
export interface EarlyPacket {
  source: Source;
  packet: StreamedPacket;
}

const PINGS = 5;
const PING_TIMEOUT_MS = 300;

/** How long packets that a node has seen may take to come to us. */
const UNDERWAY_MS = 500;

/** One ping from the first node to each other one that is captured, too. */
const requestsFor = (first: string, others: string[], { nodes }: ClusterFacts, family: 4 | 6): ProbeRequest[] =>
  others.flatMap((node): ProbeRequest[] => {
    const ips = nodes.find(({ name }) => name === node)?.ips ?? [];
    const destination = ips.find((ip) => familyOf(ip) === family) ?? ips[0];
    if (destination === undefined) return [];
    const labels = { fromLabel: `node ${first}`, toLabel: `node ${node}` };
    const how = { protocol: 'icmp' as const, count: PINGS, timeoutMs: PING_TIMEOUT_MS };
    return [{ id: `clock ${node}`, purpose: 'node-to-node', node: first, from: { netns: 'host' }, ...labels, destination, ...how }];
  });

const offsetIn = (request: ProbeRequest, keys: ProbeKey[], early: EarlyPacket[], world: { facts: ClusterFacts; snapshots: NodeSnapshot[] }) => {
  const start = world.snapshots.find(({ node }) => node === request.node);
  const netns = start && hostNetns(start)?.inode;
  if (netns === undefined) return undefined;
  const there = walk({ source: '', destination: request.destination, protocol: 'icmp' }, { node: request.node, netns }, world);
  const back = walkBack(there, world);
  const bySource = Map.groupBy(early, ({ source }) => source);
  const captures = [...bySource].map(([source, packets]) => ({
    node: source.node,
    netns: source.netns,
    dropped: 0,
    frames: packets.flatMap(({ packet: { bytes, nanos } }) => {
      const dissected = dissect(source.linktype ?? 0, bytes, USUAL_TUNNEL_PORTS);
      const name = source.interfaces.get(dissected?.link.ifindex ?? 0) ?? '';
      const frame = dissected && frameOf(dissected, name, Number(nanos) / 1e9);
      return frame ? [frame] : [];
    }),
  }));
  const [offset] = clockOffsets(there.hops, back?.hops ?? [], tapSummary(joinSightings(captures, keys), request.id));
  return offset;
};

/** By how long the captures took to start: each node's clock against ours, half of that time wrong at most. */
const roughly = (first: string, node: string, { open }: Streams): NodeClock | undefined => {
  const [a, b] = [first, node].map((name) => open.find(({ source }) => source.node === name)?.stream.clock);
  if (!a || !b) return undefined;
  return {
    node,
    ahead: BigInt(Math.round((b.offsetMs - a.offsetMs) * 1000)) * 1000n,
    boundMicros: Math.round((a.boundMs + b.boundMs) * 1000),
    how: 'exec',
  };
};

export interface ClockQuestion {
  first: string;
  doors: LiveDoor[];
  facts: ClusterFacts;
  snapshots: NodeSnapshot[];
  streams: Streams;
  family: 4 | 6;
  /** Grows while it runs. */
  early: EarlyPacket[];
  /** Told what will tell the pings, as they are not to be shown. */
  expect: (keys: ProbeKey[]) => void;
}

/** How the other nodes' clocks differ from the first one's: pings between the nodes, seen at both ends by the captures that are open already. */
export const compareClocks = async ({ first, doors, facts, snapshots, streams, family, early, expect }: ClockQuestion): Promise<NodeClock[]> => {
  const others = [...new Set(streams.open.map(({ source }) => source.node))].filter((node) => node !== first);
  if (others.length === 0) return [];
  const requests = requestsFor(first, others, facts, family);
  const keys: ProbeKey[] = [];
  const door = doors.find(({ node, reach }) => node === first && reach === 'node');
  const results =
    (await door?.probe(requests, (planned) => {
      keys.push(...planned);
      expect(planned);
    })) ?? [];
  const answered = requests.filter(({ id }) =>
    results.find(({ request }) => request.id === id)?.attempts.some(({ outcome }) => outcome === 'answered'),
  );
  const offsets = () =>
    new Map(
      answered.flatMap((request) => {
        const offset = offsetIn(request, keys, early, { facts, snapshots });
        return offset ? [[offset.to, offset] as const] : [];
      }),
    );
  let found = offsets();
  for (const until = Date.now() + UNDERWAY_MS; found.size < answered.length && Date.now() < until; found = offsets()) await setTimeout(20);
  return others.flatMap((node): NodeClock[] => {
    const offset = found.get(node);
    if (offset) return [{ node, ahead: BigInt(offset.offsetMicros) * 1000n, boundMicros: offset.boundMicros, how: 'ping' }];
    const rough = roughly(first, node, streams);
    return rough ? [rough] : [];
  });
};
