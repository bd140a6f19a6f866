import type { Hop } from '../../forwarding/hop.ts';
import { linkNamed } from '../../forwarding/world.ts';
import type { Netns, NodeSnapshot } from '../../node/snapshot.ts';
import { unanswered } from '../../probe/probe.ts';
import type { Evidence, Leg } from '../evidence.ts';
import type { Rise } from './rise.ts';
import { switchRises } from './switch-counters.ts';

/** Counters that count packets the kernel did not take (net/ipv4/proc.c, net/ipv6/proc.c), and what each means. */
const MEANING: Record<string, string> = {
  'Ip.InHdrErrors': 'bad header or time to live over',
  'Ip.InAddrErrors': 'not forwarded: forwarding is off, or a bad address',
  'Ip.InDiscards': 'discarded',
  'Ip.OutDiscards': 'discarded on the way out',
  'Ip.OutNoRoutes': 'no route',
  'Ip.FragFails': 'too large and not to be fragmented',
  'IpExt.InNoRoutes': 'no route',
  'IpExt.InTruncatedPkts': 'truncated',
  'IpExt.InCsumErrors': 'wrong checksum',
  'TcpExt.IPReversePathFilter': 'rp_filter',
  'TcpExt.ListenOverflows': 'accept queue of a listening socket full',
  'TcpExt.ListenDrops': 'dropped by a listening socket',
  'TcpExt.TCPBacklogDrop': 'backlog of a socket full',
  'Tcp.InErrs': 'bad TCP segments',
  'Tcp.InCsumErrors': 'wrong TCP checksum',
  'Udp.NoPorts': 'no socket on the UDP port',
  'Udp.InErrors': 'not taken by a UDP socket',
  'Udp.RcvbufErrors': 'receive buffer of a UDP socket full',
  'Udp.InCsumErrors': 'wrong UDP checksum',
  'Ip6.InHdrErrors': 'bad header or hop limit over',
  'Ip6.InTooBigErrors': 'too large for the next link',
  'Ip6.InNoRoutes': 'no route',
  'Ip6.InAddrErrors': 'not forwarded: forwarding is off, or a bad address',
  'Ip6.InDiscards': 'discarded',
  'Ip6.OutDiscards': 'discarded on the way out',
  'Ip6.OutNoRoutes': 'no route',
  'Udp6.NoPorts': 'no socket on the UDP port',
};

const protocolRises = (before: Netns, after: Netns): Rise[] =>
  Object.entries(MEANING).flatMap(([name, meaning]) => {
    const by = (after.counters?.[name] ?? 0) - (before.counters?.[name] ?? 0);
    return before.counters && by > 0 ? [{ name: `${name} (${meaning})`, by }] : [];
  });

/** Devices that Open vSwitch takes packets from: with its userspace datapath the kernel counts all of them as meant for another MAC. */
const switched = ({ ovs }: NodeSnapshot, { role }: Netns): Set<string> =>
  new Set(role === 'host' ? (ovs?.bridges ?? []).flatMap(({ ports }) => ports.flatMap(({ name, kind }) => (kind === 'internal' ? [] : [name]))) : []);

const linkRises = (before: Netns, after: Netns, ports: ReadonlySet<string>): Rise[] =>
  after.links.flatMap((link) => {
    const old = before.links.find(({ ifindex }) => ifindex === link.ifindex)?.stats;
    const now = link.stats;
    if (!old || !now) return [];
    return [
      { name: `received and dropped on ${link.name}`, by: now.rxDropped - old.rxDropped },
      { name: `receive errors of ${link.name}`, by: now.rxErrors - old.rxErrors },
      { name: `dropped before sending on ${link.name}`, by: now.txDropped - old.txDropped },
      { name: `send errors of ${link.name}`, by: now.txErrors - old.txErrors },
      ...(ports.has(link.name) ? [] : [{ name: `received on ${link.name} for another MAC`, by: now.rxOtherhost - old.rxOtherhost }]),
    ];
  });

const qdiscRises = (before: Netns, after: Netns): QdiscRise[] =>
  after.tc.qdiscs.map(({ device, kind, handle, parent, dropped }) => {
    const old = before.tc.qdiscs.find((qdisc) => qdisc.device === device && qdisc.handle === handle && qdisc.parent === parent);
    return { device, kind, by: old ? dropped - old.dropped : 0 };
  });

const tcRises = (before: Netns, after: Netns): Rise[] =>
  qdiscRises(before, after).map(({ device, kind, by }) => ({ name: `dropped by qdisc ${kind} of ${device}`, by }));

/** Frames that XDP programs on a device dropped between two readings; undefined where its driver does not count them. */
export const xdpDropsBetween = (before: Netns | undefined, after: Netns | undefined, device: string): number | undefined => {
  const [old, now] = [before, after].map((netns) => linkNamed(netns, device)?.xdp?.dropped);
  return old === undefined || now === undefined ? undefined : now - old;
};

