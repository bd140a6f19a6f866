import type { ClusterFacts, NodeFacts } from '../cluster/facts.ts';
import { familyOf, inPrefix, networkOf, sameAddress } from '../forwarding/address.ts';
import { hostNetns, linkHolding } from '../forwarding/world.ts';
import type { Family, Netns, NodeSnapshot } from '../node/snapshot.ts';

/** Annotations flanneld writes on its node (pkg/subnet/kube/annotations.go). */
const prefix = 'flannel.alpha.coreos.com';

export interface FlannelNode {
  name: string;
  family: Family;
  podCidr: string;
  /** Where peers send the tunnel's packets. */
  publicIp?: string;
  vtepMac?: string;
  vni?: number;
}

/** What a node announces to its peers, for one address family. */
export const announced = (node: NodeFacts, family: Family): FlannelNode | undefined => {
  const podCidr = node.podCidrs.find((cidr) => familyOf(cidr) === family);
  if (podCidr === undefined) return undefined;
  const part = (name: string): string | undefined => node.annotations[`${prefix}/${name}`];
  const data = parseData(part(family === 4 ? 'backend-data' : 'backend-v6-data'));
  const publicIp = part(family === 4 ? 'public-ip' : 'public-ipv6') ?? node.ips.find((ip) => familyOf(ip) === family);
  return {
    name: node.name,
    family,
    podCidr,
    ...(publicIp === undefined ? {} : { publicIp }),
    ...(data.VtepMAC === undefined ? {} : { vtepMac: data.VtepMAC.toLowerCase() }),
    ...(data.VNI === undefined ? {} : { vni: data.VNI }),
  };
};

const parseData = (text: string | undefined): { VNI?: number; VtepMAC?: string } => {
  try {
    return text === undefined ? {} : ((JSON.parse(text) as { VNI?: number; VtepMAC?: string } | null) ?? {});
  } catch {
    return {};
  }
};

/** The DaemonSet's configuration, when it could be read. */
const netConf = (facts: ClusterFacts): { type?: string; directRouting: boolean } => {
  const [, data] = Object.entries(facts.configMaps).find(([name]) => name.endsWith('/kube-flannel-cfg')) ?? [];
  try {
    const { Backend } = JSON.parse(data?.['net-conf.json'] ?? '{}') as { Backend?: { Type?: string; DirectRouting?: boolean } };
    return { ...(Backend?.Type === undefined ? {} : { type: Backend.Type }), directRouting: Backend?.DirectRouting === true };
  } catch {
    return { directRouting: false };
  }
};

/** `vxlan`, `vxlan with DirectRouting`, `host-gw`, `ipip`, `wireguard`, `udp`. */
export const flannelBackend = (snapshot: NodeSnapshot, facts: ClusterFacts): string => {
  const { type, directRouting } = netConf(facts);
  const node = facts.nodes.find(({ name }) => name === snapshot.node);
  const backend = type ?? node?.annotations[`${prefix}/backend-type`] ?? byInterface(snapshot);
  return backend === 'vxlan' && directRouting ? 'vxlan with DirectRouting' : backend;
};

const byInterface = (snapshot: NodeSnapshot): string => {
  const names = hostNetns(snapshot)?.links.map(({ name }) => name) ?? [];
  const known: [RegExp, string][] = [
    [/^flannel(-v6)?\.\d+$/, 'vxlan'],
    [/^flannel\.ipip$/, 'ipip'],
    [/^flannel-wg/, 'wireguard'],
    [/^flannel\d+$/, 'udp'],
  ];
  return known.find(([pattern]) => names.some((name) => pattern.test(name)))?.[1] ?? '';
};

/** `10.33.188.0/24` when the node's own interface address and the peer's lie in one subnet. */
export const commonSubnet = (host: Netns, own: string | undefined, peer: string | undefined): string | undefined => {
  if (own === undefined || peer === undefined) return undefined;
  const address = linkHolding(host, own)?.addresses.find((candidate) => sameAddress(candidate.address, own));
  const hostBits = address?.family === 6 ? 128 : 32;
  if (!address || address.prefix >= hostBits) return undefined;
  const subnet = networkOf(address.address, address.prefix);
  return inPrefix(subnet, peer) ? subnet : undefined;
};

/** How to do without the tunnel, when both nodes are neighbours on one subnet; else nothing. */
export const withoutTunnel = (snapshot: NodeSnapshot, peerName: string, facts: ClusterFacts, family: Family = 4): string[] => {
  const host = hostNetns(snapshot);
  const [own, peer] = [snapshot.node, peerName].map((name) => {
    const node = facts.nodes.find((candidate) => candidate.name === name);
    return node && announced(node, family);
  });
  const subnet = host && commonSubnet(host, own?.publicIp, peer?.publicIp);
  if (subnet === undefined) return [];
  const daemonPod = facts.pods.find(({ name, labels }) => labels.app === 'flannel' || name.startsWith('kube-flannel-ds'));
  const [configMap = 'kube-flannel/kube-flannel-cfg'] = Object.keys(facts.configMaps).filter((name) => name.endsWith('/kube-flannel-cfg'));
  const namespace = configMap.split('/')[0] ?? daemonPod?.namespace ?? 'kube-flannel';
  return [
    `Or, as both nodes are in ${subnet}, let flannel route without the tunnel: add "DirectRouting": true to Backend in net-conf.json of kube-flannel-cfg.`,
    `$ kubectl -n ${namespace} edit configmap kube-flannel-cfg`,
    `$ kubectl -n ${namespace} rollout restart daemonset kube-flannel-ds`,
  ];
};
