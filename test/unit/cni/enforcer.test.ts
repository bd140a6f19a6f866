import { expect } from 'chai';
import type { ClusterFacts, DaemonSetFacts } from '../../../src/cluster/facts.ts';
import { enforcerOf } from '../../../src/cni/enforcer.ts';
import { PLUGINS } from '../../../src/policy/traits.ts';
import { recorded } from '../forwarding/recordings.ts';
import { flannelCluster } from '../forwarding/world.ts';

const bare: ClusterFacts = { pods: [], nodes: [], services: [], endpoints: [], configMaps: {}, notRead: [] };

const withSets = (...sets: [name: string, ...images: string[]][]): ClusterFacts => ({
  ...bare,
  daemonSets: sets.map(([name, ...images]): DaemonSetFacts => ({ namespace: 'kube-system', name, desired: 1, ready: 1, images })),
});

describe('who enforces policies', () => {
  const cases: [plugin: string, ...sets: [name: string, ...images: string[]][]][] = [
    ['calico', ['calico-node', 'quay.io/calico/node:v3.32.0']],
    ['calico', ['kube-flannel-ds', 'flannel/flannel:v0.26'], ['canal', 'quay.io/calico/node:v3.28.0']],
    ['cilium', ['aws-node', 'amazon-k8s-cni:v1.19'], ['cilium', 'quay.io/cilium/cilium:v1.18.3']],
    ['kube-ovn', ['kube-ovn-cni', 'kubeovn/kube-ovn:v1.12.22']],
    ['ovn-kubernetes', ['ovnkube-node', 'ovn-kube:latest']],
    ['antrea', ['antrea-agent', 'antrea/antrea-agent-ubuntu:v2.4']],
    ['kube-router', ['kube-flannel-ds', 'flannel/flannel:v0.26'], ['kube-router', 'cloudnativelabs/kube-router']],
    ['kube-network-policies', ['kindnet', 'kindnetd'], ['kube-network-policies', 'registry.k8s.io/networking/kube-network-policies:v1.0']],
    ['weave', ['weave-net', 'weaveworks/weave-kube', 'weaveworks/weave-npc']],
    ['aws', ['aws-node', 'amazon-k8s-cni:v1.19', 'amazon/aws-network-policy-agent:v1.2']],
    ['azure', ['azure-npm', 'azure-npm:v1.5']],
    ['kindnet', ['kindnet', 'kindnetd:v2']],
    ['flannel', ['kube-flannel-ds', 'flannel/flannel:v0.26']],
  ];
  for (const [plugin, ...sets] of cases) {
    it(`is ${plugin} where there is ${sets.map(([name]) => name).join(' with ')}`, () => {
      expect(enforcerOf(withSets(...sets)).plugin).to.equal(plugin);
      expect(PLUGINS).to.include(plugin);
    });
  }

  it('is not the plugin of AWS whose agent for policies is switched off', () => {
    expect(enforcerOf(withSets(['aws-node', 'amazon-k8s-cni:v1.19'])).plugin).to.equal(undefined);
  });

  it('is kube-router inside k3s, unless k3s was told otherwise', () => {
    const [node] = flannelCluster().facts.nodes;
    const k3s = (args: string): ClusterFacts => ({ ...bare, nodes: node ? [{ ...node, annotations: { 'k3s.io/node-args': args } }] : [] });
    expect(enforcerOf(k3s('["server"]')).plugin).to.equal('kube-router');
    expect(enforcerOf(k3s('["server","--disable-network-policy"]')).plugin).to.equal(undefined);
  });

  it('is told by its chains on a node, where DaemonSets could not be read', () => {
    for (const name of ['calico-policy-drop', 'calico-nft-policy-drop'] as const) {
      const { snapshots } = recorded(name);
      expect(enforcerOf(bare, snapshots).plugin, name).to.equal('calico');
    }
    const { snapshots, facts } = recorded('flannel-hostgw-nftables-dual');
    expect(enforcerOf({ ...bare, nodes: facts.nodes }, snapshots).plugin).to.equal('flannel');
  });

  it('is nobody where nothing tells', () => expect(enforcerOf(bare)).to.deep.equal({ signs: [] }));
});
