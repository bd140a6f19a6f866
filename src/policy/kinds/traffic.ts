import type { Context } from '../context.ts';
import { type Field, membersOf, oneOf, wholeNumber, wrong } from '../field.ts';
import type { Traffic } from '../model.ts';
import { namedPorts } from '../party.ts';
import { ANYTHING, NOTHING, type PortProtocol, type PortSet, portsOf, unite } from '../port-set.ts';

export const PORT_PROTOCOLS = ['TCP', 'UDP', 'SCTP'] as const;

export const lower = (protocol: (typeof PORT_PROTOCOLS)[number]): PortProtocol => protocol.toLowerCase() as PortProtocol;

const fixed = (index: number, text: string, set: PortSet): Traffic => ({ index, text, names: [], ports: () => set });

/** Every port of a protocol, one, or a range. */
export const numbered = (index: number, protocol: PortProtocol, from?: number, to = from): Traffic => {
  const range = from === undefined ? '' : from === to ? ` ${from}` : ` ${from}-${to}`;
  return fixed(index, `${protocol.toUpperCase()}${range}`, portsOf(protocol, from, to));
};

export const everything = (index: number): Traffic => fixed(index, 'any', ANYTHING);

/** Nothing: what could not be read matches nothing. */
export const nothing = (index: number, text: string): Traffic => fixed(index, text, NOTHING);

/**
 * Ports by name, which is the destination pod's own affair: another pod may call another number so.
 * @param end the last port of a range that begins there (Cilium)
 */
export const named = ({ reads }: Context, index: number, name: string, protocols: readonly PortProtocol[], end = 0): Traffic => {
  reads.portNames.add(name);
  return {
    index,
    text: `${protocols.length === 1 ? `${protocols[0]?.toUpperCase()} ` : ''}${name}`,
    names: [name],
    perDestination: true,
    ports: (destination) =>
      namedPorts(destination)
        .filter((port) => port.name === name && (protocols as readonly string[]).includes(port.protocol))
        .reduce<PortSet>((set, { protocol, port }) => unite(set, portsOf(protocol as PortProtocol, port, Math.max(end, port))), NOTHING),
  };
};

/** IANA service names, which Kubernetes takes for ports (validation.IsValidPortName). */
export const isPortName = (text: string): boolean => /^(?=.{1,15}$)(?!-)(?!.*--)(?!.*-$)[a-z0-9-]*[a-z][a-z0-9-]*$/.test(text);

/** networking.k8s.io/v1 NetworkPolicyPort: protocol TCP unless said, every port of it unless said. */
export const readNetworkPolicyPort = (context: Context, field: Field, index: number): Traffic => {
  const members = membersOf(field, ['protocol', 'port', 'endPort']);
  const protocol = members.protocol ? oneOf(members.protocol, PORT_PROTOCOLS) : 'TCP';
  if (protocol === undefined) return nothing(index, 'an unknown protocol');
  if (!members.port) {
    if (members.endPort) wrong(members.endPort, 'it needs port');
    return numbered(index, lower(protocol));
  }
  if (typeof members.port.value === 'string') {
    const name = members.port.value;
    if (!isPortName(name)) wrong(members.port, `"${name}" is no port name`);
    if (members.endPort) wrong(members.endPort, 'it needs a port that is a number');
    return named(context, index, name, [lower(protocol)]);
  }
  const port = wholeNumber(members.port, 1, 65_535);
  const endPort = wholeNumber(members.endPort, 1, 65_535);
  if (port === undefined) return nothing(index, 'a port that is none');
  if (endPort !== undefined && members.endPort && endPort < port) wrong(members.endPort, `it must not be less than port, which is ${port}`);
  return numbered(index, lower(protocol), port, context.traits.endPort ? (endPort ?? port) : port);
};
