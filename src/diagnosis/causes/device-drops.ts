import { linkNamed, placeAt } from '../../forwarding/world.ts';
import type { Link, TcFilter, TcState } from '../../node/snapshot.ts';
import type { Cause, Draft } from '../cause.ts';
import { draftOf } from '../draft.ts';
import { fitsProbes, type QdiscRise, qdiscRise } from '../drops/kernel-counters.ts';
import { type PacketEnd, packetEnd } from '../end.ts';
import type { Evidence } from '../evidence.ts';
import { onNode } from '../remedy.ts';
import { passesOf } from '../sightings.ts';

const tcAt = (evidence: Evidence, { hop }: PacketEnd): TcState | undefined => placeAt(evidence, hop.node, hop.netns ?? '')?.netns.tc;

const linkAt = (evidence: Evidence, { hop }: PacketEnd): Link | undefined =>
  linkNamed(placeAt(evidence, hop.node, hop.netns ?? '')?.netns, hop.interface);

/** Instructions of a classic program and flags of the hardware tell a reader nothing. */
const shorten = (detail: string): string => detail.replace(/ *bytecode '[^']*'/, '').replace(/ *not_in_hw/, '');

const describeFilter = ({ device, parent, kind, pref, actions }: TcFilter): string => {
  const does = actions.map(({ kind: action, detail }) => [action === kind ? '' : action, shorten(detail)].filter(Boolean).join(' '));
  return [device, parent, `pref ${pref}`, kind, ...does].filter(Boolean).join(' ');
};

/** Ingress filters of the device it came in by; egress filters of any device it could go on to. */
const filtersAt = (evidence: Evidence, end: PacketEnd): TcFilter[] => {
  const egress = end.drop?.drop.reason === 'TC_EGRESS';
  return (tcAt(evidence, end)?.filters ?? []).filter(({ device, parent }) =>
    egress ? parent !== 'ingress' : parent === 'ingress' && device === end.hop.interface,
  );
};

const riseWords = ({ kind, device, by }: QdiscRise): string => `${kind} of ${device} dropped ${by} packets while the probes ran`;

/** The kernel's own word and a counter that the probes fit are two that agree, of however few packets the word is. */
const confirmed = (draft: Draft, evidence: Evidence, { leg, drop }: PacketEnd, rise: QdiscRise | undefined): Draft =>
  drop && rise && fitsProbes(evidence, leg, rise.by) ? { ...draft, confidence: 'certain' } : draft;

export const trafficControl: Cause = {
  code: 'ND3011',
  summary: 'A traffic-control filter or a BPF program on an interface drops the packet.',
  recognise: (evidence) => {
    const end = packetEnd(evidence, 'tc');
    if (!end) return undefined;
    const { node, interface: name } = end.hop;
    const filters = filtersAt(evidence, end);
    const egress = end.drop?.drop.reason === 'TC_EGRESS';
    const [only, ...others] = filters;
    // the kernel tells the place before; the device is the only one behind it that has such filters
    const [device, ...devices] = new Set(filters.map((filter) => filter.device));
    const behind = device === undefined || devices.length > 0 ? `behind ${name}` : `by ${device}`;
    const at = egress ? (devices.length === 0 ? device : undefined) : name;
    const rise = at === undefined ? undefined : qdiscRise(evidence, end.hop, at, { holders: true });
    const where = egress ? `on its way out ${behind}` : `as it comes in by ${name}`;
    const draft = draftOf(evidence, end, {
      ...(at === undefined ? {} : { place: { node, interface: at } }),
      title: `A traffic-control filter or BPF program on ${node} drops it ${where}.`,
      evidence: [
        ...filters.slice(0, 4).map((filter) => `filter: ${describeFilter(filter)}`),
        ...(filters.length === 0 ? ['no filter is listed there: a BPF program attached by tcx, which tc does not show, or one that is gone'] : []),
        ...(rise ? [riseWords(rise)] : []),
      ],
      fix: [
        ...(only && others.length === 0
          ? [onNode(node, `tc filter del dev ${only.device} ${only.parent} pref ${only.pref}`)]
          : [onNode(node, `tc filter show dev ${egress ? 'DEVICE egress' : `${name} ingress`}`)]),
        ...(only?.kind === 'bpf' || filters.length === 0
          ? ["Where the network plugin's own programs decide (Cilium), ask it: its drop counters name the policy."]
          : []),
      ],
    });
    return confirmed(draft, evidence, end, rise);
  },
};

export const queueFull: Cause = {
  code: 'ND3012',
  summary: 'The queue (qdisc) of an interface drops the packet.',
  recognise: (evidence) => {
    const end = packetEnd(evidence, 'qdisc');
    if (!end) return undefined;
    const { node, interface: name } = end.hop;
    const qdiscs = (tcAt(evidence, end)?.qdiscs ?? []).filter(({ device, dropped }) => device === name && dropped > 0);
    const rise = qdiscRise(evidence, end.hop, name, { holders: false });
    const draft = draftOf(evidence, end, {
      title: `The queue of ${name} on ${node} drops it.`,
      evidence: [
        ...qdiscs.map(({ kind, handle, dropped }) => `qdisc ${kind} ${handle} of ${name} has dropped ${dropped} packets`),
        ...(rise ? [riseWords(rise)] : []),
      ],
      fix: ['Raise its limit or rate, or take the traffic off that fills it:', onNode(node, `tc -s qdisc show dev ${name}`)],
    });
    return confirmed(draft, evidence, end, rise);
  },
};

