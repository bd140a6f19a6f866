import type { ClusterFacts, ServiceFacts } from '../../cluster/facts.ts';
import { hostNetns, unread } from '../../forwarding/world.ts';
import type { Netns, NodeSnapshot } from '../../node/snapshot.ts';
import { compareRules, type ProxyFault } from './compare.ts';
import { type Expected, expectedOf } from './expected.ts';
import { iptablesRules } from './iptables.ts';
import { ipvsRules } from './ipvs.ts';
import { type KubeProxyMode, kubeProxyMode, proxyInstead } from './mode.ts';
import { nftablesRules } from './nftables.ts';
import type { ProxyRules } from './rules.ts';

/** What an earlier mode left behind is asked beside the rules of now. */
const withLeftovers = (rules: ProxyRules, left: ProxyRules): ProxyRules => ({
  ...rules,
  lookup: (frontend) => [...rules.lookup(frontend), ...left.lookup(frontend).filter(({ verdict }) => verdict === 'forward')],
});

const READERS: Record<KubeProxyMode, (host: Netns) => ProxyRules> = {
  iptables: iptablesRules,
  nftables: (host) => withLeftovers(nftablesRules(host), iptablesRules(host)),
  ipvs: ipvsRules,
  none: () => ({ lookup: () => [], unhooked: () => [], unmasked: () => [] }),
};

const SECTIONS: Record<KubeProxyMode, string[]> = {
  iptables: ['iptables'],
  nftables: ['nft'],
  ipvs: ['ipvs'],
  none: ['iptables', 'nft', 'ipvs'],
};

/** What the rules of one node were held against, or why they were not. */
export type ProxyCheck =
  | { skipped: string }
  | {
      skipped?: never;
      mode: KubeProxyMode;
      expectedOf: (service: ServiceFacts) => Expected[];
      faultsOf: (service: ServiceFacts) => ProxyFault[];
      lookup: ProxyRules['lookup'];
    };

const refusedIn = ({ notRead }: ClusterFacts, { namespace }: ServiceFacts): boolean =>
  notRead.some((text) => text.startsWith('endpointslices:') || text.startsWith(`endpointslices in ${namespace}:`));

const keyOf = ({ namespace, name }: { namespace: string; name: string }): string => `${namespace}/${name}`;

/**
 * Holds kube-proxy's rules on one node against Services and EndpointSlices. `anywhere`: whether this cluster has a kube-proxy at all, so that its
 * rules can be missed.
 */
export const checkProxy = (snapshot: NodeSnapshot, facts: ClusterFacts, anywhere: boolean): ProxyCheck => {
  const host = hostNetns(snapshot);
  if (!host) return { skipped: 'the node itself was not read' };
  const instead = proxyInstead(snapshot, facts);
  if (instead !== undefined) return { skipped: `${instead} serves Services in place of kube-proxy` };
  const mode = kubeProxyMode(snapshot);
  if (mode === 'none' && !anywhere) return { skipped: 'there is no kube-proxy' };
  if (unread({ snapshot, netns: host }, ...SECTIONS[mode])) return { skipped: 'its rules could not all be read' };
  const rules = READERS[mode](host);
  const endpoints = Map.groupBy(facts.endpoints, ({ service }) => keyOf(service));
  const node = facts.nodes.find(({ name }) => name === snapshot.node);
  const expected = (service: ServiceFacts): Expected[] =>
    refusedIn(facts, service) ? [] : expectedOf({ service, endpoints: endpoints.get(keyOf(service)) ?? [] }, snapshot.node, node);
  return { mode, expectedOf: expected, faultsOf: (service) => compareRules(expected(service), rules, mode), lookup: rules.lookup };
};
