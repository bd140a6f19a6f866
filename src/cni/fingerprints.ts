import { hostNetns } from '../forwarding/world.ts';
import type { NodeSnapshot } from '../node/snapshot.ts';

export interface Sign {
  sign: string;
  says: (snapshot: NodeSnapshot) => boolean;
}

const conflist = (type: string): Sign => ({
  sign: `CNI configuration of type ${type}`,
  says: ({ files }) =>
    Object.entries(files).some(([path, text]) => path.includes('/cni/net.d/') && new RegExp(`"type"\\s*:\\s*"${type}"`).test(text)),
});

const link = (pattern: RegExp): Sign => ({
  sign: `interface ${pattern.source.replace(/[\^$\\]/g, '')}`,
  says: (snapshot) => hostNetns(snapshot)?.links.some(({ name }) => pattern.test(name)) ?? false,
});

const daemon = (name: string): Sign => ({ sign: `process ${name}`, says: ({ daemons }) => (daemons[name]?.length ?? 0) > 0 });

const chain = (prefix: string): Sign => ({
  sign: `iptables chains ${prefix}…`,
  says: (snapshot) => hostNetns(snapshot)?.netfilter.iptables.some(({ chains }) => chains.some(({ name }) => name.startsWith(prefix))) ?? false,
});

const nftTable = (name: string): Sign => ({
  sign: `nftables table ${name}`,
  says: (snapshot) => hostNetns(snapshot)?.netfilter.nft.some((table) => table.name === name) ?? false,
});

const file = (path: string): Sign => ({ sign: path, says: ({ files }) => path in files });

/** What each plugin leaves on a node that no other does. */
export const fingerprints: { name: string; signs: Sign[] }[] = [
  {
    name: 'flannel',
    signs: [conflist('flannel'), file('/run/flannel/subnet.env'), link(/^flannel/), chain('FLANNEL-'), nftTable('flannel-ipv4'), daemon('flanneld')],
  },
  { name: 'calico', signs: [conflist('calico'), link(/^cali[0-9a-f]{11}$/), link(/^vxlan(-v6)?\.calico$/), chain('cali-'), nftTable('calico')] },
  { name: 'cilium', signs: [conflist('cilium-cni'), link(/^cilium_(host|net|vxlan|geneve)$/), chain('CILIUM_'), daemon('cilium-agent')] },
  { name: 'kube-ovn', signs: [conflist('kube-ovn'), link(/^ovn0$/), chain('OVN-MASQUERADE'), daemon('kube-ovn-daemon')] },
  {
    name: 'ovn-kubernetes',
    signs: [conflist('ovn-k8s-cni-overlay'), link(/^ovn-k8s-mp0$/), nftTable('ovn-kubernetes'), chain('OVN-KUBE-'), daemon('ovnkube')],
  },
  { name: 'antrea', signs: [conflist('antrea'), link(/^antrea-gw0$/), chain('ANTREA-'), daemon('antrea-agent')] },
  {
    name: 'kindnet',
    signs: [conflist('cni-kindnet'), link(/^knet[0-9a-f]+$/), nftTable('kindnet-ipmasq'), chain('KIND-MASQ-AGENT'), daemon('kindnetd')],
  },
  { name: 'weave', signs: [conflist('weave-net'), link(/^weave$/), chain('WEAVE'), daemon('weaver')] },
  { name: 'bridge', signs: [conflist('bridge')] },
];
