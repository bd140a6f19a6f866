import type { Lab } from '../handle.ts';
import { pauseAgent, restartAgent } from './agents.ts';
import { anywhere, type Fault, victim } from './fault.ts';
import { takeAway } from './take-away.ts';

/** What is left of kube-proxy's work after a node's firewall was reloaded under a proxy that no longer acts: nothing. */
const forgetServices = async (lab: Lab, node: string): Promise<void> => {
  if (lab.plan.options.proxy === 'nftables') {
    for (const family of ['ip', 'ip6']) await takeAway(lab, node, ['nft', 'delete', 'table', family, 'kube-proxy']);
    return;
  }
  for (const command of ['iptables', 'ip6tables'])
    for (const table of ['filter', 'nat', 'mangle']) {
      const { stdout } = await lab.nodeExec(node, [`${command}-save`, '-t', table]);
      const kept = stdout.split('\n').filter((line) => !/(^:| -j | -A |^-A )KUBE-/.test(line));
      await lab.nodeExec(node, [`${command}-restore`, '-w', '-T', table], { input: `${kept.join('\n')}\n` });
    }
};

export const kubeProxyHung: Fault = {
  name: 'kube-proxy-hung',
  title: 'kube-proxy on a node hangs and its rules are gone',
  appliesTo: anywhere,
  inject: async (lab) => {
    await pauseAgent(lab, victim.peer, 'kube-proxy');
    await forgetServices(lab, victim.peer);
  },
  undo: (lab) => restartAgent(lab, victim.peer, 'kube-proxy'),
};

/** A strategic patch: null takes the whole affinity away again. */
const awayFrom = (node: string | undefined): string => {
  const elsewhere = { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'NotIn', values: [node] }] };
  const nodeAffinity = { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [elsewhere] } };
  return JSON.stringify({ spec: { template: { spec: { affinity: node === undefined ? null : { nodeAffinity } } } } });
};

const daemonSet = ['daemonset', 'kube-proxy', '--namespace', 'kube-system'];

const onPeer = ['--namespace', 'kube-system', '--selector', 'k8s-app=kube-proxy', '--field-selector', `spec.nodeName=${victim.peer}`];

export const kubeProxyMissing: Fault = {
  name: 'kube-proxy-missing',
  title: 'a node has no kube-proxy and none of its rules',
  appliesTo: anywhere,
  inject: async (lab) => {
    await lab.kubectl(['patch', ...daemonSet, '--patch', awayFrom(victim.peer)]);
    await lab.kubectl(['wait', 'pod', ...onPeer, '--for=delete', '--timeout=60s']);
    await forgetServices(lab, victim.peer);
  },
  undo: async (lab) => {
    await lab.kubectl(['patch', ...daemonSet, '--patch', awayFrom(undefined)]);
    await lab.kubectl(['rollout', 'status', ...daemonSet, '--timeout=60s']);
  },
};
