import type { ApiObject, ClusterFacts } from '../../cluster/facts.ts';
import { contextOf } from '../context.ts';
import { problemsOf } from '../engine.ts';
import { pathText } from '../field.ts';
import { isReferred, policyKindOf } from '../kinds/kinds.ts';
import { referredProblems } from '../kinds/referred.ts';
import { traitsOf } from '../traits.ts';
import { worldOf } from '../world.ts';
import type { Manifest, ManifestProblem } from './parse.ts';

/** Objects that are not read, by kind. */
export interface Unread {
  apiVersion: string;
  kind: string;
  count: number;
}

const EMPTY: ClusterFacts = { pods: [], nodes: [], services: [], endpoints: [], configMaps: {}, notRead: [] };

const labelOf = ({ kind, metadata }: ApiObject): string =>
  `${kind} ${metadata.namespace === undefined ? '' : `${metadata.namespace}/`}${metadata.name}`;

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';

/** What policies may be called: DNS names; Calico's have the name of their tier before a dot at most (libcalico-go/lib/validator/v3). */
const NAMES: Record<'any' | 'calico' | 'calicoGlobal', RegExp> = {
  any: new RegExp(`^${LABEL}(\\.${LABEL})*$`),
  calico: new RegExp(`^(${LABEL}(\\.${LABEL})?|(knp|ossg)\\.default\\.${LABEL}(\\.${LABEL})*)$`),
  calicoGlobal: new RegExp(`^(${LABEL}\\.)?${LABEL}$`),
};

const LONGEST_NAME = 253;

const checkName = ({ object, file, lineOf }: Manifest): ManifestProblem[] => {
  const kind = policyKindOf(object);
  if (!kind) return [];
  const { name } = object.metadata;
  const form = kind.family !== 'calico' ? 'any' : kind.namespaced ? 'calico' : 'calicoGlobal';
  // of a name that is to be made only the beginning is there
  const generated = 'generateName' in object.metadata;
  if (generated || (NAMES[form].test(name) && name.length <= LONGEST_NAME)) return [];
  const path = ['metadata', 'name'];
  return [{ file, line: lineOf(path), object: labelOf(object), field: pathText(path), reason: `"${name}" is no name for a ${object.kind}` }];
};

/** Everything that is wrong with the policies among these manifests and with what they refer to, as strictly as the API server takes them, unknown fields included. */
export const checkPolicies = (manifests: readonly Manifest[]): ManifestProblem[] => {
  const policies = { namespaces: [], serviceAccounts: [], objects: manifests.map(({ object }) => object) };
  const context = contextOf(worldOf({ ...EMPTY, policies }), traitsOf(undefined));
  return manifests.flatMap((manifest) => {
    const { object, file, lineOf } = manifest;
    const found = isReferred(object) ? referredProblems(object) : problemsOf(object, context, true);
    const problems = found.map(
      ({ path, reason }): ManifestProblem => ({ file, line: lineOf(path), object: labelOf(object), field: pathText(path), reason }),
    );
    return [...checkName(manifest), ...problems].sort((a, b) => a.line - b.line);
  });
};

/** Counts what nothing here reads. @param alsoRead kinds that somebody else reads (pods, nodes…) */
export const countUnread = (objects: readonly ApiObject[], alsoRead: (object: ApiObject) => boolean): Unread[] => {
  const unread = objects.filter((object) => !policyKindOf(object) && !isReferred(object) && !alsoRead(object));
  const groups = Map.groupBy(unread, ({ apiVersion, kind }) => `${apiVersion} ${kind}`);
  return [...groups.values()]
    .flatMap(([first, ...more]) => (first ? [{ apiVersion: first.apiVersion, kind: first.kind, count: more.length + 1 }] : []))
    .sort((a, b) => (a.kind < b.kind ? -1 : 1));
};
