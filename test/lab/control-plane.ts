import { join } from 'node:path';
import { pkiDirectory } from './certificates.ts';
import { waitFor } from './clock.ts';
import { kubectl } from './kubectl.ts';
import { machineDirectory } from './machine.ts';
import { joined, type LabPlan, primary } from './plan.ts';
import { flags, type Services } from './services.ts';

type Flags = Readonly<Record<string, string>>;

/** All loopback addresses here are the underlay machine's own, so that labs do not meet on a port. */
const etcd = 'http://127.0.0.1:2379';

const apiServer = (plan: LabPlan, pki: string): Flags => ({
  'advertise-address': primary(plan.api),
  'bind-address': plan.api[4] ? '0.0.0.0' : '::',
  'allow-privileged': 'true',
  'authorization-mode': 'Node,RBAC',
  'enable-admission-plugins': 'NodeRestriction',
  'client-ca-file': join(pki, 'ca.crt'),
  'etcd-servers': etcd,
  'kubelet-client-certificate': join(pki, 'apiserver-kubelet-client.crt'),
  'kubelet-client-key': join(pki, 'apiserver-kubelet-client.key'),
  'kubelet-certificate-authority': join(pki, 'ca.crt'),
  'kubelet-preferred-address-types': 'InternalIP',
  'service-account-issuer': 'https://kubernetes.default.svc.cluster.local',
  'service-account-key-file': join(pki, 'sa.pub'),
  'service-account-signing-key-file': join(pki, 'sa.key'),
  'service-cluster-ip-range': joined(plan.serviceCidr),
  'tls-cert-file': join(pki, 'apiserver.crt'),
  'tls-private-key-file': join(pki, 'apiserver.key'),
});

const controllerManager = (plan: LabPlan, pki: string): Flags => ({
  'allocate-node-cidrs': 'true',
  'bind-address': '127.0.0.1',
  'cluster-cidr': joined(plan.clusterCidr),
  'cluster-signing-cert-file': join(pki, 'ca.crt'),
  'cluster-signing-key-file': join(pki, 'ca.key'),
  kubeconfig: join(pki, 'controller-manager.conf'),
  'leader-elect': 'false',
  'root-ca-file': join(pki, 'ca.crt'),
  'service-account-private-key-file': join(pki, 'sa.key'),
  'service-cluster-ip-range': joined(plan.serviceCidr),
  'use-service-account-credentials': 'true',
});

const scheduler = (pki: string): Flags => ({ 'bind-address': '127.0.0.1', kubeconfig: join(pki, 'scheduler.conf'), 'leader-elect': 'false' });

/** Nobody needs this cluster's data after a power cut, so etcd need not wait for the disk. */
const etcdFlags = (directory: string): Flags => ({
  'data-dir': directory,
  'listen-client-urls': etcd,
  'advertise-client-urls': etcd,
  'listen-peer-urls': 'http://127.0.0.1:2380',
  'unsafe-no-fsync': 'true',
  'log-level': 'warn',
});

/** They start together; each is restarted until the one that it needs is there. */
export const controlPlaneServices = (plan: LabPlan, machine: string): Services => {
  const lab = plan.options.name;
  const pki = pkiDirectory(lab);
  return {
    etcd: ['etcd', ...flags(etcdFlags(join(machineDirectory(lab, machine), 'etcd')))],
    'kube-apiserver': ['kube-apiserver', ...flags(apiServer(plan, pki))],
    'kube-controller-manager': ['kube-controller-manager', ...flags(controllerManager(plan, pki))],
    'kube-scheduler': ['kube-scheduler', ...flags(scheduler(pki))],
  };
};

export const waitForApi = async (lab: string): Promise<void> => {
  await waitFor('the API server answer', async () => (await kubectl(lab, ['get', '--raw', '/readyz'])) === 'ok', { timeout: 60_000 });
  await waitFor('the default ServiceAccount', async () => Boolean(await kubectl(lab, ['get', 'serviceaccount', 'default', '-o', 'name'])), {
    timeout: 30_000,
  });
};
