import { BlockList, isIP } from 'node:net';

const inCidr = (host: string, entry: string): boolean => {
  const [network = '', prefix = ''] = entry.split('/');
  const family = isIP(network) === 6 ? 'ipv6' : 'ipv4';
  if (!isIP(host) || !isIP(network) || isIP(host) !== isIP(network) || !/^\d+$/.test(prefix)) return false;
  const list = new BlockList();
  list.addSubnet(network, Number(prefix), family);
  return list.check(host, family);
};

/** One entry of NO_PROXY against the server's host, as golang.org/x/net/http/httpproxy reads it. */
const matches = (entry: string, host: string, port: string): boolean => {
  if (entry === '*') return true;
  if (entry.includes('/')) return inCidr(host, entry);
  const [, name = entry, entryPort] = /^(.*[^:]):(\d+)$/.exec(entry) ?? [];
  if (entryPort !== undefined && !isIP(entry) && entryPort !== port) return false;
  const bare = (isIP(entry) ? entry : name).toLowerCase();
  if (bare.startsWith('.')) return host.endsWith(bare);
  return host === bare || host.endsWith(`.${bare.replace(/^\*\./, '')}`);
};

/** The proxy that HTTPS_PROXY, HTTP_PROXY and NO_PROXY (either case) ask for; loopback is never proxied, as in Go. */
export const proxyFromEnv = (server: string, env: NodeJS.ProcessEnv): string | undefined => {
  const url = new URL(server);
  const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
  const secure = url.protocol === 'https:';
  const proxy = secure ? env.HTTPS_PROXY || env.https_proxy : env.HTTP_PROXY || env.http_proxy;
  if (!proxy || host === 'localhost' || host === '::1' || host.startsWith('127.')) return undefined;
  const port = url.port || (secure ? '443' : '80');
  const excluded = (env.NO_PROXY || env.no_proxy || '').split(',').map((entry) => entry.trim());
  if (excluded.some((entry) => entry !== '' && matches(entry, host, port))) return undefined;
  return proxy.includes('://') ? proxy : `http://${proxy}`;
};
