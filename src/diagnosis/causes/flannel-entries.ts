import type { ClusterFacts } from '../../cluster/facts.ts';
import { announced } from '../../cni/flannel.ts';
import { flannelMismatches, type Mismatch } from '../../cni/flannel-mismatch.ts';
import { identifyCni } from '../../cni/identity.ts';
import { familyOf } from '../../forwarding/address.ts';
import type { Cause, Draft } from '../cause.ts';
import { onShownPath, probeWords } from '../draft.ts';
import { type PacketEnd, packetEnd } from '../end.ts';
import { type Evidence, failingLegs, nodeOf, snapshotOf } from '../evidence.ts';
import { byHand, restartAgent } from '../remedy.ts';
import { confidenceIn, seenWords } from '../sightings.ts';

/** Pairs of nodes the failing probes cross, in both directions: a reply needs its entries as well. */
const pairs = (evidence: Evidence): [string, string][] => {
  const nodes = failingLegs(evidence).flatMap(({ there, back }) => [there, back].flatMap((walk) => walk?.hops.map(({ node }) => node) ?? []));
  const ends = [nodeOf(evidence.from), nodeOf(evidence.to), ...evidence.to.backends.map(({ node }) => node)];
  const involved = [...new Set([...nodes, ...ends].filter((node) => node !== undefined))];
  return involved.flatMap((node) => involved.filter((other) => other !== node).map((other): [string, string] => [node, other]));
};

const mismatches = (evidence: Evidence): Mismatch[] =>
  pairs(evidence).flatMap(([node, peer]) => {
    const snapshot = snapshotOf(evidence, node);
    if (!snapshot || identifyCni(snapshot, evidence.facts).name !== 'flannel') return [];
    return flannelMismatches(snapshot, peer, evidence.facts, snapshotOf(evidence, peer));
  });

/** Entries of the other address family may be wrong as well, but do not explain this. */
const ofFailingFamilies = (evidence: Evidence, all: Mismatch[]): Mismatch[] => {
  const families = failingLegs(evidence).map(({ probe }) => familyOf(probe.request.destination));
  return all.filter(({ family }) => families.includes(family));
};

/** What else is wrong on the same way, in the same family: who puts one entry right by hand meets the next. */
const companions = (found: Mismatch[], all: Mismatch[]): Mismatch[] =>
  all.filter(
    (other) =>
      !found.includes(other) && found.some(({ node, peer, family }) => other.node === node && other.peer === peer && other.family === family),
  );

/**
 * Entries of an older announcement, of one address family only: flannel passes an update on to nobody when the other family's data is as before
 * (pkg/subnet/kube/kube.go, handleUpdateLeaseEvent, up to 0.28.4 at least).
 */
const unheard = (wrong: Mismatch[], all: Mismatch[], { nodes }: ClusterFacts): string[] => {
  const [first] = wrong;
  const kinds = wrong.map(({ kind }) => kind);
  if (!first || !kinds.includes('neighbour-wrong') || !kinds.includes('fdb-missing')) return [];
  const { node, peer, family } = first;
  const facts = nodes.find(({ name }) => name === peer);
  const announcesBoth = facts !== undefined && announced(facts, family === 4 ? 6 : 4)?.vtepMac !== undefined;
  if (!announcesBoth || all.some((other) => other.node === node && other.peer === peer && other.family !== family)) return [];
  return [
    `${node} holds what ${peer} announced before, for IPv${family} alone: on dual-stack nodes flannel does not heed a change of one address family's MAC (seen up to 0.28.4).`,
  ];
};

interface Naming {
  code: string;
  kind: Mismatch['kind'];
  summary: string;
  implies?: string[];
  title: (mismatch: Mismatch) => string;
  /** Stops by which the model meets the same fault. */
  stops: Parameters<typeof packetEnd>[1][];
}

const tunnelState = ['ND2102', 'ND2103', 'ND2104', 'ND2105', 'ND2106', 'ND2107'];

