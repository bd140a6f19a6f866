import { nodeCgroup } from '../cgroups.ts';
import { images } from '../images/contents.ts';
import type { Manifest } from '../kubectl.ts';
import { execIn, type Machine } from '../machine.ts';
import { type LabPlan, primary } from '../plan.ts';
import { ciliumAccess } from './cilium-access.ts';

const namespace = 'kube-system';

/** Keys and values of the chart's config map, as far as they are not the programs' own defaults. */
const settings = {
  'agent-not-ready-taint-key': 'node.cilium.io/agent-not-ready',
  'bpf-lb-sock': 'false',
  'bpf-map-dynamic-size-ratio': '0.0025',
  'bpf-root': '/sys/fs/bpf',
  'cgroup-root': '/var/run/cilium/cgroupv2',
  'cluster-id': '0',
  'cluster-name': 'default',
  'cni-exclusive': 'true',
  'datapath-mode': 'veth',
  'enable-bpf-masquerade': 'false',
  'enable-endpoint-health-checking': 'true',
  'enable-health-checking': 'true',
  'enable-hubble': 'false',
  'enable-ipv4': 'true',
  'enable-ipv4-masquerade': 'true',
  'enable-ipv6': 'false',
  'enable-l7-proxy': 'false',
  'enable-policy': 'default',
  'enable-policy-secrets-sync': 'false',
  'enable-tcx': 'true',
  'external-envoy-proxy': 'false',
  'identity-allocation-mode': 'crd',
  ipam: 'kubernetes',
  'kube-proxy-replacement': 'false',
  'mesh-auth-enabled': 'false',
  'monitor-aggregation': 'medium',
  'operator-api-serve-addr': '127.0.0.1:9234',
  'preallocate-bpf-maps': 'false',
  procfs: '/host/proc',
  'remove-cilium-node-taints': 'true',
  'routing-mode': 'tunnel',
  'set-cilium-is-up-condition': 'true',
  'set-cilium-node-taints': 'true',
  'synchronize-k8s-nodes': 'true',
  'tunnel-protocol': 'vxlan',
  'write-cni-conf-when-ready': '/host/etc/cni/net.d/05-cilium.conflist',
};

