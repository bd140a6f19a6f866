import { images } from '../images/contents.ts';
import type { Manifest } from '../kubectl.ts';
import type { Family } from '../options.ts';
import { type LabPlan, primary } from '../plan.ts';
import { access } from './access.ts';

const namespace = 'kube-system';
const labels = { 'k8s-app': 'calico-node' };

const podCidrWords: Readonly<Record<Family, string>> = { 4: 'usePodCidr', 6: 'usePodCidrIPv6' };

const cniConfig = ({ families }: LabPlan) => ({
  name: 'k8s-pod-network',
  cniVersion: '0.3.1',
  plugins: [
    {
      type: 'calico',
      datastore_type: 'kubernetes',
      // the agent says how much fits through its tunnels
      mtu: 0,
      ipam: { type: 'host-local', ranges: families.map((family) => [{ subnet: podCidrWords[family] }]) },
      policy: { type: 'k8s' },
    },
    { type: 'portmap', snat: true, capabilities: { portMappings: true } },
  ],
});

const accessRules = [
  { apiGroups: [''], resources: ['pods', 'namespaces', 'nodes'], verbs: ['list', 'watch'] },
  { apiGroups: ['networking.k8s.io'], resources: ['networkpolicies'], verbs: ['list', 'watch'] },
];

const volumes = [
  { name: 'cni-plugin', path: '/opt/cni/bin', mountPath: '/host/opt/cni/bin' },
  { name: 'cni', path: '/etc/cni/net.d', mountPath: '/host/etc/cni/net.d' },
  { name: 'state', path: '/var/lib/calico', mountPath: '/var/lib/calico' },
  { name: 'xtables-lock', path: '/run/xtables.lock', mountPath: '/run/xtables.lock' },
];

const mount = (...names: readonly string[]) => volumes.filter(({ name }) => names.includes(name)).map(({ name, mountPath }) => ({ name, mountPath }));

const daemonSet = (plan: LabPlan): Manifest => ({
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: { name: 'calico-node', namespace, labels },
  spec: {
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: {
        hostNetwork: true,
        priorityClassName: 'system-node-critical',
        serviceAccountName: 'calico-node',
        terminationGracePeriodSeconds: 0,
        tolerations: [{ operator: 'Exists' }],
        initContainers: [
          {
            name: 'install-cni',
            image: images.calicoNode,
            command: [
              '/bin/sh',
              '-c',
              'cp -f /opt/cni/bin/calico /host/opt/cni/bin/calico && echo "$CNI_NETWORK_CONFIG" >/host/etc/cni/net.d/10-calico.conflist',
            ],
            env: [{ name: 'CNI_NETWORK_CONFIG', value: JSON.stringify(cniConfig(plan), null, 2) }],
            volumeMounts: mount('cni-plugin', 'cni'),
          },
        ],
        containers: [
          {
            name: 'calico-node',
            image: images.calicoNode,
            args: ['-felix'],
            securityContext: { privileged: true },
            env: [
              { name: 'NODENAME', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
              ...plan.families.map((family) => ({ name: `CALICO_IPV${family}POOL_CIDR`, value: plan.clusterCidr[family] })),
              // not through the Service address: the agent must not wait for kube-proxy
              { name: 'KUBERNETES_SERVICE_HOST', value: primary(plan.api) },
              { name: 'KUBERNETES_SERVICE_PORT', value: '6443' },
            ],
            volumeMounts: mount('state', 'xtables-lock'),
          },
        ],
        volumes: volumes.map(({ name, path }) => ({
          name,
          hostPath: { path, type: name === 'xtables-lock' ? 'FileOrCreate' : 'DirectoryOrCreate' },
        })),
      },
    },
  },
});

/** The stand-in for Calico's agent (parts/felix) in the place that calico.yaml gives the real one. */
export const felix = (plan: LabPlan): readonly Manifest[] => [...access({ name: 'calico-node', namespace, rules: accessRules }), daemonSet(plan)];
