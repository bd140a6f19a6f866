import type { PodFacts } from '../../cluster/facts.ts';
import { type Enforcer, enforcerOf } from '../../cni/enforcer.ts';
import { familyOf, sameAddress } from '../../forwarding/address.ts';
import { type Engine, engineOf, partyOfPod, selecting } from '../../policy/engine.ts';
import { judge } from '../../policy/judge.ts';
import type { PolicyRef } from '../../policy/model.ts';
import { nodeParty, outside, type Party } from '../../policy/party.ts';
import { findProgrammed } from '../../policy/programmed/find.ts';
import type { Programmed } from '../../policy/programmed/programmed.ts';
import type { Flow, Side, Verdict } from '../../policy/verdict.ts';
import { isOver } from '../../policy/world.ts';
import { type Evidence, type Leg, netnsOfPod } from '../evidence.ts';

/** The policies of the cluster, as whoever enforces them here carries them out. */
export interface PolicyView {
  engine: Engine;
  enforcer: Enforcer;
}

/** A packet of one leg, as policies see it. */
export interface JudgedLeg {
  leg: Leg;
  flow: Flow;
  verdict: Verdict;
}

const views = new WeakMap<Evidence, PolicyView>();

/** Undefined where no policies were read: nothing can be said then. Every cause asks, and the answer is the same. */
export const policyView = (evidence: Evidence): PolicyView | undefined => {
  const { facts, snapshots } = evidence;
  if (facts.policies === undefined) return undefined;
  const known = views.get(evidence);
  if (known) return known;
  const enforcer = enforcerOf(facts, snapshots);
  const view = { enforcer, engine: engineOf(facts, enforcer.plugin) };
  views.set(evidence, view);
  return view;
};

const podAt = (engine: Engine, address: string): PodFacts | undefined =>
  engine.world.pods.find((pod) => !isOver(pod) && !pod.hostNetwork && pod.ips.some((ip) => sameAddress(ip, address)));

const partyAt = (engine: Engine, address: string): Party => {
  const pod = podAt(engine, address);
  if (pod) return partyOfPod(engine, pod, address);
  const node = engine.world.nodes.find(({ ips }) => ips.some((ip) => sameAddress(ip, address)));
  return node ? nodeParty(node, address) : outside(address);
};

/** A node's own traffic is judged where it arrives only, with the source that it has there: into a tunnel it may get the tunnel's address. */
const nodeSource = ({ there }: Leg, own: string | undefined): string | undefined => there?.hops.at(-1)?.packet.source ?? own;

const sourceOf = ({ from }: Evidence, engine: Engine, leg: Leg, destination: string): Party => {
  const own = from.ips.find((ip) => familyOf(ip) === familyOf(destination));
  if (from.pod) return partyOfPod(engine, from.pod, own);
  return from.node ? nodeParty(from.node, nodeSource(leg, own)) : outside(own ?? from.label);
};

interface Target {
  address: string;
  port: number | undefined;
}

/** Who is really asked: behind a Service the endpoint that a translation chose, or, where none was seen to, every one that may be. */
const targetsOf = ({ facts }: Evidence, { probe, there }: Leg): Target[] => {
  const { destination, port, protocol } = probe.request;
  const translated = there?.translations.at(-1)?.after;
  if (translated && !sameAddress(translated.destination, destination)) return [{ address: translated.destination, port: translated.destinationPort }];
  const service = facts.services.find(({ clusterIps }) => clusterIps.some((ip) => sameAddress(ip, destination)));
  const asked = service?.ports.find((one) => one.port === port && one.protocol === protocol);
  if (!service || !asked) return [{ address: destination, port }];
  return facts.endpoints
    .filter(
      ({ service: own, ready, ip }) =>
        ready && own.namespace === service.namespace && own.name === service.name && familyOf(ip) === familyOf(destination),
    )
    .flatMap(({ ip, ports }) =>
      ports.filter(({ name, protocol: its }) => name === (asked.name ?? '') && its === protocol).map((one) => ({ address: ip, port: one.port })),
    );
};

/** What policies say of every packet this leg may send. */
export const judgeLeg = (evidence: Evidence, { engine }: PolicyView, leg: Leg): JudgedLeg[] =>
  targetsOf(evidence, leg).map(({ address, port }) => {
    const { protocol, destination } = leg.probe.request;
    const from = sourceOf(evidence, engine, leg, address);
    const to = partyAt(engine, address);
    const hairpin = from.kind === 'pod' && from.label === to.label && !sameAddress(address, destination);
    const flow: Flow = { from, to, protocol, ...(port === undefined || protocol === 'icmp' ? {} : { port }), ...(hairpin ? { hairpin } : {}) };
    return { leg, flow, verdict: judge(engine, flow) };
  });

export const endsOf = ({ from, to }: Flow, { direction }: Pick<Side, 'direction'>): { subject: Party; far: Party } =>
  direction === 'ingress' ? { subject: to, far: from } : { subject: from, far: to };

export const selectingRefs = ({ engine }: PolicyView, direction: Side['direction'], subject: Party): PolicyRef[] => [
  ...new Set(engine.tiers.flatMap((tier) => selecting(tier, direction, subject).map(({ ref }) => ref))),
];

/** The end of a pod's link that stays on its node. */
export const hostInterfaceOf = (evidence: Evidence, pod: PodFacts): string | undefined => {
  const inode = netnsOfPod(evidence, pod)?.netns.inode;
  return evidence.attachments.find(({ netns }) => netns === inode)?.peer?.name;
};

/** The node's rule for one side of a flow. */
export const programmedFor = (evidence: Evidence, view: PolicyView, { flow }: JudgedLeg, side: Side): Programmed | undefined => {
  const { subject, far } = endsOf(flow, side);
  const snapshot = evidence.snapshots.find(({ node }) => node === subject.nodeName);
  if (!snapshot || !subject.pod) return undefined;
  const before = evidence.before?.find(({ node }) => node === snapshot.node);
  return findProgrammed(
    view.engine.traits.name,
    {
      snapshot,
      ...(before ? { before } : {}),
      around: evidence.snapshots,
      direction: side.direction,
      subject,
      far,
      side,
      selecting: selectingRefs(view, side.direction, subject),
      protocol: flow.protocol,
      ...(flow.port === undefined ? {} : { port: flow.port }),
    },
    hostInterfaceOf(evidence, subject.pod),
  );
};
