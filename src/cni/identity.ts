import type { ClusterFacts } from '../cluster/facts.ts';
import type { NodeSnapshot } from '../node/snapshot.ts';
import { fingerprints } from './fingerprints.ts';
import { flannelBackend } from './flannel.ts';
import { kubeProxyMode, proxyInstead } from './kube-proxy/mode.ts';

/** Which network plugin a node runs, and by which signs. */
export interface CniIdentity {
  /** `flannel`, `calico`… or `unknown`. */
  name: string;
  /** Backend or data plane: `vxlan`, `host-gw`; empty when there is only one way. */
  mode: string;
  /** The signs that were seen, for a person to check. */
  signs: string[];
}

/** The plugin with the most signs; the directory's first conflist is what the runtime takes, so it breaks a tie. */
export const identifyCni = (snapshot: NodeSnapshot, facts: ClusterFacts): CniIdentity => {
  const scored = fingerprints
    .map(({ name, signs }) => ({ name, signs: signs.flatMap(({ says, sign }) => (says(snapshot) ? [sign] : [])) }))
    .sort((a, b) => b.signs.length - a.signs.length);
  const [best] = scored;
  if (!best || best.signs.length === 0) return { name: 'unknown', mode: '', signs: [] };
  return { ...best, mode: best.name === 'flannel' ? flannelBackend(snapshot, facts) : '' };
};

/** For the head of a report: `flannel vxlan`, `iptables`; different nodes are listed. */
export const dataPlane = (snapshots: NodeSnapshot[], facts: ClusterFacts): { cni: string; kubeProxy: string } => ({
  cni: distinct(
    snapshots.map((snapshot) => {
      const { name, mode } = identifyCni(snapshot, facts);
      return [name, mode].filter(Boolean).join(' ');
    }),
  ),
  kubeProxy: distinct(
    snapshots.map((snapshot) => {
      const instead = proxyInstead(snapshot, facts);
      return instead === undefined ? kubeProxyMode(snapshot) : `none (${instead})`;
    }),
  ),
});

const distinct = (words: string[]): string => [...new Set(words)].join(', ') || 'unknown';
