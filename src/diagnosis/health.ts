import type { NodeSnapshot } from '../node/snapshot.ts';
import type { Evidence } from './evidence.ts';
import { agentPod } from './remedy.ts';

/** How an agent is known on a node: its process, and the health endpoint it should answer on. */
const processes: Record<string, string> = {
  flannel: 'flanneld',
  calico: 'calico-node',
  cilium: 'cilium-agent',
  'kube-ovn': 'kube-ovn-daemon',
  // as long as the kernel lets a name be
  'kube-network-policies': 'kube-network-po',
  kindnet: 'kindnetd',
};

/** The collector's word for a port that accepts and then says nothing. */
const mute = 599;

const healthText = (agent: string, node: string, status: number): string => {
  if (status === 0) return `nothing answers ${agent}'s health check on ${node}`;
  return status === mute ? `${agent} on ${node} does not answer its health check in time` : `${agent}'s health check on ${node} says ${status}`;
};

/** Processes were looked for, and no all-in-one distribution hides the agents in its own. */
const wasListed = (daemons: NodeSnapshot['daemons']): boolean =>
  daemons.kubelet !== undefined && !Object.keys(daemons).some((name) => /^(k3s|k0s|rke2)/.test(name));

export interface AgentHealth {
  well: boolean;
  words: string[];
}

/** What speaks for and against an agent of this node; no word where nothing was read. */
export const agentHealth = ({ facts }: Evidence, snapshot: NodeSnapshot, agent: string): AgentHealth => {
  const { node, health, daemons } = snapshot;
  const process = processes[agent] ?? agent;
  const pids = daemons[process] ?? (wasListed(daemons) ? [] : undefined);
  const status = health[agent] ?? health[process];
  const pod = agentPod(facts, agent, node);
  const waiting = pod?.containers.find(({ reason }) => reason !== undefined);
  const ill = [
    ...(pids?.length === 0 ? [`no ${process} process on ${node}`] : []),
    ...(status === undefined || status === 200 ? [] : [healthText(agent, node, status)]),
    ...(pod && !pod.ready
      ? [`pod ${pod.namespace}/${pod.name} is not ready${waiting ? ` (${waiting.reason}, ${waiting.restarts} restarts)` : ''}`]
      : []),
  ];
  return ill.length > 0 ? { well: false, words: ill } : { well: true, words: status === 200 ? [`${agent}'s health check on ${node} says 200`] : [] };
};
