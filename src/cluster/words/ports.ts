import type { EndpointPort } from '../endpoint.ts';
import { CliError, EXIT } from '../errors.ts';
import type { PodFacts, Protocol, ServiceFacts } from '../facts.ts';
import type { Word } from './word.ts';

export const podPorts = ({ containers }: PodFacts): EndpointPort[] => containers.flatMap(({ ports }) => ports);

/** TCP first, as that is what most questions are about. */
export const servicePorts = ({ ports }: ServiceFacts): EndpointPort[] =>
  ports
    .map(({ name, port, protocol }) => ({ port, protocol, ...(name ? { name } : {}) }))
    .sort((a, b) => Number(b.protocol === 'tcp') - Number(a.protocol === 'tcp'));

const describe = (ports: EndpointPort[]): string =>
  ports.map(({ name, port, protocol }) => `${name ? `${name} ` : ''}${port}/${protocol.toUpperCase()}`).join(', ');

const TRANSPORTS = ['tcp', 'udp', 'sctp'] as const;

/** Ports of a name or number. A number need not be declared to be used, by whatever protocol it is asked with. */
const asked = (ports: EndpointPort[], label: string, port: number | string, protocol: Protocol | undefined): EndpointPort[] => {
  const fitting = ports.filter((offered) => protocol === undefined || offered.protocol === protocol);
  if (typeof port === 'number') {
    const known = fitting.filter((offered) => offered.port === port);
    const others = TRANSPORTS.filter((one) => (protocol ?? one) === one && !known.some((offered) => offered.protocol === one));
    return [...known, ...others.map((one) => ({ port, protocol: one }))];
  }
  const named = fitting.filter(({ name }) => name === port);
  if (named.length > 0) return named;
  const has = ports.length === 0 ? 'it declares no ports' : `it has ${describe(ports)}`;
  throw new CliError(`error: ${label} has no port named "${port}"; ${has}`, EXIT.usage);
};

/** @throws CliError for a port name that nobody declared, or a port that a Service does not have */
export const portsAsked = (ports: EndpointPort[], label: string, { port, protocol }: Word, closed: boolean): EndpointPort[] => {
  if (port === undefined) return protocol === undefined ? ports : ports.filter((offered) => offered.protocol === protocol);
  const chosen = asked(ports, label, port, protocol);
  if (closed && !chosen.some((one) => ports.some((offered) => offered.port === one.port && offered.protocol === one.protocol)))
    throw new CliError(`error: ${label} has no port ${port}${protocol ? `/${protocol.toUpperCase()}` : ''}; it has ${describe(ports)}`, EXIT.usage);
  return chosen;
};
