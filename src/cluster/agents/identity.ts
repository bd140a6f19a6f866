import { randomInt } from 'node:crypto';
import { hostname, userInfo } from 'node:os';
import type { V1Pod } from '@kubernetes/client-node';
import type { ApiClient } from '../api/client.ts';

export const MANAGED_BY = 'kubectl-netdoctor';
export const MANAGED_BY_LABEL = 'app.kubernetes.io/managed-by';
export const SESSION_LABEL = 'kubectl-netdoctor/session';
export const OWNER_ANNOTATION = 'kubectl-netdoctor/owner';
export const PROCESS_ANNOTATION = 'kubectl-netdoctor/process';

/** Kubernetes' own alphabet for generated names: no vowels, so no words. */
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

/** Like generateName's suffix, but known before the request: an agent can be deleted even when the answer to its creation was lost. */
export const randomSuffix = (length: number): string => Array.from({ length }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');

/** Whose agents are whose: several people share a cluster, and often the same kubeconfig user. */
export interface Identity {
  session: string;
  /** `kubernetes-admin (alice@laptop)` */
  owner: string;
  /** `laptop:4711`, to tell a run that lives from one that was killed. */
  process: string;
}

const localUser = (): string => {
  try {
    return userInfo().username;
  } catch {
    return 'unknown';
  }
};

interface SelfReview {
  status?: { userInfo?: { username?: string } };
}

/** The name the API server knows us by; older servers (before 1.28) cannot say it. */
const serverUser = async (client: ApiClient): Promise<string> => {
  try {
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
    const { status } = await client.request<SelfReview>('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', { body });
    return status?.userInfo?.username || client.connection.userName;
  } catch {
    return client.connection.userName;
  }
};

export const whoAmI = async (client: ApiClient): Promise<Identity> => ({
  session: randomSuffix(8),
  owner: `${await serverUser(client)} (${localUser()}@${hostname()})`,
  process: `${hostname()}:${process.pid}`,
});

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
};

/** True for an agent of a netdoctor that still runs on this machine. */
export const isInUse = (pod: V1Pod): boolean => {
  const [host, pid] = (pod.metadata?.annotations?.[PROCESS_ANNOTATION] ?? '').split(/:(?=\d+$)/);
  return host === hostname() && pid !== undefined && isAlive(Number(pid));
};