const namings: Naming[] = [
  {
    code: 'ND2109',
    kind: 'device-missing',
    summary: 'The tunnel interface of a node does not exist.',
    implies: [...tunnelState, 'ND2110', 'ND2112', 'ND3005', 'ND3007'],
    title: ({ node, interface: name }) => `The tunnel interface ${name} does not exist on ${node}.`,
    stops: ['no-device', 'no-tunnel-device', 'no-route'],
  },
  {
    code: 'ND2110',
    kind: 'device-down',
    summary: 'The tunnel interface of a node is down.',
    implies: [...tunnelState, 'ND2112', 'ND3005', 'ND3007', 'ND3010'],
    title: ({ node, interface: name }) => `The tunnel interface ${name} on ${node} is down.`,
    stops: ['link-down', 'no-tunnel-device', 'no-route'],
  },
  {
    code: 'ND2102',
    kind: 'route-missing',
    summary: "A node has no route to the other node's pod CIDR.",
    implies: ['ND3007', 'ND3005'],
    title: ({ node, peer, expected }) => `${node} has no route to the pods of ${peer} (${expected.split(' ')[0]}).`,
    stops: ['no-route', 'unreachable'],
  },
  {
    code: 'ND2103',
    kind: 'route-wrong',
    summary: "A node's route to the other node's pod CIDR leads elsewhere.",
    implies: ['ND3006', 'ND3005', 'ND3007', 'ND1007'],
    title: ({ node, peer, expected }) => `The route of ${node} to the pods of ${peer} (${expected.split(' ')[0]}) leads the wrong way.`,
    stops: ['blackhole', 'unreachable', 'prohibit', 'no-neighbour', 'link-down', 'no-route'],
  },
  {
    code: 'ND2108',
    kind: 'stale-vtep',
    summary: "A node's tunnel interface has another MAC than it announced: it drops what its peers send.",
    implies: ['ND2112'],
    title: ({ node, peer, interface: name }) => `${name} of ${peer} has another MAC than the one ${peer} announces and ${node} uses.`,
    stops: ['otherhost'],
  },
  {
    code: 'ND2104',
    kind: 'neighbour-missing',
    summary: "A node's tunnel interface has no neighbour entry for the other node.",
    implies: ['ND2113', 'ND2112'],
    title: ({ node, peer, interface: name }) => `${name} on ${node} has no neighbour entry for ${peer}.`,
    stops: ['no-neighbour'],
  },
  {
    code: 'ND2105',
    kind: 'neighbour-wrong',
    summary: "A node's neighbour entry for the other node's tunnel interface has the wrong MAC.",
    implies: ['ND2112', 'ND2113', 'ND2106', 'ND2107'],
    title: ({ node, peer, interface: name }) => `The neighbour entry of ${name} on ${node} for ${peer} has the wrong MAC.`,
    stops: ['otherhost', 'no-fdb'],
  },
  {
    code: 'ND2106',
    kind: 'fdb-missing',
    summary: "A node's tunnel interface has no FDB entry for the other node.",
    implies: ['ND2113', 'ND2112'],
    title: ({ node, peer, interface: name }) => `${name} on ${node} has no FDB entry for ${peer}.`,
    stops: ['no-fdb'],
  },
  {
    code: 'ND2107',
    kind: 'fdb-wrong',
    summary: "A node's FDB entry for the other node names the wrong address.",
    implies: ['ND2113', 'ND2112'],
    title: ({ node, peer, interface: name }) => `The FDB entry of ${name} on ${node} for ${peer} names the wrong address.`,
    stops: ['otherhost', 'no-tunnel-device', 'no-neighbour'],
  },
];

/** flannel's own entries, compared with what both nodes announce. */
export const flannelEntries: Cause[] = namings.map(({ code, kind, summary, implies, title, stops }) => ({
  code,
  summary,
  ...(implies ? { implies } : {}),
  recognise: (evidence) => {
    const all = mismatches(evidence);
    const found = ofFailingFamilies(evidence, all).filter((mismatch) => mismatch.kind === kind);
    const [first] = found;
    return first && draft(evidence, { found, all }, title(first), stops);
  },
}));

const draft = (evidence: Evidence, { found, all }: { found: Mismatch[]; all: Mismatch[] }, title: string, stops: Naming['stops']): Draft => {
  const end: PacketEnd | undefined = packetEnd(evidence, ...stops);
  const wrong = [...found, ...companions(found, all)];
  const [first] = found;
  const [leg] = failingLegs(evidence);
  // the entry is right that the other node's own device does not fit any more
  const culprit = first?.kind === 'stale-vtep' ? first.peer : (first?.node ?? '');
  return {
    severity: 'problem',
    confidence: end ? confidenceIn(evidence, end) : 'likely',
    title,
    ...(end ? onShownPath(end) : {}),
    place: { node: culprit, interface: first?.interface ?? '' },
    evidence: [
      ...(leg ? [probeWords(leg)] : []),
      ...wrong.flatMap(({ node, expected, found: was }) => [`on ${node} expected: ${expected}`, `on ${node} found: ${was}`]),
      ...(end ? [end.stop.message, ...seenWords(evidence, end)] : []),
    ],
    fix: [...restartAgent(evidence.facts, 'flannel', culprit), ...byHand(wrong)],
    notes: unheard(wrong, all, evidence.facts),
  };
};
