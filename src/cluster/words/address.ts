import { BlockList, isIP } from 'node:net';
import type { V1Node, V1Pod, V1Service } from '@kubernetes/client-node';
import type { ApiReader } from '../api/reader.ts';
import type { NodeFacts, PodFacts, ServiceFacts } from '../facts.ts';
import { nodeFacts } from '../read/node.ts';
import * as path from '../read/paths.ts';
import { podFacts } from '../read/pod.ts';
import { serviceFacts } from '../read/service.ts';
import type { Found } from './found.ts';
import { podsOfService } from './service-pods.ts';
import type { Word } from './word.ts';

interface List<Item> {
  items?: Item[];
}

const isFinished = ({ phase }: PodFacts): boolean => phase === 'Succeeded' || phase === 'Failed';

const list = async <Item>(reader: ApiReader, at: string, query: Record<string, string> = {}): Promise<Item[]> =>
  (await reader.get<List<Item>>(at, { ...path.fromCache, ...query })).items ?? [];

const covers = (cidr: string, ip: string): boolean => {
  const [network = '', prefix = ''] = cidr.split('/');
  if (!isIP(network) || isIP(network) !== isIP(ip)) return false;
  const block = new BlockList();
  const family = isIP(ip) === 6 ? 'ipv6' : 'ipv4';
  block.addSubnet(network, Number(prefix), family);
  return block.check(ip, family);
};

const found = (word: Word, pods: PodFacts[], ip: string): Found => {
  const [pod] = pods;
  const held = pods.length > 1 ? `${pods.length} pods hold ${ip}: ${pods.map(({ namespace, name }) => `${namespace}/${name}`).join(', ')}; ` : '';
  return { word, address: ip, is: 'pods', pods: pods.slice(0, 1), note: `${held}${ip} is pod ${pod?.namespace}/${pod?.name}` };
};

/** The server cannot select by the second address of a pod or a Service: without a node whose range it is in, it is looked for in bounded lists. */
const MOST = '1000';

/** Only where both families are in use is an address of a Service not its first one. */
const hasBothFamilies = (nodes: readonly NodeFacts[]): boolean =>
  nodes.some(({ ips, podCidrs }) => new Set([...ips, ...podCidrs].map((one) => one.includes(':'))).size > 1);

const serviceFound = async (reader: ApiReader, word: Word, service: ServiceFacts, ip: string): Promise<Found> => ({
  word,
  address: ip,
  is: 'service',
  service,
  pods: await podsOfService(reader, service),
  note: `${ip} is Service ${service.namespace}/${service.name}`,
});

/** An address that neither status.podIP nor a Service's first clusterIP knows: a node's, a pod's second family, or nobody's. */
const findByNode = async (reader: ApiReader, word: Word, ip: string): Promise<Found> => {
  const nodes: NodeFacts[] = (await list<V1Node>(reader, path.nodes())).map(nodeFacts);
  const node = nodes.find(({ ips }) => ips.includes(ip));
  if (node) return { word, address: ip, is: 'node', node, note: `${ip} is node ${node.name}` };
  const home = nodes.find(({ podCidrs }) => podCidrs.some((cidr) => covers(cidr, ip)));
  const query = home ? { fieldSelector: `spec.nodeName=${home.name}` } : { limit: MOST };
  const [pods, services] = await Promise.all([
    home || isIP(ip) === 6 ? list<V1Pod>(reader, path.pods(''), query) : [],
    !home && hasBothFamilies(nodes) ? list<V1Service>(reader, path.services(''), { limit: MOST }) : [],
  ]);
  const holders = pods.map(podFacts).filter((pod) => pod.ips.includes(ip) && !isFinished(pod));
  if (holders.length > 0) return found(word, holders, ip);
  const service = services.map(serviceFacts).find(({ clusterIps }) => clusterIps.includes(ip));
  if (service) return serviceFound(reader, word, service, ip);
  const note = home ? `${ip} is in the pod range of node ${home.name}, no pod has it` : undefined;
  return { word, is: 'external', ips: [ip], label: ip, ...(note ? { note } : {}) };
};

/**
 * Who holds an address: pods and Services through field selectors, so that a big cluster is not listed; a hostNetwork pod's address is its
 * node's.
 */
export const findAddress = async (reader: ApiReader, word: Word, ip: string): Promise<Found> => {
  const [pods, services] = await Promise.all([
    list<V1Pod>(reader, path.pods(''), { fieldSelector: `status.podIP=${ip}` }),
    list<V1Service>(reader, path.services(''), { fieldSelector: `spec.clusterIP=${ip}` }),
  ]);
  const holders = pods.map(podFacts).filter((pod) => !isFinished(pod));
  const own = holders.filter(({ hostNetwork }) => !hostNetwork);
  if (own.length > 0) return found(word, own, ip);
  const [service] = services.map(serviceFacts);
  if (service) return serviceFound(reader, word, service, ip);
  const hostName = holders[0]?.node;
  if (!hostName) return findByNode(reader, word, ip);
  const node = nodeFacts(await reader.get<V1Node>(path.nodes(hostName)));
  return { word, address: ip, is: 'node', node, note: `${ip} is node ${node.name}` };
};
