import type { ClusterFacts, DaemonSetFacts } from '../cluster/facts.ts';
import { hostNetns } from '../forwarding/world.ts';
import type { NodeSnapshot } from '../node/snapshot.ts';
import { identifyCni } from './identity.ts';

/** Who enforces policies here, by the name src/policy/traits.ts has for it, and the signs of it. */
export interface Enforcer {
  /** Absent: nobody knows. */
  plugin?: string;
  signs: string[];
}

const imagesOf = ({ images }: DaemonSetFacts): string => images.join(' ');

/**
 * DaemonSets that tell who enforces, the most telling first: where two are there (flannel with Calico's policies, AWS with Cilium chained
 * behind) the one further up enforces.
 */
const daemons: { plugin: string; runs: (set: DaemonSetFacts) => boolean }[] = [
  { plugin: 'cilium', runs: (set) => /(^|\/)cilium(-agent)?[:@]|\/cilium\/cilium/.test(imagesOf(set)) || set.name === 'cilium' },
  { plugin: 'cilium', runs: ({ name }) => name === 'anetd' },
  { plugin: 'calico', runs: (set) => /calico\/?-?node|calico\/calico/.test(imagesOf(set)) || /^(rke2-)?(calico-node|canal)$/.test(set.name) },
  { plugin: 'antrea', runs: ({ name }) => name === 'antrea-agent' },
  { plugin: 'kube-ovn', runs: ({ name }) => name === 'kube-ovn-cni' },
  { plugin: 'ovn-kubernetes', runs: ({ name }) => /^ovnkube-node(-dpu)?$/.test(name) },
  { plugin: 'kube-router', runs: ({ name }) => /^kube-router/.test(name) },
  { plugin: 'weave', runs: (set) => /weave-npc/.test(imagesOf(set)) },
  { plugin: 'kube-network-policies', runs: (set) => /kube-network-policies|kube-netpol/.test(imagesOf(set)) || set.name === 'kube-network-policies' },
  { plugin: 'aws', runs: (set) => set.name === 'aws-node' && /network-policy-agent/.test(imagesOf(set)) },
  { plugin: 'azure', runs: ({ name }) => name === 'azure-npm' },
  { plugin: 'kindnet', runs: ({ name }) => name === 'kindnet' },
  { plugin: 'flannel', runs: ({ name }) => /^kube-flannel(-ds)?/.test(name) },
];

/** k3s has kube-router's policy controller inside, unless it is told to leave it out (docs.k3s.io, network policies). */
const insideK3s = ({ nodes }: ClusterFacts): boolean => {
  const args = nodes.map(({ annotations }) => annotations['k3s.io/node-args']).filter((one) => one !== undefined);
  return args.length > 0 && !args.some((one) => one.includes('disable-network-policy'));
};

/** Chains that only an enforcer of policies writes, whatever the plugin that connects pods. */
const chains: { plugin: string; prefix: RegExp }[] = [
  { plugin: 'calico', prefix: /^cali-(pi|po|tw|fw)-/ },
  { plugin: 'kube-router', prefix: /^KUBE-(NWPLCY|POD-FW)-/ },
  { plugin: 'weave', prefix: /^WEAVE-NPC/ },
];

const fromNode = (snapshot: NodeSnapshot): Enforcer | undefined => {
  const netfilter = hostNetns(snapshot)?.netfilter;
  const names = netfilter?.iptables.flatMap(({ chains: own }) => own.map(({ name }) => name)) ?? [];
  const found = chains.find(({ prefix }) => names.some((name) => prefix.test(name)));
  if (found) return { plugin: found.plugin, signs: [`chains ${found.prefix.source.replaceAll(/[\^()]/g, '')} on ${snapshot.node}`] };
  if (netfilter?.nft.some(({ name }) => name === 'kube-network-policies'))
    return { plugin: 'kube-network-policies', signs: [`nftables table kube-network-policies on ${snapshot.node}`] };
  return undefined;
};

/**
 * Who enforces policies on this cluster: by its DaemonSets, by what it left on the nodes that were read, and last by the plugin that connects
 * pods, which may enforce them or not.
 */
export const enforcerOf = (facts: ClusterFacts, snapshots: readonly NodeSnapshot[] = []): Enforcer => {
  const sets = facts.daemonSets ?? [];
  const daemon = daemons.flatMap(({ plugin, runs }) => {
    const set = sets.find(runs);
    return set ? [{ plugin, signs: [`DaemonSet ${set.namespace}/${set.name}`] }] : [];
  })[0];
  if (daemon && daemon.plugin !== 'flannel' && daemon.plugin !== 'kindnet') return daemon;
  const written = snapshots.flatMap((snapshot) => fromNode(snapshot) ?? [])[0];
  if (written) return written;
  if (insideK3s(facts)) return { plugin: 'kube-router', signs: ['k3s, which has it inside'] };
  if (daemon) return daemon;
  const [cni] = snapshots.map((snapshot) => identifyCni(snapshot, facts)).filter(({ name }) => name !== 'unknown');
  return cni ? { plugin: cni.name, signs: cni.signs } : { signs: [] };
};
