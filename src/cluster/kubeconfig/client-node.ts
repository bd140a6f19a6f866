import type http from 'node:http';
import type https from 'node:https';
import { KubeConfig } from '@kubernetes/client-node/dist/config.js';
import { CliError, EXIT } from '../errors.ts';
import type { Target } from './target.ts';

const pem = (value: unknown): string | undefined => (value === undefined ? undefined : Buffer.from(value as string | Buffer).toString('base64'));

/**
 * Proxies (http, https, socks) and the auth providers (oidc, gcp, azure) through client-node.
 * @param tls what the caller has already read: certificates are not read twice
 */
export const logInWithClientNode = async (
  target: Target,
  proxy: string | undefined,
  tls: https.AgentOptions,
): Promise<{ headers: Record<string, string>; agent: http.Agent }> => {
  const { cluster, user, userName } = target;
  const [caData, certData, keyData] = [pem(tls.ca), pem(tls.cert), pem(tls.key)];
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromClusterAndUser(
    {
      name: 'cluster',
      server: cluster.server,
      // client-node refuses http:// servers (kubectl proxy) unless it is told to skip TLS verification
      skipTLSVerify: tls.rejectUnauthorized === false || cluster.server.startsWith('http:'),
      ...(caData ? { caData } : {}),
      ...(tls.servername ? { tlsServerName: tls.servername } : {}),
      ...(proxy ? { proxyUrl: proxy } : {}),
    },
    {
      name: userName || 'user',
      ...(certData ? { certData } : {}),
      ...(keyData ? { keyData } : {}),
      ...(user['auth-provider'] ? { authProvider: user['auth-provider'] } : {}),
    },
  );
  const options: https.RequestOptions = {};
  try {
    await kubeConfig.applyToHTTPSOptions(options);
  } catch (error) {
    throw new CliError(`Unable to connect to the server: ${error instanceof Error ? error.message : String(error)}`, EXIT.access, { cause: error });
  }
  return { headers: (options.headers ?? {}) as Record<string, string>, agent: options.agent as http.Agent };
};
