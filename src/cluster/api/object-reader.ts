import { policyKinds, referredKinds, unjudgedKinds } from '../../policy/kinds/kinds.ts';
import { ApiError } from '../errors.ts';
import type { ApiObject } from '../facts.ts';
import type { Query } from './client.ts';
import type { ApiReader } from './reader.ts';

/** Kinds by where the API serves them: `api/v1 pods`. */
const BUILT_IN: [groupVersion: string, plural: string, kind: string][] = [
  ['v1', 'pods', 'Pod'],
  ['v1', 'nodes', 'Node'],
  ['v1', 'namespaces', 'Namespace'],
  ['v1', 'services', 'Service'],
  ['v1', 'serviceaccounts', 'ServiceAccount'],
  ['v1', 'configmaps', 'ConfigMap'],
  ['discovery.k8s.io/v1', 'endpointslices', 'EndpointSlice'],
  ['apps/v1', 'deployments', 'Deployment'],
  ['apps/v1', 'statefulsets', 'StatefulSet'],
  ['apps/v1', 'daemonsets', 'DaemonSet'],
  ['apps/v1', 'replicasets', 'ReplicaSet'],
  ['batch/v1', 'jobs', 'Job'],
];

const KINDS = new Map<string, string>([
  ...BUILT_IN.map(([groupVersion, plural, kind]): [string, string] => [`${groupVersion} ${plural}`, kind]),
  ...[...policyKinds, ...referredKinds, ...unjudgedKinds].flatMap(({ group, versions, plural, kind }) =>
    versions.map((version): [string, string] => [`${group}/${version} ${plural}`, kind]),
  ),
]);

const SERVED = new Set([...KINDS].map(([path, kind]) => `${path.split(' ')[0]} ${kind}`));

/** Whether an object can be asked for at all. */
export const isServed = ({ apiVersion, kind }: ApiObject): boolean => SERVED.has(`${apiVersion} ${kind}`);

/** What a path asks for. */
export interface Asked {
  groupVersion: string;
  plural: string;
  kind: string;
  namespace?: string;
  name?: string;
}

/** `/api/v1/namespaces/shop/pods/web-0`, `/apis/apps/v1/deployments` → what is asked; undefined for anything else. */
export const readPath = (path: string): Asked | undefined => {
  const [, core, group, version, rest = ''] = /^\/(?:api\/(v1)|apis\/([^/]+)\/([^/]+))\/(.+)$/.exec(path) ?? [];
  if (rest === '') return undefined;
  const groupVersion = core ?? `${group}/${version}`;
  const parts = rest.split('/').map(decodeURIComponent);
  const inside = parts[0] === 'namespaces' && parts.length > 2;
  const [plural = '', name] = inside ? parts.slice(2) : parts;
  const kind = KINDS.get(`${groupVersion} ${plural}`);
  if (kind === undefined) return undefined;
  return {
    groupVersion,
    plural,
    kind,
    ...(inside && parts[1] !== undefined ? { namespace: parts[1] } : {}),
    ...(name === undefined ? {} : { name }),
  };
};

const fieldOf = (object: ApiObject, path: string): unknown =>
  path
    .split('.')
    .reduce<unknown>((value, key) => (typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined), object);

/** The text form of a label selector, as the API takes it. */
const labelsMatch = (labels: Record<string, string>, selector: string): boolean =>
  selector.split(/,(?![^(]*\))/).every((term) => {
    const [, key = '', not, values] = /^(\S+) (not)?in \((.*)\)$/.exec(term.trim()) ?? [];
    if (values !== undefined) return (labels[key] !== undefined && values.split(',').includes(labels[key])) === (not === undefined);
    const [, absent, name = '', , value] = /^(!)?([^=!]+)(={1,2}(.*))?$/.exec(term.trim()) ?? [];
    if (absent) return !(name in labels);
    return value === undefined ? name in labels : labels[name] === value;
  });

const isChosen = (object: ApiObject, { fieldSelector, labelSelector }: Query): boolean => {
  if (labelSelector !== undefined && labelSelector !== '' && !labelsMatch(object.metadata.labels ?? {}, labelSelector)) return false;
  const [field = '', value] = fieldSelector?.split('=') ?? [];
  return fieldSelector === undefined || fieldOf(object, field) === value;
};

const groupsOf = (objects: readonly ApiObject[]): unknown => {
  const versions = [...new Set(objects.map(({ apiVersion }) => apiVersion).filter((version) => version.includes('/')))];
  const byGroup = Map.groupBy(versions, (version) => version.split('/')[0] ?? '');
  return { groups: [...byGroup].map(([name, own]) => ({ name, versions: own.map((groupVersion) => ({ groupVersion })) })) };
};

/**
 * An API server made of objects, with the selectors that the real one knows.
 * @param source how a message names where they came from
 * @param holds whether the objects of what is asked are all known; where not, the answer is NotFound instead of a part
 */
export const objectReader = (
  objects: readonly ApiObject[],
  { source, holds = () => true }: { source: string; holds?: (asked: Asked) => boolean },
): ApiReader => ({
  lookup: async () => [],
  get: async <Answer>(path: string, query: Query = {}) => {
    if (path === '/apis') return groupsOf(objects) as Answer;
    const asked = readPath(path);
    if (!asked || !holds(asked)) throw new ApiError(404, 'NotFound', `${source} does not hold ${path}`);
    const { groupVersion, kind, namespace, name, plural } = asked;
    const all = objects.filter(
      (object) =>
        object.kind === kind &&
        object.apiVersion === groupVersion &&
        (namespace === undefined || (object.metadata.namespace ?? 'default') === namespace),
    );
    if (name === undefined) return { items: all.filter((object) => isChosen(object, query)) } as Answer;
    const found = all.find((object) => object.metadata.name === name);
    if (!found) throw new ApiError(404, 'NotFound', `${plural} "${name}" not found`);
    return found as Answer;
  },
});
