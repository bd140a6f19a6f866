import { identifyCni } from '../../cni/identity.ts';
import { kubeProxyMode } from '../../cni/kube-proxy/mode.ts';
import { familyOf, inPrefix, sameAddress } from '../../forwarding/address.ts';
import { hostNetns } from '../../forwarding/world.ts';
import type { Family, NodeSnapshot } from '../../node/snapshot.ts';
import { fails, passes } from '../../probe/probe.ts';
import type { Cause } from '../cause.ts';
import { probeWords } from '../draft.ts';
import { failingLegs, snapshotOf } from '../evidence.ts';
import { agentHealth } from '../health.ts';
import { onNode, restartAgent } from '../remedy.ts';

/** Where each plugin masquerades what leaves the cluster, and who else writes there. */
const places: Record<string, { chain: string; agents: string[] }> = {
  flannel: { chain: 'FLANNEL-POSTRTG', agents: ['flannel'] },
  calico: { chain: 'cali-nat-outgoing', agents: ['calico'] },
  'kube-ovn': { chain: 'OVN-POSTROUTING', agents: ['kube-ovn', 'kube-proxy'] },
  cilium: { chain: 'CILIUM_POST_nat', agents: ['cilium'] },
};

const hasChain = (snapshot: NodeSnapshot, chain: string, of: Family): boolean =>
  hostNetns(snapshot)?.netfilter.iptables.some(
    ({ table, family, chains }) => table === 'nat' && family === of && chains.some(({ name }) => name === chain),
  ) ?? false;

/** Where no agent is known to write the rule, the CNI configuration or the node's own firewall has to. */
const byRule = (node: string, source: string, podNetwork: string[]): string[] => {
  const own = podNetwork.find((cidr) => inPrefix(cidr, source)) ?? source;
  const program = source.includes(':') ? 'ip6tables' : 'iptables';
  return [
    'Set "ipMasq": true in the CNI configuration of the node, or add the rule where its firewall is set up:',
    onNode(node, `${program} -t nat -A POSTROUTING -s ${own} ! -o cni0 -j MASQUERADE`),
  ];
};

export const missingMasquerade: Cause = {
  code: 'ND3008',
  summary: "Packets leave the node for the outside with the pod's own address as source.",
  recognise: (evidence) => {
    const leg = failingLegs(evidence).find(({ probe, there }) => fails(probe) && there?.outcome === 'left');
    const hop = leg?.there?.hops.at(-1);
    const snapshot = snapshotOf(evidence, hop?.node);
    if (!leg?.there || !hop || !snapshot) return undefined;
    const { source, destination } = hop.packet;
    const podNetwork = evidence.facts.nodes.flatMap(({ podCidrs }) => podCidrs);
    if (!evidence.from.pod || evidence.from.pod.hostNetwork || !podNetwork.some((cidr) => inPrefix(cidr, source))) return undefined;
    if (podNetwork.some((cidr) => inPrefix(cidr, destination))) return undefined;
    const host = evidence.probes.find(
      ({ request }) => request.purpose !== 'main' && request.from.netns === 'host' && sameAddress(request.destination, leg.probe.request.destination),
    );
    if (host && !passes(host)) return undefined;
    const { name } = identifyCni(snapshot, evidence.facts);
    const place = places[name];
    const agents = place?.agents ?? ['kube-proxy'];
    const unhealthy = agents.filter((agent) => !agentHealth(evidence, snapshot, agent).well);
    const restarted = unhealthy.length > 0 ? unhealthy : agents.slice(0, 1);
    return {
      severity: 'problem',
      confidence: 'likely',
      title: `Packets of pods on ${snapshot.node} leave for the outside with the pod address ${source}, which nobody out there can answer.`,
      hop: leg.there.hops.length - 1,
      place: { node: snapshot.node, interface: hop.interface },
      evidence: [
        probeWords(leg),
        ...(host ? [probeWords({ probe: host })] : []),
        `no rule of nat POSTROUTING on ${snapshot.node} matches it${place ? `; ${name} masquerades in ${place.chain}, which ${hasChain(snapshot, place.chain, familyOf(source)) ? 'has no rule for it' : 'does not exist there'}` : ''}`,
        ...agents.flatMap((agent) => agentHealth(evidence, snapshot, agent).words),
        ...(kubeProxyMode(snapshot) === 'none' ? [`no KUBE- chains on ${snapshot.node}: kube-proxy has not programmed it`] : []),
      ],
      fix:
        unhealthy.length > 0 || place
          ? restarted.flatMap((agent) => restartAgent(evidence.facts, agent, snapshot.node))
          : byRule(snapshot.node, source, podNetwork),
      notes: [],
    };
  },
};