/** More often than any sender tries again. */
const CIRCLING = 8;

/** Nodes on which one packet was seen again and again. */
const circle = (evidence: Evidence, end: PacketEnd): { nodes: string[]; passes: number } | undefined => {
  const passes = passesOf(evidence, end.leg, end.direction, end.hop);
  const hops = end.walk.hops.filter((hop) => passesOf(evidence, end.leg, end.direction, hop) > CIRCLING);
  const nodes = [...new Set([...hops.map(({ node }) => node), end.hop.node])];
  return passes > CIRCLING || hops.length > 0 ? { nodes, passes } : undefined;
};

export const hopLimit: Cause = {
  code: 'ND3013',
  summary: "The packet's time to live is over: it runs in a circle, or was sent with too small a one.",
  recognise: (evidence) => {
    const end = packetEnd(evidence, 'ttl', 'loop');
    if (!end) return undefined;
    const { node, interface: name, packet } = end.hop;
    const found = circle(evidence, end);
    if (found || end.stop.reason === 'loop')
      return draftOf(evidence, end, {
        title: `The packet runs in a circle ${found && found.nodes.length > 1 ? `between ${found.nodes.join(' and ')}` : `on ${node}`} until its time to live is over.`,
        evidence: [end.stop.message, ...(found && found.passes > 0 ? [`a single packet passed ${name} on ${node} ${found.passes} times`] : [])],
        fix: [
          `Look at the route to ${packet.destination} on each of them: two that point at each other make the circle.`,
          ...(found?.nodes ?? [node]).map((one) => onNode(one, `ip route get ${packet.destination}`)),
        ],
      });
    const { fromLabel } = end.leg.probe.request;
    return draftOf(evidence, end, {
      title: `The packet's time to live is used up when it comes to ${node}: ${end.direction === 'there' ? fromLabel : 'the target'} sends it with too small a one.`,
      evidence: [end.stop.message],
      fix: [
        `Let the sender start with the usual 64 (sysctl ${packet.destination.includes(':') ? 'net.ipv6.conf.all.hop_limit' : 'net.ipv4.ip_default_ttl'} in its network namespace, or the socket option of the program).`,
      ],
    });
  },
};

const mtus = (evidence: Evidence, end: PacketEnd): string[] => {
  const link = linkAt(evidence, end);
  return link ? [`${link.name} on ${end.hop.node} has MTU ${link.mtu}`] : [];
};

export const tooBig: Cause = {
  code: 'ND3014',
  summary: 'The packet is larger than the next link takes.',
  recognise: (evidence) => {
    const end = packetEnd(evidence, 'too-big', 'port-mtu');
    if (!end) return undefined;
    const { node, interface: name } = end.hop;
    return draftOf(evidence, end, {
      title: `The packet is larger than the link behind ${name} on ${node} takes.`,
      evidence: [end.stop.message, ...mtus(evidence, end)],
      fix: [
        "Give all links of the way the MTU that the pods' interfaces count on: the network plugin's MTU setting plus the tunnel's header must fit the node's uplink.",
      ],
    });
  },
};

/** Ends that only the kernel's own word tells, and what to look at. */
const others: Record<string, { title: string; fix: string }> = {
  checksum: {
    title: 'It is dropped for a wrong checksum',
    fix: 'Checksum offload of a network card or hypervisor often breaks tunnels: ethtool -K DEVICE tx-checksum-ip-generic off on the sending node.',
  },
  verdict: {
    title: 'A program that a rule hands packets to (NFQUEUE, nft queue) refuses it',
    fix: 'An agent that judges network policies so (kube-network-policies, kindnet) logs what it denies, and so does an IPS; /proc/net/netfilter/nfnetlink_queue lists the queues that are read.',
  },
  socket: {
    title: 'The receiving socket drops it (full buffer, or a filter of its own)',
    fix: 'The server does not read fast enough, or filters: look at it and not at the network.',
  },
  other: { title: 'The kernel drops it', fix: 'The function named here is where the kernel did it; its source says for what.' },
};

export const kernelDrop: Cause = {
  code: 'ND3015',
  summary: 'The kernel of a node drops the packet for a reason of its own: the verdict of a program, checksum, socket, or one that has no name here.',
  recognise: (evidence) => {
    const end = packetEnd(evidence, 'verdict', 'checksum', 'socket', 'other');
    const story = end && others[end.stop.reason];
    if (!end || !story) return undefined;
    return draftOf(evidence, end, {
      title: `${story.title} on ${end.hop.node}, after ${end.hop.interface}.`,
      evidence: [end.stop.message],
      fix: [story.fix],
    });
  },
};
