import type { ApiObject } from '../../cluster/facts.ts';
import { type Field, type Problem, pathText, rootField, wholeNumber, wrong } from '../field.ts';
import type { Manifest, ManifestProblem } from './parse.ts';

/** What is read of objects that are no policies, and what it has to be; `[]` is every item of a list. */
type Shape = Record<string, 'list' | 'object' | 'port'>;

const podAt = (at: string): Shape =>
  Object.fromEntries([
    [at, 'object'],
    ...['containers', 'initContainers'].flatMap((name) => [
      [`${at}.${name}`, 'list'],
      [`${at}.${name}[]`, 'object'],
      [`${at}.${name}[].ports`, 'list'],
      [`${at}.${name}[].ports[]`, 'object'],
      [`${at}.${name}[].ports[].containerPort`, 'port'],
    ]),
  ]);

const METADATA: Shape = { 'metadata.labels': 'object', 'metadata.annotations': 'object', 'metadata.ownerReferences': 'list' };

const WORKLOAD: Shape = { ...METADATA, spec: 'object', 'spec.template': 'object', ...podAt('spec.template.spec') };

const SHAPES: Record<string, Shape> = {
  Namespace: METADATA,
  ServiceAccount: METADATA,
  Pod: { ...METADATA, ...podAt('spec'), status: 'object', 'status.podIPs': 'list', 'status.podIPs[]': 'object', 'status.containerStatuses': 'list' },
  Node: { ...METADATA, status: 'object', 'status.addresses': 'list', 'status.addresses[]': 'object', 'status.conditions': 'list' },
  Service: { ...METADATA, spec: 'object', 'spec.selector': 'object', 'spec.ports': 'list', 'spec.ports[]': 'object', 'spec.clusterIPs': 'list' },
  EndpointSlice: { ...METADATA, endpoints: 'list', 'endpoints[]': 'object', 'endpoints[].addresses': 'list', ports: 'list', 'ports[]': 'object' },
  ...Object.fromEntries(['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet', 'Job'].map((kind) => [kind, WORKLOAD])),
  CronJob: {
    ...METADATA,
    spec: 'object',
    'spec.jobTemplate': 'object',
    'spec.jobTemplate.spec': 'object',
    'spec.jobTemplate.spec.template': 'object',
    ...podAt('spec.jobTemplate.spec.template.spec'),
  },
};

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Everything that stands at a place; what is not there, or not of the shape on the way, is nothing. */
const fieldsAt = (root: Field, place: string): Field[] =>
  place.split(/\.|(?=\[\])/).reduce<Field[]>(
    (fields, part) =>
      fields.flatMap((field): Field[] => {
        const { value, path } = field;
        if (part === '[]')
          return Array.isArray(value) ? value.map((item: unknown, index) => ({ ...field, value: item, path: [...path, index] })) : [];
        const member = isObject(value) ? value[part] : undefined;
        return member === undefined || member === null ? [] : [{ ...field, value: member, path: [...path, part] }];
      }),
    [root],
  );

const CHECKS: Record<Shape[string], (field: Field) => unknown> = {
  list: (field) => Array.isArray(field.value) || wrong(field, 'a list is expected'),
  object: (field) => isObject(field.value) || wrong(field, 'an object is expected'),
  port: (field) => wholeNumber(field, 1, 65_535),
};

const problemsIn = (object: ApiObject): Problem[] => {
  const problems: Problem[] = [];
  const root = rootField(object, problems);
  for (const [place, shape] of Object.entries(SHAPES[object.kind] ?? {})) for (const field of fieldsAt(root, place)) CHECKS[shape](field);
  return problems;
};

/** What of pods, workloads, Services and nodes among these manifests cannot be read. */
export const checkShapes = (manifests: readonly Manifest[]): ManifestProblem[] =>
  manifests.flatMap(({ object, file, lineOf }) => {
    const { kind, metadata } = object;
    const label = `${kind} ${metadata.namespace === undefined ? '' : `${metadata.namespace}/`}${metadata.name}`;
    return problemsIn(object).map(({ path, reason }) => ({ file, line: lineOf(path), object: label, field: pathText(path), reason }));
  });
