import { objectReader } from '../../../src/cluster/api/object-reader.ts';
import type { ApiReader } from '../../../src/cluster/api/reader.ts';
import type { PolicyPorts } from '../../../src/doctor/policy/run-pair.ts';
import { startStopwatch } from '../../../src/doctor/stopwatch.ts';
import { parseManifests } from '../../../src/policy/manifest/parse.ts';
import { placed } from '../../../src/policy/manifest/place.ts';
import { podsToBe } from '../../../src/policy/manifest/pods.ts';

const workload = (kind: string, where: string, app: string, port?: string): string => {
  const [namespace, name] = where.split('/');
  const [portName, number] = port?.split('=') ?? [];
  const ports = port === undefined ? '' : `, ports: [{name: ${portName}, containerPort: ${number}}]`;
  return `apiVersion: apps/v1
kind: ${kind}
metadata: {name: ${name}, namespace: ${namespace}}
spec:
  replicas: 3
  selector: {matchLabels: {app: ${app}}}
  template:
    metadata: {labels: {app: ${app}}}
    spec: {containers: [{name: main, image: x${ports}}]}
`;
};

/** A shop whose database only its API may use, in one namespace, and somebody else in another. */
export const SHOP = [
  'apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: a}}\n',
  'apiVersion: v1\nkind: Namespace\nmetadata: {name: other}\n',
  workload('Deployment', 'shop/web', 'web', 'http=8080'),
  workload('StatefulSet', 'shop/db', 'db', 'pg=5432'),
  workload('Deployment', 'other/job', 'job'),
  'apiVersion: v1\nkind: Service\nmetadata: {name: db, namespace: shop}\nspec: {clusterIP: 10.96.0.7, selector: {app: db}, ports: [{port: 5432, targetPort: pg}]}\n',
  'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: deny-all, namespace: shop}\nspec: {podSelector: {}, policyTypes: [Ingress]}\n',
  `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: api}}}]
    ports: [{port: pg}]
`,
].join('---\n');

export const readerOf = (text: string): ApiReader => {
  const { manifests } = parseManifests([{ file: 'shop.yaml', text }]);
  const objects = manifests.map(({ object }) => placed(object, 'default'));
  return objectReader([...objects, ...podsToBe(objects)], { source: 'shop.yaml' });
};

export const portsOf = (text: string): PolicyPorts => ({
  api: readerOf(text),
  now: () => new Date('2026-01-02T03:04:05Z'),
  thorough: false,
  say: () => undefined,
  stopwatch: startStopwatch(),
});