const xdpRises = (before: Netns, after: Netns): Rise[] =>
  after.links.flatMap(({ name }) => {
    const by = xdpDropsBetween(before, after, name);
    return by === undefined ? [] : [{ name: `frames that XDP dropped on ${name}`, by }];
  });

const conntrackRises = ({ conntrack: before }: Netns, { conntrack: after }: Netns): Rise[] =>
  before && after
    ? [
        { name: 'conntrack entries that could not be inserted', by: after.insertFailed - before.insertFailed },
        { name: 'packets dropped by conntrack', by: after.drop - before.drop },
        { name: 'conntrack entries evicted early', by: after.earlyDrop - before.earlyDrop },
      ]
    : [];

const risesIn = (snapshot: NodeSnapshot, before: Netns, after: Netns): Rise[] => [
  ...protocolRises(before, after),
  ...linkRises(before, after, switched(snapshot, after)),
  ...tcRises(before, after),
  ...xdpRises(before, after),
  ...conntrackRises(before, after),
];

const readingsAt = (evidence: Evidence, { node, netns }: Hop): { earlier: Netns; later: Netns } | undefined =>
  pairs(evidence).find(({ after, later }) => after.node === node && later.inode === netns);

export interface QdiscRise {
  kind: string;
  device: string;
  /** Packets it dropped between the two readings. What filters drop is counted by the qdisc that holds them (mini_qdisc_qstats_cpu_drop). */
  by: number;
}

/** The qdisc that dropped most of those on a device that are `holders` of filters only, or that are not. */
export const qdiscRise = (evidence: Evidence, hop: Hop, device: string, { holders }: { holders: boolean }): QdiscRise | undefined => {
  const here = readingsAt(evidence, hop);
  const rises = here ? qdiscRises(here.earlier, here.later) : [];
  const [most] = rises.filter((rise) => rise.device === device && ['clsact', 'ingress'].includes(rise.kind) === holders).sort((a, b) => b.by - a.by);
  return most && most.by > 0 ? most : undefined;
};

/** A SYN is sent again after one and three seconds (tcp_syn_retries, TCP_TIMEOUT_INIT). */
const MOST_SYNS = 3;

/** No fewer than this leg lost and no more than all probes can have sent: then others' packets have no part in it, or a small one. */
export const fitsProbes = ({ probes }: Pick<Evidence, 'probes'>, { probe }: Leg, by: number): boolean => {
  const lost = unanswered(probe);
  const sent = probes.reduce((sum, { request, attempts }) => sum + attempts.length * (request.protocol === 'tcp' ? MOST_SYNS : 1), 0);
  return by >= lost && by <= sent;
};

/** Frames that XDP programs on a hop's device dropped while the probes ran; undefined where its driver does not count them. */
export const xdpRise = (evidence: Evidence, hop: Hop): number | undefined => {
  const here = readingsAt(evidence, hop);
  return xdpDropsBetween(here?.earlier, here?.later, hop.interface);
};

const pairs = ({ before, snapshots }: Evidence): { after: NodeSnapshot; earlier: Netns; later: Netns }[] =>
  (before ?? []).flatMap((snapshot) => {
    const after = snapshots.find(({ node }) => node === snapshot.node);
    return snapshot.namespaces.flatMap((earlier) => {
      const later = after?.namespaces.find(({ inode }) => inode === earlier.inode);
      return after && later ? [{ after, earlier, later }] : [];
    });
  });

/**
 * Counters of dropped packets that rose at least as often as attempts of this leg were lost, those that rose least first: what is left to
 * go by where the kernel's own events cannot be had. Others' packets count as well, so that they are hints.
 */
export const counterHints = (evidence: Evidence, { probe }: Leg): string[] => {
  const lost = unanswered(probe);
  const found = pairs(evidence).flatMap(({ after, earlier, later }) =>
    risesIn(after, earlier, later)
      .filter(({ by }) => by >= lost)
      .map(({ name, by }) => ({ by, text: `${after.node}${later.role === 'host' ? '' : ` (${later.role})`}: ${name} rose by ${by}` })),
  );
  const bySwitch = (evidence.before ?? []).flatMap((before) => {
    const after = evidence.snapshots.find(({ node }) => node === before.node);
    const rises = after ? switchRises(before, after).filter(({ by }) => by >= lost) : [];
    return rises.map(({ name, by }) => ({ by, text: `${before.node}: ${name} rose by ${by}` }));
  });
  return [...found, ...bySwitch]
    .sort((a, b) => a.by - b.by)
    .slice(0, 4)
    .map(({ text }) => text);
};
