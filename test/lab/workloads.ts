import { images } from './images/contents.ts';
import type { Manifest } from './kubectl.ts';
import type { LabPlan } from './plan.ts';

export const namespace = 'demo';

const container = (name: string, command: readonly string[], ports: readonly object[] = []) => ({
  name,
  image: images.test,
  imagePullPolicy: 'IfNotPresent',
  command,
  ports,
});

const web = (port = 8080, ...others: readonly string[]) =>
  container('web', ['responder', 'serve', `http:${port}`, ...others], [{ name: 'http', containerPort: port }]);

const pod = (
  name: string,
  nodeName: string,
  labels: Readonly<Record<string, string>>,
  containers: readonly object[],
  more: object = {},
): Manifest => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace, labels },
  spec: { nodeName, terminationGracePeriodSeconds: 0, containers, ...more },
});

const deployment = (name: string, replicas: number, containers: readonly object[]): Manifest => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace, labels: { app: name } },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: {
        terminationGracePeriodSeconds: 0,
        topologySpreadConstraints: [
          { maxSkew: 1, topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'DoNotSchedule', labelSelector: { matchLabels: { app: name } } },
        ],
        containers,
      },
    },
  },
});

const service = (name: string, app: string, ports: readonly object[], more: object = {}): Manifest => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace },
  spec: { selector: { app }, ports, ipFamilyPolicy: 'PreferDualStack', ...more },
});

/** Something to ask from and to on every node: a client, replicas behind Services of each kind, a pod in the node's own network. */
export const workloads = ({ nodes }: LabPlan): readonly Manifest[] => [
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
  deployment('web', Math.max(2, nodes.length), [web()]),
  service('web', 'web', [{ name: 'http', port: 80, targetPort: 'http' }]),
  service('web-headless', 'web', [{ name: 'http', port: 8080, targetPort: 'http' }], { clusterIP: 'None' }),
  service('web-nodeport', 'web', [{ name: 'http', port: 80, targetPort: 'http', nodePort: 30080 }], { type: 'NodePort' }),
  deployment('echo', nodes.length, [
    container('echo', ['responder', 'serve', 'udp:9999', 'tcp:9999'], [{ name: 'echo', containerPort: 9999, protocol: 'UDP' }]),
  ]),
  service('echo', 'echo', [{ name: 'echo', port: 9999, protocol: 'UDP', targetPort: 9999 }]),
  service('nobody', 'nobody', [{ name: 'http', port: 80 }]),
  ...nodes.map(({ name }) => pod(`client-${name}`, name, { app: 'client' }, [container('client', ['responder', 'pause'])])),
  ...nodes.map(({ name }) => pod(`server-${name}`, name, { app: 'server' }, [web(8080, 'udp:9999')])),
  ...nodes.slice(0, 1).map(({ name }) => pod(`host-${name}`, name, { app: 'host' }, [web(8088)], { hostNetwork: true })),
];
