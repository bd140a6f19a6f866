import type { Endpoint } from '../cluster/endpoint.ts';
import type { Protocol } from '../cluster/facts.ts';
import type { Question } from './plan.ts';

export interface Asked {
  port?: number | string;
  protocol?: Protocol;
  count: number;
  timeoutMs: number;
}

const isV6 = (address: string): boolean => address.includes(':');

/** The first address of each end that share a family, the target's preference first. */
export const commonAddresses = (from: Endpoint, to: Endpoint): { source: string; destination: string } | undefined => {
  for (const destination of to.ips) {
    const source = from.ips.find((address) => isV6(address) === isV6(destination));
    if (source !== undefined) return { source, destination };
  }
  return undefined;
};

/** What to knock at: the port asked for, else the target's first known one, else ping. A string says what is wrong with what was asked. */
export const choosePort = (
  to: Pick<Endpoint, 'ports' | 'label'>,
  asked: Pick<Asked, 'port' | 'protocol'>,
): { protocol: Protocol; port?: number } | string => {
  const known = to.ports.filter(({ protocol }) => asked.protocol === undefined || protocol === asked.protocol);
  if (typeof asked.port === 'string') {
    const named = known.find(({ name }) => name === asked.port);
    if (!named)
      return `error: ${to.label} has no port named "${asked.port}"${known.some(({ name }) => name) ? ` (it has ${known.flatMap(({ name }) => name ?? []).join(', ')})` : ''}`;
    return { protocol: named.protocol, port: named.port };
  }
  if (asked.port !== undefined) {
    if (asked.protocol === 'icmp') return 'error: icmp has no ports: leave out --port, or choose another --protocol';
    return { protocol: asked.protocol ?? known.find(({ port }) => port === asked.port)?.protocol ?? 'tcp', port: asked.port };
  }
  if (asked.protocol === 'icmp') return { protocol: 'icmp' };
  const [first] = known;
  if (first) return { protocol: first.protocol, port: first.port };
  if (asked.protocol !== undefined) return `error: ${to.label} declares no ${asked.protocol} port: say which with --port`;
  return { protocol: 'icmp' };
};

/** Words and flags → the packet to send; a string is the one line that says why there is none. */
export const makeQuestion = (from: Endpoint, to: Endpoint, asked: Asked): Question | string => {
  const addresses = commonAddresses(from, to);
  if (!addresses)
    return `error: ${from.label} has ${isV6(from.ips[0] ?? '') ? 'only IPv6' : 'only IPv4'} (${from.ips.join(', ')}) and ${to.label} ${isV6(to.ips[0] ?? '') ? 'only IPv6' : 'only IPv4'} (${to.ips.join(', ')}): no packet can go from one to the other`;
  const port = choosePort(to, asked);
  if (typeof port === 'string') return port;
  return { from, to, ...addresses, ...port, count: asked.count, timeoutMs: asked.timeoutMs };
};