const environment = (plan: LabPlan) => [
  { name: 'K8S_NODE_NAME', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
  { name: 'CILIUM_K8S_NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } },
  // not through the Service address: the agent must not wait for kube-proxy
  { name: 'KUBERNETES_SERVICE_HOST', value: primary(plan.api) },
  { name: 'KUBERNETES_SERVICE_PORT', value: '6443' },
];

const volumes = [
  { name: 'tmp', emptyDir: {}, mountPath: '/tmp' },
  { name: 'bpf-maps', hostPath: '/sys/fs/bpf', mountPath: '/sys/fs/bpf' },
  { name: 'cilium-run', hostPath: '/run/cilium', mountPath: '/var/run/cilium' },
  { name: 'cilium-netns', hostPath: '/run/netns', mountPath: '/var/run/cilium/netns', mountPropagation: 'HostToContainer' },
  { name: 'cni-path', hostPath: '/opt/cni/bin', mountPath: '/host/opt/cni/bin' },
  { name: 'etc-cni-netd', hostPath: '/etc/cni/net.d', mountPath: '/host/etc/cni/net.d' },
  { name: 'xtables-lock', hostPath: '/run/xtables.lock', mountPath: '/run/xtables.lock' },
  { name: 'host-proc-sys-net', hostPath: '/proc/sys/net', mountPath: '/host/proc/sys/net' },
  { name: 'host-proc-sys-kernel', hostPath: '/proc/sys/kernel', mountPath: '/host/proc/sys/kernel' },
];

const mounts = (...left: readonly string[]) =>
  volumes
    .filter(({ name }) => !left.includes(name))
    .map(({ name, mountPath, mountPropagation }) => ({ name, mountPath, ...(mountPropagation ? { mountPropagation } : {}) }));

const health = { host: '127.0.0.1', path: '/healthz', port: 9879, httpHeaders: [{ name: 'brief', value: 'true' }] };

const labels = { 'k8s-app': 'cilium', 'app.kubernetes.io/name': 'cilium-agent', 'app.kubernetes.io/part-of': 'cilium' };

const agent = (plan: LabPlan): Manifest => ({
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: { name: 'cilium', namespace, labels },
  spec: {
    selector: { matchLabels: { 'k8s-app': 'cilium' } },
    template: {
      metadata: { labels },
      spec: {
        hostNetwork: true,
        priorityClassName: 'system-node-critical',
        serviceAccountName: 'cilium',
        terminationGracePeriodSeconds: 1,
        tolerations: [{ operator: 'Exists' }],
        initContainers: [
          {
            name: 'config',
            image: images.cilium,
            command: ['cilium-dbg', 'build-config'],
            env: environment(plan),
            volumeMounts: mounts('cilium-netns'),
          },
          {
            name: 'install-cni-binaries',
            image: images.cilium,
            command: ['sh', '-c', 'cp /opt/cni/bin/cilium-cni /host/opt/cni/bin/.new && mv /host/opt/cni/bin/.new /host/opt/cni/bin/cilium-cni'],
            volumeMounts: mounts('cilium-netns'),
          },
        ],
        containers: [
          {
            name: 'cilium-agent',
            image: images.cilium,
            command: ['cilium-agent'],
            args: ['--config-dir=/tmp/cilium/config-map'],
            env: environment(plan),
            securityContext: { privileged: true },
            startupProbe: { httpGet: health, periodSeconds: 1, failureThreshold: 300 },
            readinessProbe: { httpGet: health, periodSeconds: 30, timeoutSeconds: 5 },
            volumeMounts: mounts(),
          },
        ],
        volumes: volumes.map(({ name, hostPath, emptyDir }) => ({
          name,
          ...(emptyDir ? { emptyDir } : { hostPath: { path: hostPath, type: name === 'xtables-lock' ? 'FileOrCreate' : 'DirectoryOrCreate' } }),
        })),
      },
    },
  },
});

const operatorLabels = { 'io.cilium/app': 'operator', name: 'cilium-operator' };

const operator = (plan: LabPlan): Manifest => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'cilium-operator', namespace, labels: operatorLabels },
  spec: {
    replicas: 1,
    selector: { matchLabels: operatorLabels },
    template: {
      metadata: { labels: operatorLabels },
      spec: {
        hostNetwork: true,
        priorityClassName: 'system-cluster-critical',
        serviceAccountName: 'cilium-operator',
        terminationGracePeriodSeconds: 1,
        tolerations: [{ operator: 'Exists' }],
        containers: [
          {
            name: 'cilium-operator',
            image: images.ciliumOperator,
            command: ['cilium-operator-generic'],
            args: ['--config-dir=/tmp/cilium/config-map'],
            env: environment(plan),
            volumeMounts: [{ name: 'config', mountPath: '/tmp/cilium/config-map' }],
          },
        ],
        volumes: [{ name: 'config', configMap: { name: 'cilium-config' } }],
      },
    },
  },
});

/** Cilium with a VXLAN tunnel beside kube-proxy, as its chart deploys it. */
export const cilium = (plan: LabPlan): readonly Manifest[] => [
  ...ciliumAccess,
  { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'cilium-config', namespace }, data: settings },
  agent(plan),
  operator(plan),
];

/** Programs for sockets hang on a cgroup of version 2: each node has its own, at the place where the chart looks for it. */
export const giveCgroup = async (plan: LabPlan, machine: Machine): Promise<void> => {
  const own = `/sys/fs/cgroup/unified/${nodeCgroup(plan.options.name, machine.name)}`;
  const script =
    '[ -d "$0" ] || { echo "Cilium needs the cgroup version 2 hierarchy at /sys/fs/cgroup/unified" >&2; exit 1; }; mkdir -p "$1" && mount --bind "$0" "$1"';
  await execIn(machine, ['sh', '-c', script, own, '/run/cilium/cgroupv2']);
};
