import type { ClusterFacts } from '../cluster/facts.ts';
import { identifyCni } from '../cni/identity.ts';
import type { Hop } from '../forwarding/hop.ts';
import { hostNetns, linkNamed, placeAt, type World } from '../forwarding/world.ts';
import type { NodeSnapshot, XdpProgram } from '../node/snapshot.ts';

/** What decides there before a capture sees the packet: "never arrived" is then no proof. */
export const xdpAt = (world: World, { node, netns, interface: name }: Hop): XdpProgram | undefined =>
  linkNamed(placeAt(world, node, netns ?? '')?.netns, name)?.xdp;

/** Interfaces of the way with an XDP program: of what a native one drops there is at most a counter of the driver. */
const xdp = (world: World, hops: Hop[]): string[] =>
  hops.flatMap((hop) => {
    const program = xdpAt(world, hop);
    if (!program) return [];
    const told =
      program.mode === 'generic'
        ? ''
        : program.dropped === undefined
          ? ', and nothing tells what it drops'
          : ", and only its driver's counter tells what it drops";
    return [`what the XDP program on ${hop.interface} of ${hop.node} does: it sees packets before any capture${told}`];
  });

/** Routes or bridge entries that a network card works off by itself (`offload` of ip-route(8) and bridge(8)). */
const offloaded = ({ node, namespaces }: NodeSnapshot): string[] => {
  const devices = namespaces.flatMap(({ routes, fdb }) => [
    ...routes.flatMap(({ flags, device }) => (flags.includes('offload') && device !== undefined ? [device] : [])),
    ...fdb.flatMap(({ flags, device }) => (flags.includes('offload') ? [device] : [])),
  ]);
  return [...new Set(devices)].map((device) => `packets that ${device} of ${node} forwards in hardware: no capture sees them`);
};

/** Data planes whose programs or switches stand between the captures. */
const byPlugin: Record<string, string> = {
  cilium:
    "what Cilium's BPF programs decide: captures see packets before them on the way in and behind them on the way out, and a redirect can skip a place",
  'kube-ovn': 'what OVS decides inside br-int: captures see packets at its ports only',
  'ovn-kubernetes': 'what OVS decides inside br-int: captures see packets at its ports only',
  antrea: 'what OVS decides inside br-int: captures see packets at its ports only',
};

const plugin = (snapshot: NodeSnapshot, facts: ClusterFacts): string[] => {
  const blind = hostNetns(snapshot) ? byPlugin[identifyCni(snapshot, facts).name] : undefined;
  return blind === undefined ? [] : [`${blind} (${snapshot.node})`];
};

/**
 * What captures and kernel events cannot show on this way, so that nobody takes "not seen" for "not there". Said of a question that was not
 * answered: on a healthy way nothing hangs on it.
 */
export const blindSpots = (world: World, hops: Hop[]): string[] => [
  ...new Set([...xdp(world, hops), ...world.snapshots.flatMap(offloaded), ...world.snapshots.flatMap((snapshot) => plugin(snapshot, world.facts))]),
];
