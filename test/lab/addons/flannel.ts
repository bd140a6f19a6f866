import { images } from '../images/contents.ts';
import type { Manifest } from '../kubectl.ts';
import { type LabPlan, primary } from '../plan.ts';
import { access } from './access.ts';

const namespace = 'kube-flannel';
const labels = { app: 'flannel', tier: 'node' };

const cniConfig = {
  name: 'cbr0',
  cniVersion: '0.3.1',
  plugins: [
    { type: 'flannel', delegate: { hairpinMode: true, isDefaultGateway: true } },
    { type: 'portmap', capabilities: { portMappings: true } },
  ],
};

const networkConfig = ({ options, clusterCidr, families }: LabPlan) => ({
  ...(clusterCidr[4] ? { Network: clusterCidr[4] } : {}),
  EnableIPv4: families.includes(4),
  ...(clusterCidr[6] ? { EnableIPv6: true, IPv6Network: clusterCidr[6] } : {}),
  EnableNFTables: false,
  Backend:
    options.backend === 'host-gw'
      ? { Type: 'host-gw' }
      : { Type: 'vxlan', ...(options.backend === 'vxlan-directrouting' ? { DirectRouting: true } : {}) },
});

const accessRules = [
  { apiGroups: [''], resources: ['pods'], verbs: ['get'] },
  { apiGroups: [''], resources: ['nodes'], verbs: ['get', 'list', 'watch'] },
  { apiGroups: [''], resources: ['nodes/status'], verbs: ['patch'] },
];

const field = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } });

const daemonSet = (plan: LabPlan): Manifest => ({
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: { name: 'kube-flannel-ds', namespace, labels: { ...labels, 'k8s-app': 'flannel' } },
  spec: {
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: {
        hostNetwork: true,
        priorityClassName: 'system-node-critical',
        serviceAccountName: 'flannel',
        tolerations: [{ effect: 'NoSchedule', operator: 'Exists' }],
        initContainers: [
          {
            name: 'install-cni-plugin',
            image: images.flannelCni,
            command: ['/bin/cp', '-f', '/flannel', '/opt/cni/bin/flannel'],
            volumeMounts: [{ name: 'cni-plugin', mountPath: '/opt/cni/bin' }],
          },
          {
            name: 'install-cni',
            image: images.flannel,
            command: ['cp', '-f', '/etc/kube-flannel/cni-conf.json', '/etc/cni/net.d/10-flannel.conflist'],
            volumeMounts: [
              { name: 'cni', mountPath: '/etc/cni/net.d' },
              { name: 'flannel-cfg', mountPath: '/etc/kube-flannel/' },
            ],
          },
        ],
        containers: [
          {
            name: 'kube-flannel',
            image: images.flannel,
            command: ['/opt/bin/flanneld', '--ip-masq', '--kube-subnet-mgr', '--iface=eth0'],
            securityContext: { privileged: false, capabilities: { add: ['NET_ADMIN', 'NET_RAW'] } },
            env: [
              field('POD_NAME', 'metadata.name'),
              field('POD_NAMESPACE', 'metadata.namespace'),
              // Not through the Service address: flanneld must not wait for kube-proxy, nor fall with it.
              { name: 'KUBERNETES_SERVICE_HOST', value: primary(plan.api) },
              { name: 'KUBERNETES_SERVICE_PORT', value: '6443' },
              { name: 'EVENT_QUEUE_DEPTH', value: '5000' },
              { name: 'CONT_WHEN_CACHE_NOT_READY', value: 'false' },
            ],
            volumeMounts: [
              { name: 'run', mountPath: '/run/flannel' },
              { name: 'flannel-cfg', mountPath: '/etc/kube-flannel/' },
              { name: 'xtables-lock', mountPath: '/run/xtables.lock' },
            ],
          },
        ],
        volumes: [
          { name: 'run', hostPath: { path: '/run/flannel', type: 'DirectoryOrCreate' } },
          { name: 'cni-plugin', hostPath: { path: '/opt/cni/bin' } },
          { name: 'cni', hostPath: { path: '/etc/cni/net.d' } },
          { name: 'flannel-cfg', configMap: { name: 'kube-flannel-cfg' } },
          { name: 'xtables-lock', hostPath: { path: '/run/xtables.lock', type: 'FileOrCreate' } },
        ],
      },
    },
  },
});

/** flannel as its own kube-flannel.yml deploys it. */
export const flannel = (plan: LabPlan): readonly Manifest[] => [
  {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: namespace, labels: { 'k8s-app': 'flannel', 'pod-security.kubernetes.io/enforce': 'privileged' } },
  },
  ...access({ name: 'flannel', namespace, rules: accessRules }),
  {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'kube-flannel-cfg', namespace, labels: { ...labels, 'k8s-app': 'flannel' } },
    data: { 'cni-conf.json': JSON.stringify(cniConfig, null, 2), 'net-conf.json': JSON.stringify(networkConfig(plan), null, 2) },
  },
  daemonSet(plan),
];
