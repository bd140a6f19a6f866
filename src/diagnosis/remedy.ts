import type { ClusterFacts, PodFacts } from '../cluster/facts.ts';
import type { Netns } from '../node/snapshot.ts';

/** A command of the node's own, from any machine with kubectl. */
export const onNode = (node: string, command: string): string =>
  `$ kubectl debug node/${node} -it --profile=sysadmin --image=busybox -- chroot /host ${command}`;

/** The same inside a network namespace of the node. */
export const inNetns = (node: string, pid: number, command: string): string => onNode(node, `nsenter -t ${pid} -n ${command}`);

/** On the node itself or inside one of its namespaces, wherever that is; one without a process cannot be entered so. */
export const inPlace = (node: string, netns: Netns | undefined, command: string): string =>
  netns && netns.role !== 'host' && netns.pid !== undefined ? inNetns(node, netns.pid, command) : onNode(node, command);

/** Agents whose pods are restarted by deleting them, by the names their DaemonSets give. */
const agents: Record<string, RegExp> = {
  flannel: /^kube-flannel(-ds)?-/,
  'kube-proxy': /^kube-proxy-/,
  calico: /^calico-node-/,
  cilium: /^cilium-([a-z0-9]{5})?$/,
  'kube-ovn': /^kube-ovn-cni-/,
  'kube-network-policies': /^kube-network-policies-/,
  kindnet: /^kindnet-/,
};

export const agentPod = ({ pods }: ClusterFacts, agent: string, node: string): PodFacts | undefined =>
  pods.find((pod) => pod.node === node && agents[agent]?.test(pod.name) === true);

/** Its agent restores what it owns: the fix that lasts. */
export const restartAgent = (facts: ClusterFacts, agent: string, node: string): string[] => {
  const pod = agentPod(facts, agent, node);
  if (pod) return [`Restart ${agent} on ${node}, which sets it up again:`, `$ kubectl -n ${pod.namespace} delete pod ${pod.name}`];
  const set = facts.daemonSets?.find(({ name }) => agents[agent]?.test(`${name}-`) === true);
  return set
    ? [
        `${node} has no pod of DaemonSet ${set.namespace}/${set.name}; find out why (node selector, taints, affinity):`,
        `$ kubectl -n ${set.namespace} describe daemonset ${set.name}`,
      ]
    : [`Restart ${agent} on ${node}, which sets it up again.`];
};

/** Puts single entries right by hand, said after the lasting fix. */
export const byHand = (commands: { node: string; repair: string }[]): string[] => {
  const lines = commands.filter(({ repair }) => repair !== '').map(({ node, repair }) => onNode(node, repair));
  return lines.length > 0 ? ['By hand, until then:', ...lines] : [];
};
