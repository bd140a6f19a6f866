import type { PodFacts } from '../../cluster/facts.ts';
import { linkAt, linkNamed, type Place, peerOf, placeAt } from '../../forwarding/world.ts';
import type { Link } from '../../node/snapshot.ts';
import type { Cause } from '../cause.ts';
import { draftOf, podBehind } from '../draft.ts';
import { type PacketEnd, packetEnd } from '../end.ts';
import { type Evidence, netnsOfPod, podNamed, podsOf } from '../evidence.ts';
import { inNetns, onNode } from '../remedy.ts';

interface Down {
  end: PacketEnd;
  place: Place;
  link: Link;
}

/** Ends that an interface which is down can cause: the kernel takes its routes, neighbours and port state with it. */
const symptoms = ['link-down', 'no-carrier', 'no-neighbour', 'no-receiver', 'no-route', 'bridge-port', 'otherhost'] as const;

const whatIsDown = (evidence: Evidence): Down | undefined => {
  const end = packetEnd(evidence, ...symptoms);
  if (!end) return undefined;
  const place = placeAt(evidence, end.hop.node, end.hop.netns ?? '');
  const link = place && linkNamed(place.netns, end.stop.facts.interface);
  if (place && link && !link.up) return { end, place, link };
  const attached = podsOf(evidence, end.leg).flatMap((pod) => chainOf(evidence, pod).find((part) => !part.link.up) ?? []);
  const [part] = attached;
  return part && { end, ...part };
};

/** A pod's interface, the node's end of it, and the bridge it is a port of. */
const chainOf = (evidence: Evidence, pod: PodFacts): { place: Place; link: Link }[] => {
  const place = netnsOfPod(evidence, pod);
  return (place?.netns.links ?? []).flatMap((link) => {
    if (!place || link.kind !== 'veth') return [];
    const peer = peerOf(place, link);
    const bridge = peer && linkAt(peer.place.netns, peer.link.master?.ifindex);
    return [{ place, link }, ...(peer ? [peer] : []), ...(peer && bridge ? [{ place: peer.place, link: bridge }] : [])];
  });
};

type Kind = 'pod' | 'veth' | 'bridge' | 'other';

const kindOf = ({ place, link }: Down): Kind => {
  if (place.netns.role === 'pod') return 'pod';
  return link.kind === 'veth' || link.kind === 'bridge' ? link.kind : 'other';
};

interface Naming {
  code: string;
  summary: string;
  kind: Kind;
  title: (words: { name: string; node: string; pod: string }) => string;
  fix: (words: { name: string; node: string; pid: number | undefined }) => string[];
}

const linkUp = ({ name, node }: { name: string; node: string }): string => onNode(node, `ip link set ${name} up`);

/** What it means depends on whose interface it is. */
const namings: Naming[] = [
  {
    code: 'ND1001',
    summary: "The pod's own interface is down.",
    kind: 'pod',
    title: ({ name, node, pod }) => `The interface ${name} inside ${pod} on ${node} is down.`,
    fix: ({ name, node, pid }) => [
      ...(pid === undefined ? [] : [inNetns(node, pid, `ip link set ${name} up`)]),
      'If its routes are gone afterwards (the kernel drops them with the link), delete the pod so that it is set up anew.',
    ],
  },
  {
    code: 'ND1002',
    summary: "The node's end of the pod's veth pair is down.",
    kind: 'veth',
    title: ({ name, node, pod }) => `${name}, the node's end of the veth pair of ${pod}, is down on ${node}.`,
    fix: ({ name, node }) => [linkUp({ name, node })],
  },
  {
    code: 'ND1004',
    summary: 'The bridge that the pods of the node hang on is down.',
    kind: 'bridge',
    title: ({ name, node }) => `The bridge ${name} on ${node} is down: no pod of this node gets past it.`,
    fix: ({ name, node }) => [linkUp({ name, node })],
  },
  {
    code: 'ND3010',
    summary: 'Another interface of the node on the way is down.',
    kind: 'other',
    title: ({ name, node }) => `The interface ${name} on ${node} is down.`,
    fix: ({ name, node }) => [linkUp({ name, node })],
  },
];

export const linkDown: Cause[] = namings.map(({ code, summary, kind, title, fix }) => ({
  code,
  summary,
  implies: ['ND1003', 'ND1005', 'ND1007', 'ND3007', 'ND2113'],
  recognise: (evidence) => {
    const down = whatIsDown(evidence);
    if (!down || kindOf(down) !== kind) return undefined;
    const { end, place, link } = down;
    const { node } = place.snapshot;
    const owner = podBehind(evidence, node, place.netns.inode, link.name);
    const { name } = link;
    return draftOf(evidence, end, {
      title: title({ name, node, pod: owner ? `pod ${podNamed(owner.pod)}` : 'a pod' }),
      evidence: [
        `${name} (ifindex ${link.ifindex}) on ${node} is not UP, operstate ${link.operstate}`,
        ...(end.stop.facts.interface === name ? [] : [`so ${end.stop.message}`]),
      ],
      fix: fix({ name, node, pid: owner?.pid }),
      place: { node, interface: name },
    });
  },
}));
