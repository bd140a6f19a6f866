import { nodeCgroup } from './cgroups.ts';
import { type LabPlan, type NodePlan, primary } from './plan.ts';

/** Thresholds are generous because the machine's one disk and memory are everybody's; the rest is what kubeadm writes. */
export const kubeletConfig = (plan: LabPlan, node: NodePlan): string =>
  JSON.stringify({
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: { anonymous: { enabled: false }, webhook: { enabled: true }, x509: { clientCAFile: '/etc/kubernetes/ca.crt' } },
    authorization: { mode: 'Webhook' },
    tlsCertFile: '/etc/kubernetes/kubelet.crt',
    tlsPrivateKeyFile: '/etc/kubernetes/kubelet.key',
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${nodeCgroup(plan.options.name, node.name)}`,
    failCgroupV1: false,
    oomScoreAdj: 0,
    enforceNodeAllocatable: ['pods'],
    failSwapOn: false,
    evictionHard: { 'memory.available': '50Mi', 'nodefs.available': '1%', 'nodefs.inodesFree': '1%', 'imagefs.available': '1%' },
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    clusterDNS: [primary(plan.clusterDns)],
    clusterDomain: 'cluster.local',
    containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
    resolvConf: '/etc/resolv.conf',
    healthzBindAddress: '127.0.0.1',
    registerWithTaints: [],
    maxPods: 250,
  });
