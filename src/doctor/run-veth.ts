import type { ApiReader } from '../cluster/api/reader.ts';
import { CliError, EXIT } from '../cluster/errors.ts';
import type { ClusterFacts, PodFacts } from '../cluster/facts.ts';
import { readCluster } from '../cluster/read/cluster.ts';
import { find } from '../cluster/words/find.ts';
import { parseWord } from '../cluster/words/word.ts';
import type { NodeSnapshot } from '../node/snapshot.ts';
import type { VethReport } from '../report/report.ts';
import { findByHostIface, findByIp, type Holder } from '../topology/lookup.ts';
import { judgeVeth } from './judge-veth.ts';
import { isOpen, type OpenDoors } from './ports.ts';
import type { Say } from './progress.ts';
import { readNodes } from './read-nodes.ts';
import type { Stopwatch } from './stopwatch.ts';

/** What `veth` was asked, flags read: pods by name, by label, of a namespace, of all, of a node, or whose an interface or address is. */
export interface VethRequest {
  words: string[];
  namespace: string;
  allNamespaces: boolean;
  selector?: string;
  node?: string;
  hostInterface?: string;
  ip?: string;
}

export interface VethPorts {
  api: ApiReader;
  open: OpenDoors;
  now: () => Date;
  say: Say;
  stopwatch: Stopwatch;
}

const usage = (message: string): CliError => new CliError(`error: ${message}`, EXIT.usage);

/** Flags that contradict each other are said before anything is read. */
const validate = ({ words, allNamespaces, selector, node, hostInterface, ip }: VethRequest): void => {
  const named = words.length > 0;
  if (named && selector !== undefined) throw usage('pods are named and selected by label at the same time: use one of the two');
  if (named && allNamespaces) throw usage('a resource cannot be retrieved by name across all namespaces');
  const reverse = [hostInterface === undefined ? '' : '--host-iface', ip === undefined ? '' : '--ip'].filter((flag) => flag !== '');
  if (reverse.length > 1) throw usage('--host-iface and --ip ask two questions: use one of the two');
  if (reverse.length > 0 && (named || selector !== undefined)) throw usage(`${reverse[0]} finds the pod: leave out its name`);
  if (hostInterface !== undefined && node === undefined) throw usage('--host-iface needs --node: interface names are per node');
};

/** Whose an interface or an address is can be any pod of the nodes asked. */
const isReverse = ({ hostInterface, ip }: VethRequest): boolean => hostInterface !== undefined || ip !== undefined;

const selectPods = async (request: VethRequest, api: ApiReader): Promise<{ pods: PodFacts[]; facts: ClusterFacts }> => {
  const { words, namespace, allNamespaces, selector, node } = request;
  if (words.length > 0) {
    const found = await Promise.all(words.map((word) => find(api, parseWord(word, namespace))));
    const pods = found.flatMap((one) => {
      if (one.is === 'pods' || one.is === 'service') return one.pods;
      throw usage(`"${one.word.text}" is no pod and no workload: veth shows pods`);
    });
    const nodes = [...new Set(pods.flatMap((pod) => pod.node ?? []))];
    const { facts } = await readCluster(api, { nodes, serviceNamespaces: [] });
    return { pods: node === undefined ? pods : pods.filter((pod) => pod.node === node), facts };
  }
  const everywhere = allNamespaces || (node !== undefined && selector === undefined) || isReverse(request);
  const { facts } = await readCluster(api, {
    // with a selector the pods it selects are all that is read, wherever they are
    nodes: node === undefined || selector !== undefined ? [] : [node],
    serviceNamespaces: [],
    pods: node !== undefined && selector === undefined ? [] : [{ namespace: everywhere ? '' : namespace, selector: selector ?? '' }],
  });
  if (node !== undefined && selector === undefined && !facts.nodes.some(({ name }) => name === node))
    throw new CliError(`Error from server (NotFound): nodes "${node}" not found`, EXIT.notFound);
  const within = (pod: PodFacts): boolean => (node === undefined || pod.node === node) && (everywhere || pod.namespace === namespace);
  return { pods: facts.pods.filter(within), facts };
};

const holdersOf = (request: VethRequest, snapshots: NodeSnapshot[]): { snapshot: NodeSnapshot; holder: Holder }[] =>
  snapshots.flatMap((snapshot) => {
    const { hostInterface, ip } = request;
    const holder = hostInterface === undefined ? undefined : findByHostIface(snapshot, hostInterface);
    const holders = ip === undefined ? (holder ? [holder] : []) : findByIp(snapshot, ip);
    return holders.map((one) => ({ snapshot, holder: one }));
  });

