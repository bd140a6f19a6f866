interface PodSample {
  name: string;
  namespace?: string;
  node?: string;
  ip?: string;
  ips?: string[];
  labels?: Record<string, string>;
  phase?: string;
  ready?: boolean;
  hostNetwork?: boolean;
  deleting?: boolean;
  waiting?: string;
  ports?: { name?: string; containerPort: number; protocol?: string }[];
}

/** A pod as the API gives it, in namespace demo unless said otherwise. */
export const pod = ({ name, namespace = 'demo', node, ip, ips, labels = {}, phase = 'Running', ready = true, ...rest }: PodSample) => ({
  metadata: {
    name,
    namespace,
    uid: `uid-${name}`,
    labels,
    ...(rest.deleting ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
  },
  spec: {
    ...(node ? { nodeName: node } : {}),
    ...(rest.hostNetwork ? { hostNetwork: true } : {}),
    containers: [{ name: 'main', ...(rest.ports ? { ports: rest.ports } : {}) }],
  },
  status: {
    phase,
    ...(ip ? { podIP: ip, podIPs: [ip, ...(ips ?? [])].map((address) => ({ ip: address })) } : {}),
    conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
    containerStatuses: [
      {
        name: 'main',
        ready,
        restartCount: 2,
        containerID: 'containerd://abc',
        state: rest.waiting ? { waiting: { reason: rest.waiting } } : { running: {} },
      },
    ],
  },
});

export const node = (name: string, ip: string, ...podCidrs: string[]) => ({
  metadata: { name, labels: { 'kubernetes.io/hostname': name } },
  spec: { podCIDR: podCidrs[0], podCIDRs: podCidrs, taints: [{ key: 'dedicated', value: 'db', effect: 'NoSchedule' }] },
  status: {
    addresses: [
      { type: 'InternalIP', address: ip },
      { type: 'Hostname', address: name },
    ],
    conditions: [{ type: 'Ready', status: 'True' }],
    nodeInfo: { operatingSystem: 'linux', architecture: 'amd64', kernelVersion: '6.12.0' },
  },
});

export const service = (name: string, clusterIP: string, spec: Record<string, unknown> = {}) => ({
  metadata: { name, namespace: 'demo' },
  spec: {
    type: 'ClusterIP',
    clusterIP,
    clusterIPs: [clusterIP],
    selector: { app: name },
    ports: [{ name: 'http', port: 80, targetPort: 'web', protocol: 'TCP' }],
    ...spec,
  },
});

const WEB = { app: 'web' };

/** Two nodes, a Deployment, Services of every shape and pods in every state. */
export const sampleCluster = () => ({
  nodes: [node('node1', '10.33.0.11', '10.244.1.0/24', 'fd00::1:0/112'), node('node2', '10.33.0.12', '10.244.2.0/24')],
  pods: [
    pod({ name: 'client', node: 'node1', ip: '10.244.1.10' }),
    pod({ name: 'web-a', node: 'node1', ip: '10.244.1.11', labels: WEB, ports: [{ name: 'web', containerPort: 8080 }] }),
    pod({ name: 'web-b', node: 'node2', ip: '10.244.2.11', ips: ['fd00::2:11'], labels: WEB, ports: [{ name: 'web', containerPort: 8080 }] }),
    pod({ name: 'web-c', node: 'node2', ip: '10.244.2.12', labels: WEB, ready: false }),
    pod({ name: 'pending', phase: 'Pending', ready: false }),
    pod({ name: 'pulling', node: 'node2', phase: 'Pending', ready: false, waiting: 'ImagePullBackOff' }),
    pod({ name: 'done', node: 'node1', ip: '10.244.1.99', phase: 'Succeeded', ready: false }),
    pod({ name: 'host', node: 'node2', ip: '10.33.0.12', hostNetwork: true }),
    pod({ name: 'db-0', node: 'node2', ip: '10.244.2.20', labels: { app: 'db' } }),
    pod({ name: 'twin-a', node: 'node1', ip: '10.244.1.66' }),
    pod({ name: 'twin-b', node: 'node1', ip: '10.244.1.66' }),
    pod({ name: 'client', namespace: 'other', node: 'node2', ip: '10.244.2.50' }),
    pod({ name: 'only-there', namespace: 'other', node: 'node2', ip: '10.244.2.51' }),
  ],
  deployments: [
    { metadata: { name: 'web', namespace: 'demo' }, spec: { selector: { matchLabels: WEB } } },
    { metadata: { name: 'empty', namespace: 'demo' }, spec: { selector: { matchLabels: { app: 'empty' } } } },
  ],
  statefulsets: [
    { metadata: { name: 'db', namespace: 'demo' }, spec: { selector: { matchExpressions: [{ key: 'app', operator: 'In', values: ['db'] }] } } },
  ],
  services: [
    service('web', '10.96.0.80', { clusterIPs: ['10.96.0.80', 'fd00:96::80'] }),
    service('db', 'None', { clusterIPs: ['None'], ports: [{ port: 5432, protocol: 'TCP' }] }),
    service('elsewhere', '', { clusterIPs: [], externalName: 'db.example.org', type: 'ExternalName' }),
    { ...service('kube-dns', '10.96.0.10'), metadata: { name: 'kube-dns', namespace: 'kube-system', labels: { 'k8s-app': 'kube-dns' } } },
  ],
  endpointslices: [
    {
      metadata: { name: 'db-x', namespace: 'demo', labels: { 'kubernetes.io/service-name': 'db' } },
      addressType: 'IPv4',
      ports: [{ name: '', port: 5432, protocol: 'TCP' }],
      endpoints: [
        { addresses: ['10.244.2.20'], hostname: 'db-0', nodeName: 'node2', conditions: { ready: true }, targetRef: { kind: 'Pod', name: 'db-0' } },
      ],
    },
  ],
});
