import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { kubeconfig, pkiDirectory } from './certificates.ts';
import { containerdConfig } from './containerd.ts';
import { apply } from './kubectl.ts';
import { kubeletConfig } from './kubelet.ts';
import { execIn, type Machine, machineDirectory } from './machine.ts';
import { joined, type LabPlan, type NodePlan, primary } from './plan.ts';
import { flags, type Services } from './services.ts';
import { writeAtomically } from './state.ts';

/** What kubeadm and a distribution would have put on the node's disk; copied over its root when it starts. */
export const writeNodeFiles = async (plan: LabPlan, node: NodePlan): Promise<void> => {
  const lab = plan.options.name;
  const files = join(machineDirectory(lab, node.name), 'files');
  const kubernetes = join(files, 'etc/kubernetes');
  await mkdir(kubernetes, { recursive: true });
  await copyFile(join(pkiDirectory(lab), 'ca.crt'), join(kubernetes, 'ca.crt'));
  for (const suffix of ['crt', 'key']) await copyFile(join(pkiDirectory(lab), `${node.name}.${suffix}`), join(kubernetes, `kubelet.${suffix}`));
  await writeAtomically(join(kubernetes, 'kubelet.conf'), await kubeconfig(lab, plan.apiUrl, node.name));
  await writeAtomically(join(kubernetes, 'kubelet.yaml'), kubeletConfig(plan, node));
  await writeAtomically(join(files, 'etc/containerd/config.toml'), containerdConfig, 0o644);
  await writeAtomically(join(files, 'etc/resolv.conf'), `nameserver ${primary(plan.external.address)}\n`, 0o644);
  await writeAtomically(join(files, 'etc/hostname'), `${node.name}\n`, 0o644);
  await writeAtomically(join(files, 'etc/hosts'), `127.0.0.1 localhost\n::1 localhost\n${primary(node.address)} ${node.name}\n`, 0o644);
};

/** Registers the nodes before their kubelets do, because the controller would hand out pod CIDRs in order of arrival. */
export const registerNodes = (plan: LabPlan): Promise<void> =>
  apply(
    plan.options.name,
    plan.nodes.map((node) => {
      const podCIDRs = [node.podCidr[4], node.podCidr[6]].filter((cidr) => cidr !== undefined);
      return {
        apiVersion: 'v1',
        kind: 'Node',
        metadata: { name: node.name, labels: { 'kubernetes.io/hostname': node.name } },
        spec: { podCIDR: podCIDRs[0], podCIDRs },
      };
    }),
  );

/** kubelet is held back until the API answers: its own retries would wait for up to 7 seconds. */
export const nodeServices = (node: NodePlan): Services => ({
  containerd: ['containerd', '--config', '/etc/containerd/config.toml'],
  kubelet: [
    ...['sh', '-c', 'until [ -e /run/lab/api-answers ]; do sleep 0.1; done; exec "$@"', 'sh'],
    'kubelet',
    ...flags({
      config: '/etc/kubernetes/kubelet.yaml',
      kubeconfig: '/etc/kubernetes/kubelet.conf',
      'hostname-override': node.name,
      'node-ip': joined(node.address),
    }),
  ],
});

export const releaseKubelet = (machine: Machine) => execIn(machine, ['touch', '/run/lab/api-answers']);
