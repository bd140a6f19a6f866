import { sameAddress } from '../forwarding/address.ts';
import type { Hop, Walk } from '../forwarding/hop.ts';
import { labelOf, linkNamed, placeAt, type World } from '../forwarding/world.ts';
import type { TapPlace } from '../probe/tap/tap-summary.ts';
import type { HopReport } from '../report/report.ts';
import { duplicateAddresses } from '../topology/duplicates.ts';
import { isAt, type Leg, packetsOf, timesOf } from './places.ts';

const firstTime = (place: TapPlace, leg: Leg): number => Math.min(...timesOf(place, leg).values());

/** A frame for an address that the bridge has not learned goes out of every port: those are copies, the way is elsewhere. */
const isFlooded = (world: World, places: TapPlace[], place: TapPlace): boolean => {
  const bridgeOf = ({ node, netns, interface: name }: TapPlace): number | undefined =>
    linkNamed(placeAt(world, node, netns)?.netns, name)?.master?.ifindex;
  const bridge = place.direction === 'out' ? bridgeOf(place) : undefined;
  return (
    bridge !== undefined &&
    places.some(
      (other) =>
        other !== place && other.direction === 'out' && other.node === place.node && other.netns === place.netns && bridgeOf(other) === bridge,
    )
  );
};

/**
 * The bridge whose ports the packet was led through: whether a translated frame is handed from port to port or by way of the bridge's own
 * device depends on the neighbour's cached header, which nothing shows (br_nf_pre_routing_finish_bridge).
 */
const isBridgeBetween = (world: World, place: TapPlace, hops: Hop[]): boolean => {
  const netns = placeAt(world, place.node, place.netns)?.netns;
  const bridge = linkNamed(netns, place.interface);
  if (!bridge) return false;
  return hops.some(
    (hop) => hop.netns === place.netns && hop.node === place.node && linkNamed(netns, hop.interface)?.master?.ifindex === bridge.ifindex,
  );
};

/**
 * An end of the packet that more than one namespace holds, where this place is on the way to one of them, or on that of a reply, which any of them
 * may have sent: whom a neighbour believes is luck.
 */
const sharedEnd = (world: World, place: TapPlace, leg: Leg): string | undefined => {
  const [packet] = packetsOf(place, leg).values();
  if (!packet) return undefined;
  return world.snapshots
    .flatMap((snapshot) => duplicateAddresses(snapshot).map((duplicate) => ({ ...duplicate, node: snapshot.node })))
    .find(
      ({ address, holders, node }) =>
        (leg === 'back' && sameAddress(packet.source, address)) ||
        (node === place.node &&
          [packet.source, packet.destination].some((end) => sameAddress(end, address)) &&
          holders.some(({ netns, hostInterface }) => netns === place.netns || hostInterface === place.interface)),
    )?.address;
};

/** `VXLAN 16729, UDP 8472 10.33.1.11 → 10.33.1.12` */
const tunnelOf = ({ outer }: TapPlace): Pick<HopReport, 'what' | 'tunnel'> => {
  if (!outer) return { what: '' };
  const { kind, vni, port, source, destination } = outer;
  const what = `inside ${kind.toUpperCase()}${vni === undefined ? '' : ` ${vni}`},${port === undefined ? '' : ` UDP ${port}`} ${source} → ${destination}`;
  const numbers = { ...(vni === undefined ? {} : { vni }), ...(port === undefined ? {} : { port }) };
  return { what, tunnel: { kind, ...numbers, local: source, remote: destination } };
};

const hopOf = (world: World, place: TapPlace, like: Hop | undefined, leg: Leg): HopReport => {
  const at = placeAt(world, place.node, place.netns);
  const link = linkNamed(at?.netns, place.interface);
  return {
    node: place.node,
    netns: place.netns,
    where: at ? labelOf(at, world) : 'host',
    interface: place.interface,
    ...(link ? { ifindex: link.ifindex } : {}),
    direction: place.direction,
    ...tunnelOf(place),
    packet: [...packetsOf(place, leg).values()][0] ?? like?.packet ?? { source: '', destination: '', protocol: 'icmp' },
  };
};

/**
 * The predicted hops with those in between that the packet crossed though nobody predicted them. Places are ordered by the clock of their
 * own node only: each comes behind the last hop of that node which saw the packet earlier.
 * @param others attempts that a Service sent to another endpoint, which take another way
 */
export const withUnpredicted = (walk: Walk | undefined, places: TapPlace[], leg: Leg, world: World, others: Set<number>): HopReport[] => {
  const hops = walk?.hops ?? [];
  // a model that knows its limits (an outside host, BPF, OVS) is not contradicted by what lies behind them
  const surprise = walk && walk.outcome !== 'unknown' && walk.doubts.length === 0 ? { unpredicted: true } : {};
  const crossed = places.filter((place) => [...timesOf(place, leg).keys()].some((attempt) => !others.has(attempt)));
  const extra = crossed
    .filter((place) => place.interface !== 'lo' && !hops.some((hop) => isAt(place, hop)) && !isFlooded(world, crossed, place))
    .sort((a, b) => firstTime(a, leg) - firstTime(b, leg));
  const result: HopReport[] = [...hops];
  const times = new Map<HopReport, number>();
  for (const hop of hops) {
    const place = crossed.find((candidate) => isAt(candidate, hop));
    if (place) times.set(hop, firstTime(place, leg));
  }
  for (const place of extra) {
    const time = firstTime(place, leg);
    const before = result.findLastIndex((hop) => hop.node === place.node && (times.get(hop) ?? Number.POSITIVE_INFINITY) <= time);
    const first = result.findIndex((hop) => hop.node === place.node);
    const index = before >= 0 ? before + 1 : first >= 0 ? first : result.length;
    const shared = sharedEnd(world, place, leg);
    const how =
      shared !== undefined
        ? { what: `to or from another one that has ${shared}` }
        : isBridgeBetween(world, place, hops)
          ? { what: 'by way of the bridge itself' }
          : surprise;
    const hop = { ...hopOf(world, place, result[index - 1], leg), ...how };
    times.set(hop, time);
    result.splice(index, 0, hop);
  }
  return result;
};
