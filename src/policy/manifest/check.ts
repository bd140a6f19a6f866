import type { ApiObject, ClusterFacts } from '../../cluster/facts.ts';
import { contextOf } from '../context.ts';
import { problemsOf } from '../engine.ts';
import { pathText } from '../field.ts';
import { groupOf, isReferred, policyKindOf } from '../kinds/kinds.ts';
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

/** A cluster has one object of a name: of two that are written, nobody can say here which is meant. */
const checkTwins = (manifests: readonly Manifest[]): ManifestProblem[] => {
  const path = ['metadata', 'name'];
  const named = manifests.filter(({ object }) => (policyKindOf(object) || isReferred(object)) && !('generateName' in object.metadata));
  const twins = [...Map.groupBy(named, ({ object }) => `${groupOf(object.apiVersion)} ${labelOf(object)}`).values()];
  return twins.flatMap(([first, ...others]) =>
    others.map(({ object, file, lineOf }): ManifestProblem => {
      const where = `${first?.file}:${first?.lineOf(path)}`;
      return { file, line: lineOf(path), object: labelOf(object), field: pathText(path), reason: `it is written twice: ${where} has it, too` };
    }),
  );
};

/** Everything that is wrong with the policies among these manifests and with what they refer to, as strictly as the API server takes them, unknown fields included. */
export const checkPolicies = (manifests: readonly Manifest[]): ManifestProblem[] => {
  const policies = { namespaces: [], serviceAccounts: [], objects: manifests.map(({ object }) => object) };
  const context = contextOf(worldOf({ ...EMPTY, policies }), traitsOf(undefined));
  const each = manifests.flatMap(({ object, file, lineOf }) => {
    const found = isReferred(object) ? referredProblems(object) : problemsOf(object, context, true);
    const problems = found.map(
      ({ path, reason }): ManifestProblem => ({ file, line: lineOf(path), object: labelOf(object), field: pathText(path), reason }),
    );
    return problems.sort((a, b) => a.line - b.line);
  });
  return [...each, ...checkTwins(manifests)];
};

/** Counts what nothing here reads. @param alsoRead kinds that somebody else reads (pods, nodes…) */
export const countUnread = (objects: readonly ApiObject[], alsoRead: (object: ApiObject) => boolean): Unread[] => {
  const unread = objects.filter((object) => !policyKindOf(object) && !isReferred(object) && !alsoRead(object));
  const groups = Map.groupBy(unread, ({ apiVersion, kind }) => `${apiVersion} ${kind}`);
  return [...groups.values()]
    .flatMap(([first, ...more]) => (first ? [{ apiVersion: first.apiVersion, kind: first.kind, count: more.length + 1 }] : []))
    .sort((a, b) => (a.kind < b.kind ? -1 : 1));
};
