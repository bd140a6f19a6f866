import type { PodFacts } from '../../cluster/facts.ts';
import { sameAddress } from '../../forwarding/address.ts';
import { hostNetns, peerOf } from '../../forwarding/world.ts';
import type { Link, Netns, NodeSnapshot } from '../../node/snapshot.ts';
import { answered } from '../../probe/probe.ts';
import type { Cause } from '../cause.ts';
import { probeWords } from '../draft.ts';
import { type Evidence, endPods, legOf, mainProbe, netnsOfPod, podNamed, score } from '../evidence.ts';
import { onNode } from '../remedy.ts';

/** One netns' hold on an address: its interface there and where that hangs on the node. */
interface Holder {
  netns: Netns;
  link: Link;
  veth?: Link;
}

interface Duplicate {
  pod: PodFacts;
  address: string;
  snapshot: NodeSnapshot;
  own: Holder;
  other: Holder;
  bridge: string;
}

const holders = (snapshot: NodeSnapshot, address: string): Holder[] =>
  snapshot.namespaces
    .filter(({ role }) => role !== 'host')
    .flatMap((netns) => {
      const link = netns.links.find(({ addresses }) => addresses.some((own) => sameAddress(own.address, address)));
      if (!link) return [];
      const veth = peerOf({ snapshot, netns }, link)?.link ?? vethBehind(snapshot, netns, link);
      return [{ netns, link, ...(veth ? { veth } : {}) }];
    });

/** The host's veth that names this netns, where the netns cannot name the host. */
const vethBehind = (snapshot: NodeSnapshot, netns: Netns, link: Link): Link | undefined => {
  const host = hostNetns(snapshot);
  return host?.links.find(
    (candidate) => candidate.kind === 'veth' && candidate.peerIfindex === link.ifindex && host.nsids[String(candidate.linkNsid)] === netns.inode,
  );
};

/** Two live interfaces on one bridge that both answer for the address of a pod at one end of the path. */
const duplicate = (evidence: Evidence): Duplicate | undefined => {
  for (const pod of endPods(evidence)) {
    const at = netnsOfPod(evidence, pod);
    if (!at || pod.hostNetwork) continue;
    for (const address of pod.ips) {
      const all = holders(at.snapshot, address);
      const own = all.find(({ netns }) => netns.inode === at.netns.inode);
      const bridge = own?.veth?.master?.name;
      const other = all.find(({ netns, veth }) => netns.inode !== at.netns.inode && bridge !== undefined && veth?.master?.name === bridge);
      if (own && other && bridge !== undefined) return { pod, address, snapshot: at.snapshot, own, other, bridge };
    }
  }
  return undefined;
};

const describe = (who: string, { netns, link, veth }: Holder): string =>
  [
    `${who}: netns ${netns.inode}`,
    netns.pinnedAt.length > 0 ? `pinned at ${netns.pinnedAt.join(', ')}` : '',
    netns.processes === 0 ? 'no process inside' : `${netns.processes} processes inside`,
    `${link.name} ${link.mac ?? ''} behind ${veth?.name ?? 'an unknown port'}`,
  ]
    .filter(Boolean)
    .join(', ');

/** Answers that the wrong owner sent, by their link-level sender. */
const strayAnswers = ({ taps }: Evidence, { other }: Duplicate): { count: number; resets: boolean; port: string | undefined } => {
  const stray = taps
    .flatMap(({ sightings }) => sightings)
    .filter(({ what, sourceMac }) => (what === 'reset' || what === 'reply') && sourceMac !== undefined && sourceMac === other.link.mac);
  const attempts = new Set(stray.map(({ attempt, time }) => attempt ?? time));
  return {
    count: attempts.size,
    resets: stray.some(({ what }) => what === 'reset'),
    port: stray.find(({ interface: name }) => name === other.veth?.name)?.interface,
  };
};

/** Where the way leads to one of the two. */
const hopAt = (evidence: Evidence, { snapshot, own, other }: Duplicate): { hop?: number } => {
  const main = mainProbe(evidence);
  const hops = (main && legOf(evidence, main).there?.hops) ?? [];
  const ports = [own.veth?.name, other.veth?.name];
  const hop = hops.findIndex(({ node, interface: name }) => node === snapshot.node && ports.includes(name));
  return hop === -1 ? {} : { hop };
};

/** `is-at` claims of both MACs for the one address. */
const claims = ({ taps }: Evidence, { address }: Duplicate): string[] => [
  ...new Set(
    taps
      .flatMap((tap) => tap.claims ?? [])
      .flatMap((claim) => (claim.what === 'is-at' && claim.mac !== undefined && sameAddress(claim.address, address) ? [claim.mac] : [])),
  ),
];

const ipamRecord = ({ files }: NodeSnapshot, address: string): string[] =>
  Object.entries(files)
    .filter(([path]) => path.startsWith('/var/lib/cni/networks/') && path.endsWith(`/${address}`))
    .map(([path, text]) => `IPAM record ${path}: ${text.split('\n')[0]?.trim()}`);

export const duplicateAddress: Cause = {
  code: 'ND1101',
  summary: "Two network namespaces on one bridge hold the pod's address; one of them is a leftover.",
  implies: ['ND1102'],
  recognise: (evidence) => {
    const found = duplicate(evidence);
    if (!found) return undefined;
    const { pod, address, snapshot, own, other, bridge } = found;
    const main = mainProbe(evidence);
    const stray = strayAnswers(evidence, found);
    const claimed = claims(evidence, found);
    const failing = main !== undefined && answered(main) < main.attempts.length;
    const leaked = other.netns.role !== 'pod' || other.netns.podUid === undefined;
    const veth = other.veth?.name ?? other.link.name;
    return {
      severity: 'problem',
      confidence: stray.count > 0 ? 'certain' : failing ? 'likely' : 'possible',
      title: `Two network namespaces on ${snapshot.node} hold ${address}, the address of pod ${podNamed(pod)}${leaked ? '; one is a leftover' : ''}.`,
      ...hopAt(evidence, found),
      place: { node: snapshot.node, interface: veth },
      evidence: [
        ...(main && failing ? [probeWords(legOf(evidence, main))] : main ? [`probes still pass: ${score(main)}`] : []),
        ...(stray.count > 0
          ? [`${stray.resets ? 'the reset' : 'an answer'} came from ${other.link.mac} on bridge port ${veth}, not from the pod's ${own.link.mac}`]
          : []),
        describe('the pod', own),
        describe(leaked ? 'the leftover' : 'the other', other),
        `both are ports of ${bridge}`,
        ...(claimed.length > 1 ? [`ARP answers for ${address} came from ${claimed.join(' and ')}`] : []),
        ...ipamRecord(snapshot, address),
      ],
      fix: [
        `Remove the leftover's veth, which takes the address off ${bridge}:`,
        onNode(snapshot.node, `ip link del ${veth}`),
        ...unpin(snapshot.node, other.netns),
      ],
      notes: ['Whoever answers ARP last wins, so connections fail only now and then; a single success proves nothing.'],
    };
  },
};

const unpin = (node: string, { pinnedAt, processes }: Netns): string[] =>
  processes > 0
    ? []
    : pinnedAt.flatMap((path) => [
        onNode(
          node,
          path.startsWith('/run/netns/') || path.startsWith('/var/run/netns/') ? `ip netns del ${path.split('/').at(-1)}` : `umount ${path}`,
        ),
      ]);
