import { calicoRule } from './calico.ts';
import { ciliumRule } from './cilium.ts';
import { kubeRouterRule } from './kube-router.ts';
import { ovnRule } from './ovn.ts';
import type { Programmed, Wanted } from './programmed.ts';

type Find = (wanted: Wanted, hostInterface?: string) => Programmed | undefined;

/** How each plugin leaves its policies on a node, where they can be found there. */
const finders: Record<string, Find> = {
  calico: calicoRule,
  'kube-router': kubeRouterRule,
  'kube-ovn': ovnRule,
  'ovn-kubernetes': ovnRule,
  cilium: ciliumRule,
};

/** Where to look by hand on plugins whose rules on a node do not say whose they are. */
const elsewhere: Record<string, string> = {
  antrea: 'Antrea keeps the names of its policies in its agent: antctl query networkpolicyevaluation, run in the antrea-agent pod, names the rule.',
  'kube-network-policies':
    'Packets are judged by a program that nftables queues them to (table inet kube-network-policies, queue 100): no counter of the node tells them apart, its log does.',
  kindnet:
    'Packets are judged by a program that nftables queues them to (table inet kindnet-network-policies): no counter of the node tells them apart, its log does.',
  aws: "The policy agent's BPF maps say what is denied: its log (/var/log/aws-routed-eni/network-policy-agent.log) names the flow.",
  azure: 'azure-npm keeps its policies in iptables by hashes of ipsets: its own debug command (npm debug) names the rule.',
  weave: 'weave-npc keeps its policies in iptables by hashes of ipsets: its log names what it blocks.',
};

/** The rule by which a node denies it, where the plugin's rules can be told apart. */
export const findProgrammed = (plugin: string, wanted: Wanted, hostInterface?: string): Programmed | undefined =>
  finders[plugin]?.(wanted, hostInterface);

export const whereElse = (plugin: string): string | undefined => elsewhere[plugin];
