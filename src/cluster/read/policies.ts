import type { V1Namespace, V1ServiceAccount } from '@kubernetes/client-node';
import { type OtherKind, policyKinds, referredKinds, unjudgedKinds } from '../../policy/kinds/kinds.ts';
import type { ApiReader } from '../api/reader.ts';
import { ApiError } from '../errors.ts';
import type { ApiObject, NamespaceFacts, PolicyFacts } from '../facts.ts';
import * as path from './paths.ts';

interface GroupList {
  groups?: { name: string; versions?: { groupVersion: string }[] }[];
}

interface List<Item> {
  items?: Item[];
}

export interface PoliciesRead {
  /** Absent where the server does not even say which kinds it has: a bundle of a run that did not ask. */
  policies?: PolicyFacts;
  notRead: string[];
}

/** More than this of a kind that is not judged need not be counted. */
const MOST_UNJUDGED = '500';

const namespaceFacts = ({ metadata = {} }: V1Namespace): NamespaceFacts => ({ name: metadata.name ?? '', labels: metadata.labels ?? {} });

const isRefusal = (error: unknown): error is ApiError => error instanceof ApiError && error.status !== 401;

/** Which kinds of a table are served, in which version; of Calico's two doors to one object the first. */
const served = (kinds: readonly OtherKind[], groupVersions: ReadonlySet<string>): { kind: OtherKind; groupVersion: string }[] => {
  const found = kinds.flatMap((kind) => {
    const version = kind.versions.find((one) => groupVersions.has(`${kind.group}/${one}`));
    return version === undefined ? [] : [{ kind, groupVersion: `${kind.group}/${version}` }];
  });
  const calico = found.some(({ kind }) => kind.group === 'projectcalico.org');
  return found.filter(({ kind }) => !(calico && kind.group === 'crd.projectcalico.org'));
};

/**
 * Policies of every kind that this cluster serves, with what they refer to.
 * @param namespaces whose own policies are wanted; those of no namespace always are
 * @throws CliError when the API server cannot be reached or does not let us in
 */
export const readPolicies = async (reader: ApiReader, namespaces: readonly string[] | 'all'): Promise<PoliciesRead> => {
  const notRead: string[] = [];
  const groups = await reader.get<GroupList>(path.groups).catch((error: unknown) => {
    if (!isRefusal(error)) throw error;
    if (error.status !== 404) notRead.push(`API groups, and so policies of other kinds than NetworkPolicy: ${error.detail}`);
    return error.status === 404 ? undefined : { groups: [] };
  });
  if (groups === undefined) return { notRead };
  const groupVersions = new Set((groups.groups ?? []).flatMap(({ versions = [] }) => versions.map(({ groupVersion }) => groupVersion)));
  groupVersions.add('networking.k8s.io/v1');
  const spaces = namespaces === 'all' ? [''] : [...new Set(namespaces)];

  const list = async ({ kind, groupVersion }: { kind: OtherKind; groupVersion: string }, query: Record<string, string> = path.fromCache) => {
    const answers = await Promise.all(
      (kind.namespaced ? spaces : ['']).map(async (namespace) => {
        try {
          return (await reader.get<List<object>>(path.objects(groupVersion, kind.plural, namespace), query)).items ?? [];
        } catch (error) {
          if (!isRefusal(error)) throw error;
          // a kind that the group does not have
          if (error.status !== 404) notRead.push(`${kind.plural}.${kind.group}: ${error.status === 403 ? 'forbidden' : error.detail}`);
          return [];
        }
      }),
    );
    // items of a list need not repeat what kind they are
    return answers.flat().map((item) => ({ ...item, apiVersion: groupVersion, kind: kind.kind }) as unknown as ApiObject);
  };

  const readNamespaces = async (): Promise<NamespaceFacts[]> => {
    const ask = async <Answer>(at: string, query?: Record<string, string>): Promise<Answer | undefined> => {
      try {
        return await reader.get<Answer>(at, query);
      } catch (error) {
        if (!isRefusal(error)) throw error;
        if (error.status !== 404) notRead.push(`namespaces: ${error.status === 403 ? 'forbidden' : error.detail}`);
        return undefined;
      }
    };
    if (namespaces === 'all') return ((await ask<List<V1Namespace>>(path.namespaces(), path.fromCache))?.items ?? []).map(namespaceFacts);
    const found = await Promise.all(spaces.map((name) => ask<V1Namespace>(path.namespaces(name))));
    return found.flatMap((one) => (one ? [namespaceFacts(one)] : []));
  };

  const [objects, unjudged, known] = await Promise.all([
    Promise.all(served([...policyKinds, ...referredKinds], groupVersions).map((kind) => list(kind))),
    Promise.all(served(unjudgedKinds, groupVersions).map((kind) => list(kind, { ...path.fromCache, limit: MOST_UNJUDGED }))),
    readNamespaces(),
  ]);
  const all = [...objects.flat(), ...unjudged.flat()];
  const accounts = await readAccounts(reader, spaces, all, notRead);
  return { policies: { namespaces: known, serviceAccounts: accounts, objects: all }, notRead: [...new Set(notRead)] };
};

/** Only where some policy tells service accounts apart by their labels. */
const readAccounts = async (
  reader: ApiReader,
  spaces: readonly string[],
  objects: readonly ApiObject[],
  notRead: string[],
): Promise<PolicyFacts['serviceAccounts']> => {
  if (!/"serviceAccount(s|Selector)"|pcsa\./.test(JSON.stringify(objects))) return [];
  const lists = await Promise.all(
    spaces.map((namespace) =>
      reader.get<List<V1ServiceAccount>>(path.serviceAccounts(namespace), path.fromCache).catch((error: unknown) => {
        if (!isRefusal(error)) throw error;
        notRead.push(`serviceaccounts: ${error.status === 403 ? 'forbidden' : error.detail}`);
        return { items: [] };
      }),
    ),
  );
  return lists
    .flatMap(({ items = [] }) => items)
    .map(({ metadata = {} }) => ({ namespace: metadata.namespace ?? '', name: metadata.name ?? '', labels: metadata.labels ?? {} }));
};
