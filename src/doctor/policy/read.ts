import type { ApiReader } from '../../cluster/api/reader.ts';
import type { ClusterFacts, NodeFacts, PodFacts } from '../../cluster/facts.ts';
import { type Need, readCluster } from '../../cluster/read/cluster.ts';
import { readNodes } from '../../cluster/read/nodes.ts';
import { enforcerOf } from '../../cni/enforcer.ts';
import type { End } from '../../policy/end.ts';
import { engineOf } from '../../policy/engine.ts';
import type { Enforcement } from '../../report/policy/reports.ts';
import { podsOfEnd } from './ends.ts';

const unique = <Thing>(things: Thing[], keyOf: (thing: Thing) => string): Thing[] => [
  ...new Map(things.map((thing) => [keyOf(thing), thing])).values(),
];

/** Some policies mean the backends of Services by the Service's name, in whatever namespace it is. */
const withServices = async (reader: ApiReader, need: Need, facts: ClusterFacts): Promise<ClusterFacts> =>
  need.serviceNamespaces !== 'all' && engineOf(facts).context.reads.services
    ? (await readCluster(reader, { ...need, serviceNamespaces: 'all' })).facts
    : facts;

/** What the policies between these ends depend on: no more is read, whatever the cluster's size. */
export const readAbout = async (reader: ApiReader, ends: readonly End[], everything: boolean): Promise<ClusterFacts> => {
  const pods = ends.flatMap(podsOfEnd);
  const services = ends.flatMap((end) => (end.is === 'service' ? [end.service.namespace] : []));
  const namespaces = [...new Set([...pods.map(({ namespace }) => namespace), ...services])];
  const hosts = [...new Set(pods.flatMap(({ hostNetwork, node }) => (hostNetwork && node !== undefined ? [node] : [])))];
  const need: Need = everything
    ? { nodes: 'all', serviceNamespaces: 'all', policies: 'all' }
    : { nodes: [], serviceNamespaces: [...new Set(services)], policies: namespaces };
  const [facts, nodes] = await Promise.all([
    readCluster(reader, need).then(({ facts: read }) => withServices(reader, need, read)),
    readNodes(reader, hosts),
  ]);
  const asked: NodeFacts[] = ends.flatMap((end) => (end.is === 'node' ? [end.node] : []));
  return {
    ...facts,
    // an end that was asked for by one of its addresses has only that one
    pods: unique<PodFacts>([...facts.pods, ...pods], ({ namespace, name }) => `${namespace}/${name}`),
    nodes: unique([...facts.nodes, ...nodes, ...asked], ({ name }) => name),
  };
};

/** Everything: who may reach whom is a question about all pods. */
export const readEverything = async (reader: ApiReader): Promise<ClusterFacts> =>
  (await readCluster(reader, { nodes: 'all', serviceNamespaces: 'all', policies: 'all' })).facts;

/** One namespace with its policies; the cluster's own policies are always read. */
export const readNamespace = async (reader: ApiReader, namespace: string): Promise<ClusterFacts> => {
  const need: Need = { nodes: [], serviceNamespaces: [], pods: [{ namespace, selector: '' }], policies: [namespace] };
  return withServices(reader, need, (await readCluster(reader, need)).facts);
};

/** @param chosen by --cni, which is believed */
export const enforcementOf = (facts: ClusterFacts, chosen: string | undefined): Enforcement =>
  chosen === undefined ? enforcerOf(facts) : { plugin: chosen, signs: ['--cni'] };
