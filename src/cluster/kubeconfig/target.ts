import { existsSync, readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { CliError, EXIT } from '../errors.ts';
import { type ClusterEntry, configPaths, loadConfigs, type MergedConfig, type UserEntry } from './config-file.ts';
import type { ConnectionOptions } from './options.ts';

/** Whom to talk to and as whom, before any credential is fetched. */
export interface Target {
  cluster: ClusterEntry & { server: string };
  user: UserEntry;
  /** Name of the kubeconfig user; `''` without one. */
  userName: string;
  context: string;
  namespace: string;
}

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

const NO_CONFIGURATION =
  'error: invalid configuration: no configuration has been provided, try setting KUBERNETES_MASTER environment variable (or --kubeconfig, KUBECONFIG)';

/** The pod's own service account, for a netdoctor that runs inside a cluster. */
const inCluster = (env: NodeJS.ProcessEnv): Omit<Target, 'namespace'> & { namespace?: string } => {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = env;
  if (!host || !existsSync(`${SERVICE_ACCOUNT}/token`)) throw new CliError(NO_CONFIGURATION, EXIT.usage);
  return {
    cluster: { server: `https://${isIPv6(host) ? `[${host}]` : host}:${port}`, 'certificate-authority': `${SERVICE_ACCOUNT}/ca.crt` },
    user: { tokenFile: `${SERVICE_ACCOUNT}/token` },
    userName: 'service-account',
    context: 'in-cluster',
    namespace: readFileSync(`${SERVICE_ACCOUNT}/namespace`, 'utf8').trim(),
  };
};

const find = <Entry>(entries: Map<string, Entry>, name: string, what: string): Entry => {
  const entry = entries.get(name);
  if (entry === undefined) throw new CliError(`error: ${what} "${name}" does not exist`, EXIT.usage);
  return entry;
};

const fromConfig = (
  config: MergedConfig,
  options: ConnectionOptions,
): Omit<Target, 'namespace' | 'cluster'> & { namespace?: string; cluster: ClusterEntry } => {
  const contextName = options.context || config.currentContext;
  const context = contextName ? find(config.contexts, contextName, 'context') : {};
  const clusterName = options.cluster || context?.cluster;
  const userName = options.user || context?.user || '';
  return {
    cluster: clusterName ? find(config.clusters, clusterName, 'cluster') : {},
    user: userName ? find(config.users, userName, 'auth info') : {},
    userName,
    context: contextName,
    ...(context?.namespace ? { namespace: context.namespace } : {}),
  };
};

/** `10.0.0.1:6443` and `host/` are what people type; kubectl takes both. */
const serverUrl = (server: string): string => {
  const url = server.includes('://') ? server : `http://${server}`;
  if (!URL.canParse(url) || !/^https?:\/\//.test(url))
    throw new CliError(`error: invalid server address "${server}": it must be a http or https URL`, EXIT.usage);
  return url.replace(/\/+$/, '');
};

/** Flags over the cluster entry. --insecure-skip-tls-verify and a CA exclude each other, as in clientcmd. */
const withClusterFlags = (cluster: ClusterEntry, options: ConnectionOptions): ClusterEntry => {
  const result: ClusterEntry = { ...cluster };
  if (options.server) result.server = options.server;
  if (options.tlsServerName) result['tls-server-name'] = options.tlsServerName;
  if (options.certificateAuthority) {
    result['certificate-authority'] = options.certificateAuthority;
    delete result['certificate-authority-data'];
  }
  if (options.insecureSkipTlsVerify !== undefined) {
    result['insecure-skip-tls-verify'] = options.insecureSkipTlsVerify;
    if (options.insecureSkipTlsVerify && options.certificateAuthority)
      throw new CliError('error: specifying a root certificates file with the insecure flag is not allowed', EXIT.usage);
  }
  return result;
};

const extraOf = (pairs: string[]): Record<string, string[]> => {
  const extra: Record<string, string[]> = {};
  for (const pair of pairs) {
    const at = pair.indexOf('=');
    if (at <= 0) throw new CliError(`error: --as-user-extra "${pair}": expected key=value`, EXIT.usage);
    const key = pair.slice(0, at);
    extra[key] = [...(extra[key] ?? []), pair.slice(at + 1)];
  }
  return extra;
};

/** Flags over the user entry: a token or password given by hand replaces every other way to log in. */
const withUserFlags = (user: UserEntry, options: ConnectionOptions): UserEntry => {
  const result: UserEntry = { ...user };
  if (options.token || options.username) {
    for (const key of ['exec', 'auth-provider', 'tokenFile', 'token', 'username', 'password'] as const) delete result[key];
    if (options.token) result.token = options.token;
    if (options.username) Object.assign(result, { username: options.username, password: options.password ?? '' });
  }
  if (options.clientCertificate) {
    result['client-certificate'] = options.clientCertificate;
    delete result['client-certificate-data'];
  }
  if (options.clientKey) {
    result['client-key'] = options.clientKey;
    delete result['client-key-data'];
  }
  if (options.as) result.as = options.as;
  if (options.asUid) result['as-uid'] = options.asUid;
  if (options.asGroup?.length) result['as-groups'] = options.asGroup;
  if (options.asUserExtra?.length) result['as-user-extra'] = extraOf(options.asUserExtra);
  if (!result.as && (result['as-uid'] || result['as-groups']?.length || result['as-user-extra']))
    throw new CliError('error: requesting uid, groups or user-extra without impersonating a user (--as)', EXIT.usage);
  return result;
};

/**
 * Kubeconfig files, flags and the in-cluster service account → one target.
 * @throws CliError worded as kubectl words it, when there is no configuration or a name in it does not exist
 */
export const findTarget = (options: ConnectionOptions, env: NodeJS.ProcessEnv): Target => {
  const config = loadConfigs(configPaths(options.kubeconfig, env));
  const empty = config.contexts.size === 0 && config.clusters.size === 0;
  const named = Boolean(options.context || options.cluster || options.user || options.server || options.kubeconfig);
  const found = empty && !named ? inCluster(env) : fromConfig(config, options);
  const cluster = withClusterFlags(found.cluster, options);
  const server = cluster.server || (env.KUBERNETES_MASTER ?? '');
  if (!server) throw new CliError(NO_CONFIGURATION, EXIT.usage);
  return {
    ...found,
    cluster: { ...cluster, server: serverUrl(server) },
    user: withUserFlags(found.user, options),
    namespace: options.namespace || found.namespace || 'default',
  };
};
