import { waitFor } from '../clock.ts';
import type { Lab } from '../handle.ts';

type Agent = 'flanneld' | 'kube-proxy' | 'calico-node' | 'cilium-agent';

const signal = async (lab: Lab, node: string, agent: Agent, name: 'STOP' | 'CONT'): Promise<void> => {
  await lab.nodeExec(node, ['sh', '-c', `for pid in $(pgrep -x ${agent}); do kill -${name} $pid; done`]);
};

/** Holds an agent that would repair what a fault breaks; its pod stays Running, as that of a hung agent does. */
export const pauseAgent = (lab: Lab, node: string, agent: Agent): Promise<void> => signal(lab, node, agent, 'STOP');

export const resumeAgent = (lab: Lab, node: string, agent: Agent): Promise<void> => signal(lab, node, agent, 'CONT');

const daemonSets = {
  flanneld: { namespace: 'kube-flannel', selector: 'app=flannel' },
  'kube-proxy': { namespace: 'kube-system', selector: 'k8s-app=kube-proxy' },
} as const;

/**
 * Replaces an agent's pod: a fresh one programs everything anew. One that is held stays so until it is killed: flanneld, told to end while it makes anew a device that was
 * deleted under it (vxlan_network.go, reCreateVxlan), gives it a random MAC address, and of a change of one family's alone the other nodes of a dual-stack cluster
 * are not told (kube.go, handleUpdateLeaseEvent).
 */
export const restartAgent = async (lab: Lab, node: string, agent: keyof typeof daemonSets): Promise<void> => {
  const { namespace, selector } = daemonSets[agent];
  const onNode = ['--namespace', namespace, '--selector', selector, '--field-selector', `spec.nodeName=${node}`];
  await lab.kubectl(['delete', 'pod', ...onNode, '--grace-period=1']);
  await waitFor(`${agent} on ${node} Ready`, async () => {
    const ready = await lab.kubectl(['get', 'pods', ...onNode, '-o', 'jsonpath={.items[*].status.conditions[?(@.type=="Ready")].status}']);
    return ready === 'True';
  });
};
