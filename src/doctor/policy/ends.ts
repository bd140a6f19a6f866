import type { ApiReader } from '../../cluster/api/reader.ts';
import type { EndpointPort } from '../../cluster/endpoint.ts';
import { CliError, EXIT } from '../../cluster/errors.ts';
import type { PodFacts } from '../../cluster/facts.ts';
import { find } from '../../cluster/words/find.ts';
import type { Found } from '../../cluster/words/found.ts';
import { podPorts, portsAsked, servicePorts } from '../../cluster/words/ports.ts';
import { parseWord } from '../../cluster/words/word.ts';
import type { End } from '../../policy/end.ts';
import { isEndpoint } from '../../policy/world.ts';

/** An end of a question about policies, with the ports it is known to offer. */
export type AskedEnd = End & { ports: EndpointPort[] };

const nameOf = ({ namespace, name }: PodFacts): string => `${namespace}/${name}`;

const noPods = (whose: string, [first]: PodFacts[]): CliError =>
  new CliError(
    `error: ${whose} has no pod that policies could act on${first ? `: ${nameOf(first)} is ${first.phase}${first.ips.length === 0 ? ' and has no address' : ''}` : ''}`,
    EXIT.notFound,
  );

const podsEnd = (found: Extract<Found, { is: 'pods' }>, label: string): AskedEnd => {
  const { word, pods } = found;
  const usable = pods.filter(isEndpoint);
  const [first] = usable;
  if (!first) throw noPods(label, pods);
  const left = pods.length - usable.length;
  const note = found.note ?? (left > 0 ? `${left} of ${pods.length} pods have no address, or have finished, and are left out` : undefined);
  return {
    word: word.text,
    label,
    is: 'pods',
    pods: found.address === undefined ? usable : usable.map((pod) => ({ ...pod, ips: pod.ips.filter((ip) => ip === found.address) })),
    ports: portsAsked(podPorts(first), label, word, false),
    ...(note === undefined ? {} : { note }),
  };
};

const serviceEnd = (found: Extract<Found, { is: 'service' }>, role: 'from' | 'to'): AskedEnd => {
  const { word, service, pods, note, address } = found;
  const label = `svc ${service.namespace}/${service.name}`;
  if (role === 'from') return podsEnd({ ...found, is: 'pods', workload: label }, label);
  if (service.externalName)
    throw new CliError(`error: ${label} is only a name for ${service.externalName} (ExternalName): ask for that instead`, EXIT.usage);
  const ports = portsAsked(servicePorts(service), label, word, true);
  // whoever uses a headless Service talks to its pods at their own ports
  if (service.clusterIps.length === 0 && service.externalIps.length === 0) {
    const headless = podsEnd({ ...found, is: 'pods', workload: label }, label);
    return { ...headless, ports: headless.ports.length > 0 ? headless.ports : ports };
  }
  return {
    word: word.text,
    label,
    is: 'service',
    service,
    pods: pods.filter(isEndpoint),
    ports,
    ...(note === undefined ? {} : { note }),
    ...(address === undefined ? {} : { address }),
  };
};

/** Pure: all that a word stands for. @throws CliError when policies could act on nothing of it */
export const endOf = (found: Found, role: 'from' | 'to'): AskedEnd => {
  const { word, note } = found;
  const noted = note === undefined ? {} : { note };
  if (found.is === 'pods') return podsEnd(found, found.workload ?? (found.pods[0] ? nameOf(found.pods[0]) : word.text));
  if (found.is === 'service') return serviceEnd(found, role);
  if (found.is === 'node') {
    const { node } = found;
    const ips = found.address === undefined ? node.ips : [found.address];
    return {
      word: word.text,
      label: `node ${node.name}`,
      is: 'node',
      node: { ...node, ips },
      ports: portsAsked([], node.name, word, false),
      ...noted,
    };
  }
  return { word: word.text, label: found.label, is: 'outside', ips: found.ips, ports: portsAsked([], found.label, word, false), ...noted };
};

/** @throws CliError in one line, with the nearest existing name when there is none of this one */
export const findEnd = async (reader: ApiReader, namespace: string, word: string, role: 'from' | 'to'): Promise<AskedEnd> =>
  endOf(await find(reader, parseWord(word, namespace)), role);

/** Pods that a question is about. */
export const podsOfEnd = (end: End): PodFacts[] => ('pods' in end ? end.pods : []);
