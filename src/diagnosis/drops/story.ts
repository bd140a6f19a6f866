import { familyOf, hostPort, sameAddress } from '../../forwarding/address.ts';
import { describeRoute } from '../../forwarding/route/describe.ts';
import { lookupRoute } from '../../forwarding/route/lookup.ts';
import { forwardingSwitch } from '../../forwarding/sysctl.ts';
import { labelOf, linkHolding, linkNamed, type Place } from '../../forwarding/world.ts';
import type { Neighbour } from '../../node/snapshot.ts';
import type { PacketEnd } from '../end.ts';
import type { Evidence } from '../evidence.ts';
import type { DropKind } from './meaning.ts';
import type { ObservedDrop } from './observed.ts';

/** Words and facts of an end. */
export type Story = Omit<PacketEnd['stop'], 'reason'>;

/** What the FIB of that netns says of the packet now. */
export const routeStory = ({ netns }: Place, { drop }: ObservedDrop): Story & { kind?: DropKind } => {
  const { source, destination } = drop.packet;
  const route = lookupRoute(netns, { family: familyOf(destination), source, destination, mark: 0, iif: drop.interface });
  if (route.kind !== 'refused')
    return { message: `no route to ${destination} was found, though there is ${describeRoute(route)}`, facts: { destination } };
  const decidedBy = route.route
    ? `${route.route.type} ${route.route.destination}`
    : route.rule
      ? `rule ${route.rule.priority}: ${route.rule.action}`
      : undefined;
  return {
    kind: route.reason,
    message: describeRoute(route),
    ...(decidedBy === undefined ? {} : { decidedBy }),
    facts: {
      destination,
      ...(route.route ? { route: decidedBy ?? '', table: route.route.table } : {}),
      ...(route.rule ? { rule: `${route.rule.priority}` } : {}),
    },
  };
};

/** The device whose neighbour did not answer is the one the packet should have left by. */
const neighbourStory = (place: Place | undefined, { drop }: ObservedDrop): Story => {
  const { packet, interface: name, direction } = drop;
  const { source, destination } = packet;
  const route =
    place && lookupRoute(place.netns, { family: familyOf(destination), source, destination, mark: 0, iif: direction === 'out' ? 'lo' : name });
  const [path] = route?.kind === 'unicast' ? route.paths : [];
  const device = direction === 'out' ? name : (path?.device ?? name);
  const address = path?.gateway ?? destination;
  const via = address === destination ? '' : `, the next hop to ${destination}`;
  return { message: `nobody behind ${device} answered for ${address}${via}`, facts: { interface: device, address } };
};

/** Neighbour entries of that node that name another MAC for the packet's destination than the one that got it. */
const wrongEntry = (
  evidence: Pick<Evidence, 'snapshots' | 'facts'>,
  { drop }: ObservedDrop,
  own: string,
): { place: Place; entry: Neighbour } | undefined => {
  const snapshot = evidence.snapshots.find(({ node }) => node === drop.node);
  const found = snapshot?.namespaces.flatMap((netns) =>
    netns.neighbours
      .filter(({ address, mac, proxy }) => !proxy && mac !== undefined && mac !== own && sameAddress(address, drop.packet.destination))
      .map((entry) => ({ place: { snapshot, netns }, entry })),
  );
  // of several, the one of who sent this packet
  const asker = drop.packet.source;
  return (
    found?.find(({ place }) => linkHolding(place.netns, asker) !== undefined) ?? found?.find(({ place }) => place.netns.role === 'host') ?? found?.[0]
  );
};

const misaddressedStory = (evidence: Pick<Evidence, 'snapshots' | 'facts'>, observed: ObservedDrop, mac: string): Story => {
  const { interface: name, packet } = observed.drop;
  const facts = { interface: name, mac };
  const found = wrongEntry(evidence, observed, mac);
  if (!found) return { message: `the frame is addressed to another MAC than ${name}'s ${mac}`, facts };
  const { place, entry } = found;
  const where = labelOf(place, evidence);
  return {
    message: `${where === 'host' ? place.snapshot.node : where} has ${entry.mac} for ${packet.destination} (${entry.state}, on ${entry.device}), and ${name} has ${mac}`,
    facts: {
      ...facts,
      addressed: entry.mac ?? '',
      device: entry.device,
      address: packet.destination,
      sender: where,
      ...(place.netns.pid === undefined ? {} : { pid: `${place.netns.pid}` }),
    },
  };
};

/** Words and facts of an end that only the kernel saw, by its kind. */
export const storyOf = (evidence: Pick<Evidence, 'snapshots' | 'facts'>, place: Place | undefined, kind: DropKind, observed: ObservedDrop): Story => {
  const { interface: name, packet, wireLength } = observed.drop;
  const { source, destination } = packet;
  const link = linkNamed(place?.netns, name);
  const facts = { interface: name };
  switch (kind) {
    case 'forwarding-off': {
      const { name: sysctl, value } = place
        ? forwardingSwitch(place.netns, destination.includes(':') ? 6 : 4, name)
        : { name: 'net.ipv4.ip_forward' };
      return { message: `${sysctl} is ${value ?? 'off'}`, facts: { ...facts, sysctl } };
    }
    case 'reverse-path':
      return { message: `the route back to ${source} does not lead out of ${name}`, facts: { ...facts, source } };
    case 'martian-source':
      return { message: `${source} is an address that cannot come from outside here`, facts: { ...facts, source } };
    case 'otherhost':
      return misaddressedStory(evidence, observed, link?.mac ?? '');
    case 'no-neighbour':
      return neighbourStory(place, observed);
    case 'no-tunnel-device':
      return { message: `no interface takes the tunnel's packets that arrive on ${name}`, facts };
    case 'too-big':
    case 'port-mtu':
      return { message: `${wireLength} bytes are more than the next device takes`, facts: { ...facts, length: `${wireLength}` } };
    case 'ttl':
      return { message: 'its time to live was over', facts };
    case 'verdict':
      return { message: 'the program that a rule handed it to said no, or ended before it said anything', facts };
    case 'no-socket':
      return { message: `no socket takes ${hostPort(destination, packet.destinationPort)}`, facts };
    default:
      return { message: `the kernel dropped it${observed.drop.reason === undefined ? '' : ` for ${observed.drop.reason}`}`, facts };
  }
};