/** A namespace that is no pod's holds it: said, as it is the answer. */
const strangerOf = ({ snapshot, holder }: { snapshot: NodeSnapshot; holder: Holder }): string => {
  const netns = snapshot.namespaces.find(({ inode }) => inode === holder.netns);
  const pins = netns?.pinnedAt.length ? `, pinned at ${netns.pinnedAt.join(', ')}` : '';
  const what =
    holder.role === 'host'
      ? `the node's own namespace`
      : `network namespace ${holder.netns}, which is no pod's (${netns?.processes ?? 0} processes${pins})`;
  return `${snapshot.node}: ${holder.interface ?? 'an interface'} in ${what}`;
};

const NOTHING = { findings: [], notChecked: [] };

/** One `veth` run: which pods, their nodes, where each hangs. */
export const runVeth = async (request: VethRequest, ports: VethPorts): Promise<VethReport> => {
  validate(request);
  const { api, stopwatch, say } = ports;
  say('finding the pods');
  const { pods, facts } = await stopwatch.measure('read the API', () => selectPods(request, api));
  const ofAddress = request.ip === undefined ? pods : pods.filter(({ ips }) => ips.includes(request.ip ?? ''));
  if (request.ip !== undefined && request.node === undefined && ofAddress.length === 0) {
    throw new CliError(`error: no pod has the address ${request.ip}: name the node to look on with --node`, EXIT.notFound);
  }
  const asked = request.ip !== undefined && request.node === undefined ? ofAddress : pods;
  const readable = asked.filter((pod) => !pod.hostNetwork && pod.node !== undefined && pod.phase !== 'Succeeded' && pod.phase !== 'Failed');
  const nodes = isReverse(request) && request.node !== undefined ? [request.node] : [...new Set(readable.flatMap(({ node }) => node ?? []))];
  say(nodes.length === 0 ? 'nothing to read' : `entering ${nodes.join(', ')}`);
  const opened = await stopwatch.measure('start agents', () => ports.open(nodes.map((node) => ({ node, ...podOn(node, readable) }))));
  const doors = opened.filter(isOpen);
  const closed = Object.fromEntries(opened.flatMap((door) => (isOpen(door) ? [] : [[door.node, door.closed]])));
  if (doors.length === 0 && nodes.length > 0) throw new CliError(`error: no node could be entered: ${Object.values(closed).join('; ')}`, EXIT.agent);
  say('reading');
  const { snapshots, notChecked } = await stopwatch.measure('read nodes', () =>
    readNodes(doors, ({ node }) => ({
      scope: 'attach',
      pods: readable.filter((pod) => pod.node === node).map(({ uid }) => uid),
      ...(isReverse(request) ? { all: true } : {}),
    })),
  );
  const evidence = {
    facts,
    snapshots,
    closed,
    notChecked: [...facts.notRead, ...notChecked, ...Object.entries(closed).map(([node, why]) => `node ${node}: ${why}`)],
  };
  const timed = { timings: stopwatch.read() };
  if (!isReverse(request)) return { ...judgeVeth({ pods: asked, ...evidence }, ports.now().toISOString()), ...timed };

  const holders = holdersOf(request, snapshots);
  const owners = pods.filter(({ uid }) => holders.some(({ holder }) => holder.podUid === uid));
  const strangers = holders.filter(({ holder }) => !owners.some(({ uid }) => uid === holder.podUid));
  if (owners.length + strangers.length === 0) {
    const what =
      request.ip === undefined
        ? `interface ${request.hostInterface} of ${request.node} leads to no network namespace`
        : `no network namespace of ${nodes.join(', ')} holds ${request.ip}`;
    throw new CliError(`error: ${what}`, EXIT.notFound);
  }
  const report =
    owners.length > 0
      ? judgeVeth({ pods: owners, ...evidence }, ports.now().toISOString())
      : { kind: 'VethReport' as const, time: ports.now().toISOString(), rows: [], ...NOTHING };
  return { ...report, strangers: strangers.map(strangerOf), ...timed };
};

const podOn = (node: string, pods: PodFacts[]): { pod?: { namespace: string; name: string; uid: string } } => {
  const pod = pods.find((candidate) => candidate.node === node);
  return pod ? { pod: { namespace: pod.namespace, name: pod.name, uid: pod.uid } } : {};
};
