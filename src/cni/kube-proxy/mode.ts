import type { ClusterFacts } from '../../cluster/facts.ts';
import { hostNetns } from '../../forwarding/world.ts';
import type { Netns, NodeSnapshot } from '../../node/snapshot.ts';

export type KubeProxyMode = 'iptables' | 'nftables' | 'ipvs' | 'none';

/** By what it left in the kernel: its dummy interface and virtual servers, its nft table, or its chains; others make virtual servers, too. */
export const kubeProxyMode = (snapshot: NodeSnapshot): KubeProxyMode => {
  const host = hostNetns(snapshot);
  if (!host) return 'none';
  const spreads = hasChain(host, (name) => name.startsWith('KUBE-SVC-'));
  const binds = host.links.some(({ name }) => name === 'kube-ipvs0');
  // the interface stays behind when the mode is changed
  if (binds && (host.ipvs.length > 0 || !spreads)) return 'ipvs';
  if (nftTables(host).length > 0) return 'nftables';
  if (spreads) return 'iptables';
  if (host.ipvs.length > 0) return 'ipvs';
  return hasChain(host, (name) => name === 'KUBE-SERVICES') ? 'iptables' : 'none';
};

export const nftTables = (host: Netns): Netns['netfilter']['nft'] => host.netfilter.nft.filter(({ name }) => name === 'kube-proxy');

const hasChain = (host: Netns, is: (name: string) => boolean): boolean =>
  host.netfilter.iptables.some(({ table, chains }) => table === 'nat' && chains.some(({ name }) => is(name)));

const hasProgram = (host: Netns | undefined, side: string, name: RegExp): boolean =>
  host?.tc.filters.some(({ parent, actions }) => (side === '' || parent === side) && actions.some(({ detail }) => name.test(detail))) ?? false;

/** Who serves Services on this node instead of kube-proxy; its leftovers then say nothing. */
export const proxyInstead = (snapshot: NodeSnapshot, { configMaps }: Pick<ClusterFacts, 'configMaps'>): string | undefined => {
  const host = hostNetns(snapshot);
  const runs = (snapshot.daemons['kube-proxy']?.length ?? 0) > 0;
  // strict and partial are what Cilium called it before 1.14
  const cilium = Object.entries(configMaps).find(([name]) => name.endsWith('/cilium-config'))?.[1]['kube-proxy-replacement'];
  if (cilium === 'true' || cilium === 'strict') return 'Cilium';
  // its program on the way out of the uplink translates replies of NodePorts (bpf/bpf_host.c cil_to_netdev)
  if (cilium === undefined && !runs && hasProgram(host, 'egress', /cil_to_netdev/)) return 'Cilium';
  // felix attaches programs to interfaces in this mode only (felix/bpf-gpl/tc.c)
  if (hasProgram(host, '', /\bcali(co)?_(tc|from|to)_/)) return "Calico's eBPF data plane";
  if (host?.links.some(({ name }) => name === 'kube-dummy-if') && !runs) return 'kube-router';
  return undefined;
};
