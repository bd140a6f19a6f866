import { inPrefix, sameAddress } from '../forwarding/address.ts';
import { isObject, unwrap } from '../forwarding/netfilter/nft/json.ts';
import { hostNetns } from '../forwarding/world.ts';
import { splitWords } from '../node/parse/words.ts';
import type { Netns, NodeSnapshot } from '../node/snapshot.ts';

export type KubeProxyMode = 'iptables' | 'nftables' | 'ipvs' | 'none';

/** By what it left in the kernel: one IPVS Service, its nft table, or its chains. */
export const kubeProxyMode = (snapshot: NodeSnapshot): KubeProxyMode => {
  const host = hostNetns(snapshot);
  if (!host) return 'none';
  if (host.ipvs.length > 0 || host.links.some(({ name }) => name === 'kube-ipvs0')) return 'ipvs';
  if (nftTables(host).length > 0) return 'nftables';
  return host.netfilter.iptables.some(({ table, chains }) => table === 'nat' && chains.some(({ name }) => name === 'KUBE-SERVICES'))
    ? 'iptables'
    : 'none';
};

const nftTables = (host: Netns): Netns['netfilter']['nft'] => host.netfilter.nft.filter(({ name }) => name === 'kube-proxy');

export interface ServicePort {
  clusterIp: string;
  port: number;
  protocol: string;
}

/** Whether this node knows the Service's address and port at all, with endpoints or as one that has none. */
export const programs = (snapshot: NodeSnapshot, wanted: ServicePort): boolean => {
  const host = hostNetns(snapshot);
  return host !== undefined && (inIptables(host, wanted) || inNft(host, wanted) || inIpvs(host, wanted));
};

const inIptables = ({ netfilter }: Netns, { clusterIp, port, protocol }: ServicePort): boolean =>
  netfilter.iptables.some(({ chains }) =>
    chains
      .filter(({ name }) => name === 'KUBE-SERVICES')
      .some(({ rules }) =>
        rules.some(({ text }) => {
          const words = splitWords(text);
          const after = (word: string): string => words[words.indexOf(word) + 1] ?? '';
          return words.includes('-d') && inPrefix(after('-d'), clusterIp) && after('--dport') === String(port) && after('-p') === protocol;
        }),
      ),
  );

/** Elements `ADDRESS . PROTOCOL . PORT : verdict` of the maps kube-proxy looks Services up in. */
const inNft = (host: Netns, { clusterIp, port, protocol }: ServicePort): boolean =>
  nftTables(host).some(({ sets }) =>
    sets
      .filter(({ name }) => name === 'service-ips' || name === 'no-endpoint-services')
      .some(({ elements }) =>
        elements.some((element) => {
          const key = unwrap(Array.isArray(element) ? element[0] : element);
          const parts = isObject(key) && Array.isArray(key.concat) ? key.concat : [];
          return sameAddress(String(parts[0]), clusterIp) && parts[1] === protocol && Number(parts[2]) === port;
        }),
      ),
  );

const inIpvs = ({ ipvs }: Netns, { clusterIp, port, protocol }: ServicePort): boolean =>
  ipvs.some((service) => sameAddress(service.address, clusterIp) && service.port === port && service.protocol.toLowerCase() === protocol);
