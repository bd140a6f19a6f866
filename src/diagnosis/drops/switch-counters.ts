import { hostNetns, linkNamed } from '../../forwarding/world.ts';
import type { OvsFlow, OvsPort } from '../../node/dataplane-state.ts';
import type { Link, NodeSnapshot } from '../../node/snapshot.ts';
import { packetsBefore } from '../../policy/programmed/ovn.ts';
import type { Rise } from './rise.ts';

/**
 * What drops and is no policy: the end of physical to logical, and OVN's stage ls_in_apply_port_sec (ovn-architecture(7), northd.c; logical tables begin
 * at 8).
 */
const MEANT: { table: number; priority?: number; words: string }[] = [
  { table: 0, priority: 0, words: 'of a port the switch does not know' },
  { table: 9, words: 'port security: an address the port may not use' },
];

const meaningOf = ({ table, priority }: OvsFlow): string[] =>
  MEANT.filter((one) => one.table === table && (one.priority ?? priority) === priority).map(({ words }) => `(${words})`);

/** OVN's table 40 ends in a drop that counts whatever goes to another node as well, so that it says nothing. */
const REMOTE_OUTPUT = 40;

const flowName = (flow: OvsFlow): string =>
  [`drop flow of br-int table ${flow.table} priority ${flow.priority}`, flow.match.join(','), ...meaningOf(flow)].filter(Boolean).join(' ');

const flowRises = ({ ovn: before }: NodeSnapshot, { ovn: after }: NodeSnapshot): Rise[] =>
  before && after
    ? after.drops
        .filter(({ table, priority }) => table !== REMOTE_OUTPUT || priority !== 0)
        .map((flow) => ({ name: flowName(flow), by: flow.packets - (packetsBefore(before, flow) ?? 0) }))
    : [];

/** A port of a switch in two readings. */
export interface PortPair {
  bridge: string;
  earlier: OvsPort;
  later: OvsPort;
}

/** Ports that were there both times; one that was made anew counts from zero and has another number. */
export const portPairs = ({ ovs: before }: NodeSnapshot, { ovs: after }: NodeSnapshot): PortPair[] =>
  (after?.bridges ?? []).flatMap(({ name: bridge, ports }) => {
    const old = before?.bridges.find(({ name }) => name === bridge)?.ports ?? [];
    return ports.flatMap((later) => {
      const earlier = old.find(({ name, ofport }) => name === later.name && ofport === later.ofport);
      return earlier ? [{ bridge, earlier, later }] : [];
    });
  });

/** What the kernel's own device has counted, which OVS adds to its own figures, with the sides changed where the device is the host's end (lib/netdev-linux.c). */
const deviceRises = (before: Link | undefined, after: Link | undefined, figure: 'dropped' | 'errors'): number[] => {
  const [old, now] = [before?.stats, after?.stats];
  if (!old || !now) return [];
  return figure === 'dropped'
    ? [now.rxDropped - old.rxDropped, now.txDropped - old.txDropped]
    : [now.rxErrors - old.rxErrors, now.txErrors - old.txErrors];
};

/** A bridge's own device that is down and nobody's gets copies of what is flooded, and drops them: so it is on every healthy node. */
const isIdle = ({ bridge, later }: PortPair, device: Link | undefined): boolean =>
  later.name === bridge && device !== undefined && !device.up && device.addresses.length === 0;

const portRises = (before: NodeSnapshot, after: NodeSnapshot): Rise[] =>
  portPairs(before, after).flatMap((pair) => {
    const { bridge, earlier, later } = pair;
    const [old, now] = [before, after].map((snapshot) => linkNamed(hostNetns(snapshot), later.name));
    if (isIdle(pair, now)) return [];
    return (['rx', 'tx'] as const).flatMap((side) =>
      (['dropped', 'errors'] as const).flatMap((figure) => {
        const by = (later.counters?.[side][figure] ?? 0) - (earlier.counters?.[side][figure] ?? Number.POSITIVE_INFINITY);
        const name = `${figure === 'dropped' ? 'dropped by' : 'errors of'} OVS port ${later.name} of ${bridge} (${side})`;
        // the device says it already
        return deviceRises(old, now, figure).includes(by) ? [] : [{ name, by }];
      }),
    );
  });

/** What Open vSwitch counted as dropped between two readings of a node: by its flows, and at its ports. */
export const switchRises = (before: NodeSnapshot, after: NodeSnapshot): Rise[] => [...flowRises(before, after), ...portRises(before, after)];
