import type { ClusterFacts } from '../../cluster/facts.ts';
import { hostNetns } from '../../forwarding/world.ts';
import type { Netns, NodeSnapshot } from '../../node/snapshot.ts';

export type KubeProxyMode = 'iptables' | 'nftables' | 'ipvs' | 'none';

/** By what it left in the kernel: one IPVS Service, its nft table, or its chains. */
export const kubeProxyMode = (snapshot: NodeSnapshot): KubeProxyMode => {
  const host = hostNetns(snapshot);
  if (!host) return 'none';
  if (host.ipvs.length > 0 || host.links.some(({ name }) => name === 'kube-ipvs0')) return 'ipvs';
  if (nftTables(host).length > 0) return 'nftables';
  return hasChains(host) ? 'iptables' : 'none';
};

export const nftTables = (host: Netns): Netns['netfilter']['nft'] => host.netfilter.nft.filter(({ name }) => name === 'kube-proxy');

const hasChains = (host: Netns): boolean =>
  host.netfilter.iptables.some(({ table, chains }) => table === 'nat' && chains.some(({ name }) => name === 'KUBE-SERVICES'));

/** Who serves Services on this node instead of kube-proxy; its leftovers then say nothing. */
export const proxyInstead = (snapshot: NodeSnapshot, { configMaps }: Pick<ClusterFacts, 'configMaps'>): string | undefined => {
  const host = hostNetns(snapshot);
  const runs = (snapshot.daemons['kube-proxy']?.length ?? 0) > 0;
  // strict and partial are what Cilium called it before 1.14
  const cilium = Object.entries(configMaps).find(([name]) => name.endsWith('/cilium-config'))?.[1]['kube-proxy-replacement'];
  if (cilium === 'true' || cilium === 'strict') return 'Cilium';
  // its program on the way out of the uplink translates replies of NodePorts (bpf/bpf_host.c cil_to_netdev)
  const programs = host?.tc.filters.some(
    ({ parent, actions }) => parent === 'egress' && actions.some(({ detail }) => detail.includes('cil_to_netdev')),
  );
  if (cilium === undefined && programs && !runs) return 'Cilium';
  if (host?.links.some(({ name }) => name === 'kube-dummy-if') && !runs) return 'kube-router';
  return undefined;
};
