import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { CliError, EXIT } from '../errors.ts';
import type { ClusterEntry, UserEntry } from './config-file.ts';
import { type ExecCredential, runExecPlugin } from './exec-plugin.ts';
import type { ConnectionOptions } from './options.ts';
import { proxyFromEnv } from './proxy-env.ts';
import { checkServerIdentity } from './server-identity.ts';
import { findTarget, type Target } from './target.ts';

/** A way to the API server that is ready for use: one pool of sockets and TLS sessions for every request and every exec. */
export interface Connection {
  /** Base URL without a slash at its end. */
  server: string;
  /** Default namespace of this context. */
  namespace: string;
  context: string;
  /** Name of the kubeconfig user. */
  userName: string;
  /** Authorization and impersonation. */
  headers: Record<string, string | string[]>;
  agent: http.Agent;
  requestTimeoutMs: number;
  compress: boolean;
  /** Closes idle sockets, so that the process can end. */
  close: () => void;
}

/** More parallel requests than this wait for a free socket: a handshake each costs more than waiting. */
const MOST_SOCKETS = 8;

const DEFAULT_TIMEOUT_MS = 10_000;

const readPem = (file: string | undefined, data: string | undefined, what: string): Buffer | undefined => {
  if (data) return Buffer.from(data, 'base64');
  if (!file) return undefined;
  try {
    return readFileSync(file);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const why = code === 'ENOENT' ? 'no such file or directory' : code;
    throw new CliError(`error: unable to read ${what} ${file}: ${why}`, EXIT.usage);
  }
};

/** TLS settings in the words of tls.connect. */
const tlsOptions = (cluster: ClusterEntry, user: UserEntry, credential: ExecCredential): https.AgentOptions => {
  const options: https.AgentOptions = {};
  const ca = readPem(cluster['certificate-authority'], cluster['certificate-authority-data'], 'certificate-authority');
  const cert = credential.clientCertificateData ?? readPem(user['client-certificate'], user['client-certificate-data'], 'client-cert');
  const key = credential.clientKeyData ?? readPem(user['client-key'], user['client-key-data'], 'client-key');
  if (ca) options.ca = ca;
  if (cert) options.cert = cert;
  if (key) options.key = key;
  if (cluster['insecure-skip-tls-verify']) options.rejectUnauthorized = false;
  if (cluster['tls-server-name']) options.servername = cluster['tls-server-name'];
  return options;
};

/** Impersonate-* headers (k8s.io/client-go/transport): user, uid, groups, extra. */
export const impersonation = (user: UserEntry): Record<string, string | string[]> => {
  if (!user.as) return {};
  const extra = Object.entries(user['as-user-extra'] ?? {}).map(([key, values]) => [`Impersonate-Extra-${encodeURIComponent(key)}`, values]);
  return {
    'Impersonate-User': user.as,
    ...(user['as-uid'] ? { 'Impersonate-Uid': user['as-uid'] } : {}),
    ...(user['as-groups']?.length ? { 'Impersonate-Group': user['as-groups'] } : {}),
    ...Object.fromEntries(extra),
  };
};

const authorization = (user: UserEntry, credential: ExecCredential): Record<string, string> => {
  const token =
    credential.token ?? user.token ?? (user.tokenFile ? readPem(user.tokenFile, undefined, 'token file')?.toString('utf8').trim() : undefined);
  if (token) return { Authorization: `Bearer ${token}` };
  if (user.username) return { Authorization: `Basic ${Buffer.from(`${user.username}:${user.password ?? ''}`).toString('base64')}` };
  return {};
};

const ownAgent = (server: string, tls: https.AgentOptions): http.Agent => {
  const pool = { keepAlive: true, maxSockets: MOST_SOCKETS };
  return server.startsWith('https:') ? new https.Agent({ checkServerIdentity, ...tls, ...pool }) : new http.Agent(pool);
};

/** What differs from user to user, fetched once per run. */
const logIn = async (target: Target, proxy: string | undefined, env: NodeJS.ProcessEnv): Promise<Pick<Connection, 'headers' | 'agent'>> => {
  const { cluster, user } = target;
  const credential = user.exec && !user.token ? await runExecPlugin(user.exec, cluster, env) : {};
  const tls = tlsOptions(cluster, user, credential);
  const headers = { ...authorization(user, credential), ...impersonation(user) };
  if (!proxy && !user['auth-provider']) return { headers, agent: ownAgent(cluster.server, tls) };
  // OIDC, the old cloud providers and proxies are client-node's; loading it costs more than everything else here together
  const { logInWithClientNode } = await import('./client-node.ts');
  const other = await logInWithClientNode(target, proxy, tls);
  Object.assign(other.agent, { keepAlive: true, maxSockets: MOST_SOCKETS });
  return { headers: { ...other.headers, ...headers }, agent: other.agent };
};

/**
 * Finds the kubeconfig, logs in, opens nothing yet.
 * @throws CliError worded as kubectl words it
 */
export const connect = async (options: ConnectionOptions, env: NodeJS.ProcessEnv): Promise<Connection> => {
  const target = findTarget(options, env);
  const { cluster } = target;
  const proxy = cluster['proxy-url'] || proxyFromEnv(cluster.server, env);
  const { headers, agent } = await logIn(target, proxy, env);
  return {
    server: cluster.server,
    namespace: target.namespace,
    context: target.context,
    userName: target.userName,
    headers,
    agent,
    requestTimeoutMs: options.requestTimeoutMs ?? DEFAULT_TIMEOUT_MS,
    compress: !(options.disableCompression ?? cluster['disable-compression'] ?? false),
    close: () => agent.destroy(),
  };
};
