import type { V1Pod } from '@kubernetes/client-node';
import { type ApiClient, apiPath } from '../api/client.ts';
import { ApiError } from '../errors.ts';
import { isInUse, MANAGED_BY, MANAGED_BY_LABEL, OWNER_ANNOTATION, whoAmI } from './identity.ts';

export interface Removed {
  namespace: string;
  name: string;
  node: string;
  owner: string;
  /** ISO 8601. */
  created: string;
}

export interface CleanupResult {
  removed: Removed[];
  /** Found, but belonging to somebody else or to a run that still goes on here. */
  kept: Removed[];
  /** Found and not deletable, each with the reason. */
  failed: { pod: Removed; why: string }[];
}

interface PodList {
  items: V1Pod[];
}

const describe = ({ metadata = {}, spec }: V1Pod): Removed => ({
  namespace: metadata.namespace ?? '',
  name: metadata.name ?? '',
  node: spec?.nodeName ?? '',
  owner: metadata.annotations?.[OWNER_ANNOTATION] ?? 'unknown',
  created: String(metadata.creationTimestamp ?? ''),
});

/** Every namespace where we may look; else the agent namespace alone. */
const findAgents = async (client: ApiClient, namespace: string): Promise<V1Pod[]> => {
  const query = { labelSelector: `${MANAGED_BY_LABEL}=${MANAGED_BY}` };
  try {
    return (await client.request<PodList>('GET', '/api/v1/pods', { query })).items;
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 403)) throw error;
    return (await client.request<PodList>('GET', apiPath('api/v1/namespaces', namespace, 'pods'), { query })).items;
  }
};

/**
 * Deletes agent pods that a killed run left: this user's, except for those of a netdoctor that runs on this machine right now; with `all`
 * everybody's and running ones too.
 * @throws CliError when agents cannot even be listed
 */
export const cleanup = async (client: ApiClient, namespace: string, { all }: { all: boolean }): Promise<CleanupResult> => {
  const [pods, { owner }] = await Promise.all([findAgents(client, namespace), whoAmI(client)]);
  const result: CleanupResult = { removed: [], kept: [], failed: [] };
  await Promise.all(
    pods.map(async (pod) => {
      const described = describe(pod);
      if (!all && (described.owner !== owner || isInUse(pod))) {
        result.kept.push(described);
        return;
      }
      try {
        await client.request('DELETE', apiPath('api/v1/namespaces', described.namespace, 'pods', described.name), {
          query: { gracePeriodSeconds: '0' },
        });
        result.removed.push(described);
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) return;
        result.failed.push({ pod: described, why: error instanceof Error ? error.message : String(error) });
      }
    }),
  );
  return result;
};
