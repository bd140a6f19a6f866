import { withoutTunnel } from '../../cni/flannel.ts';
import { identifyCni } from '../../cni/identity.ts';
import { familyOf } from '../../forwarding/address.ts';
import type { Hop, TunnelKind, Walk } from '../../forwarding/hop.ts';
import { fails } from '../../probe/probe.ts';
import { xdpAt } from '../blind-spots.ts';
import type { Cause } from '../cause.ts';
import { type Crossing, crossedWords, crossingOf, type Watched, watchedAt, xdpBlame } from '../crossing.ts';
import { onShownPath, probeWords } from '../draft.ts';
import { check, checkWords, DIRECTIONS, type Evidence, failingLegs, type Leg, snapshotOf } from '../evidence.ts';
import type { Confidence } from '../finding.ts';

/** Nothing that was read stops it; an XDP program on its way may. */
const leadsThere = (evidence: Evidence, { outcome, hops }: Walk): boolean =>
  outcome === 'delivered' || (outcome === 'unknown' && hops.every((hop) => hop.unsure === undefined || xdpAt(evidence, hop) !== undefined));

type Suspect = Crossing & { seen: Watched };

const suspect = (evidence: Evidence): Suspect | undefined => {
  for (const leg of failingLegs(evidence)) {
    const found = fails(leg.probe) && leg.there ? suspectOf(evidence, leg, leg.there) : undefined;
    if (found) return found;
  }
  return undefined;
};

const suspectOf = (evidence: Evidence, leg: Leg, there: Walk): Suspect | undefined => {
  const crossings = DIRECTIONS.flatMap((direction) => crossingOf(leg, direction, { tunnelled: true }) ?? []).map((crossing) => ({
    ...crossing,
    seen: watchedAt(evidence, crossing),
  }));
  const proven = crossings.find(({ seen }) => seen.verdict === 'lost-between');
  if (proven) return proven;
  if (!leadsThere(evidence, there)) return undefined;
  const [first] = crossings;
  const silent = leg.probe.attempts.every(({ outcome }) => outcome === 'timeout' || outcome === 'unreachable');
  return first?.seen.verdict === 'unwatched' &&
    silent &&
    leg.back?.outcome === 'delivered' &&
    check(evidence, 'far-node-to-pod') !== false &&
    check(evidence, 'pod-to-own-node') !== false
    ? first
    : undefined;
};

const tunnelWords = ({ tunnel }: Hop): { name: string; port: string } => {
  const names: Record<TunnelKind, string> = {
    vxlan: 'VXLAN',
    geneve: 'Geneve',
    ipip: 'IPIP',
    sit: 'SIT',
    ip6tnl: 'IPv6 tunnel',
    gre: 'GRE',
    wireguard: 'WireGuard',
  };
  const protocols: Partial<Record<TunnelKind, number>> = { sit: 41, ip6tnl: 41, gre: 47 };
  const protocol = `IP protocol ${(tunnel && protocols[tunnel.kind]) ?? 4}`;
  return { name: tunnel ? names[tunnel.kind] : 'the tunnel', port: tunnel?.port === undefined ? protocol : `UDP ${tunnel.port}` };
};

const confidenceOf = (verdict: Watched['verdict'], nodes: boolean | undefined): Confidence =>
  verdict === 'lost-between' && nodes === true ? 'certain' : 'likely';

/** Encapsulated probes leave one node and never reach the other, while plain traffic between the nodes passes. */
export const underlayDropsTunnel: Cause = {
  code: 'ND2101',
  summary: "The network between two nodes drops the tunnel's packets.",
  recognise: (evidence) => {
    const nodes = check(evidence, 'node-to-node');
    const found = nodes === false ? undefined : suspect(evidence);
    const tunnel = found?.left.tunnel;
    const xdp = found && xdpBlame(evidence, found);
    if (!found || !tunnel || xdp === 'all') return undefined;
    const { leg, left, arrived, seen } = found;
    const { name, port } = tunnelWords(left);
    const { local, remote } = tunnel;
    const snapshot = snapshotOf(evidence, left.node);
    const isFlannel = snapshot !== undefined && identifyCni(snapshot, evidence.facts).name === 'flannel';
    return {
      severity: 'problem',
      confidence: xdp === 'open' ? 'likely' : confidenceOf(seen.verdict, nodes),
      title: `The network between ${left.node} and ${arrived.node} drops ${name} (${port}).`,
      ...onShownPath(found),
      place: { node: left.node, interface: left.interface },
      evidence: [
        probeWords(leg),
        ...(seen.verdict === 'lost-between'
          ? [crossedWords(found, seen, port)]
          : [
              `every entry on the way agrees: the packet should leave ${left.node} ${left.interface} as ${port} from ${local} to ${remote} and arrive`,
            ]),
        ...checkWords(evidence, 'node-to-node', 'pod-to-own-node', 'far-node-to-pod'),
        ...(isFlannel && leadsThere(evidence, found.walk)
          ? [`flannel's own state is right on both nodes: route, neighbour, FDB and VTEP MAC agree`]
          : []),
      ],
      fix: [
        `Allow ${port} between ${local} and ${remote} in the network between the nodes (security group, hypervisor, firewall).`,
        ...(isFlannel && snapshot ? withoutTunnel(snapshot, arrived.node, evidence.facts, familyOf(local)) : []),
      ],
      notes:
        seen.verdict === 'lost-between'
          ? []
          : ['No capture proves it: without one, a drop on the receiving node before any rule that was read looks the same.'],
    };
  },
};

export const nodesUnreachable: Cause = {
  code: 'ND2001',
  summary: 'The nodes cannot reach each other at all.',
  implies: ['ND2101', 'ND2114'],
  recognise: (evidence) => {
    const [leg] = failingLegs(evidence);
    const probe = evidence.probes.find(({ request }) => request.purpose === 'node-to-node');
    if (!leg || !probe || check(evidence, 'node-to-node') !== false || crossesNodes(leg) === false) return undefined;
    const { fromLabel, toLabel } = probe.request;
    return {
      severity: 'problem',
      confidence: 'likely',
      title: `${fromLabel} cannot reach ${toLabel}: the network between the nodes does not carry plain traffic either.`,
      evidence: [probeWords(leg), probeWords({ probe })],
      fix: ['Check the cabling, VLAN, security groups and routes between the two nodes; pods cannot talk before the nodes do.'],
      notes: [],
    };
  },
};

const crossesNodes = ({ there }: Leg): boolean | undefined => there && new Set(there.hops.map(({ node }) => node)).size > 1;
