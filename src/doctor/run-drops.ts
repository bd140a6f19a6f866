import type { ApiReader } from '../cluster/api/reader.ts';
import type { Endpoint } from '../cluster/endpoint.ts';
import { CliError, EXIT } from '../cluster/errors.ts';
import type { PodFacts } from '../cluster/facts.ts';
import { readCluster } from '../cluster/read/cluster.ts';
import { addressFilter } from '../probe/stream/flow-filter.ts';
import type { DropsReport } from '../report/drops-report.ts';
import { judgeDrops } from './judge-drops.ts';
import { isOpen, type OpenDoors } from './ports.ts';
import type { Say } from './progress.ts';
import { readNodes } from './read-nodes.ts';
import type { Stopwatch } from './stopwatch.ts';
import { tapRequests } from './watch.ts';

/** What `drops NODE|POD` was asked, flags read. */
export interface DropsRequest {
  word: string;
  namespace: string;
  durationMs: number;
}

/** Everything outside: live, recorded or replayed. */
export interface DropsPorts {
  api: ApiReader;
  open: OpenDoors;
  now: () => Date;
  /**
   * From this call on Ctrl-C means that the user has enough, and no longer that nothing is wanted.
   * @returns waits for so long, or until then; a replay has nothing to wait for
   */
  attend: () => (milliseconds: number) => Promise<void>;
  say: Say;
  stopwatch: Stopwatch;
}

export type ResolveOne = (api: ApiReader, word: string, namespace: string) => Promise<Endpoint>;

/** What the capture of a whole node takes: what can be dropped. */
const EVERYTHING = 'ip or ip6 or arp';

interface Target {
  node: string;
  /** Absent where the node is meant, also by a pod that has its network. */
  pod?: PodFacts;
  note?: string;
}

const targetOf = (endpoint: Endpoint): Target => {
  const { node, pod } = endpoint;
  if (node) return { node: node.name };
  if (!pod?.node) throw new CliError(`error: "${endpoint.word}" is no node and no pod: drops are a node's`, EXIT.usage);
  if (pod.hostNetwork) return { node: pod.node, note: `${endpoint.label} has the network of its node: what the node drops is shown` };
  return { node: pod.node, pod, ...(endpoint.chosen === undefined ? {} : { note: endpoint.chosen }) };
};

/** One `drops` run: resolve, enter, read, watch, read again, judge. */
export const runDrops = async (request: DropsRequest, resolve: ResolveOne, ports: DropsPorts): Promise<DropsReport> => {
  const { api, stopwatch, say } = ports;
  say(`finding ${request.word}`);
  const { node, pod, note } = targetOf(await stopwatch.measure('find the node', () => resolve(api, request.word, request.namespace)));

  say(`entering ${node}`);
  const [opened, { facts }] = await Promise.all([
    stopwatch.measure('start agents', () => ports.open([{ node, ...(pod ? { pod } : {}) }])),
    stopwatch.measure('read the API', () => readCluster(api, { nodes: [node], serviceNamespaces: [] })),
  ]);
  const [door] = opened.filter(isOpen);
  if (!door)
    throw new CliError(`error: ${node} could not be entered: ${opened.flatMap((one) => (isOpen(one) ? [] : one.closed)).join('; ')}`, EXIT.agent);

  const read = () => readNodes([door], () => ({ scope: 'full', pods: pod ? [pod.uid] : [], all: true }));
  say(`reading ${node}`);
  const before = await stopwatch.measure('read the node', read);
  const pods = pod ? [pod] : [];
  const taps = tapRequests({ doors: [door], pods }, before.snapshots);
  const wait = ports.attend();
  const watch = await stopwatch.measure('start watching', () => door.watchDrops({ taps, filter: pod ? addressFilter(pod.ips) : EVERYTHING }));
  say(`watching what ${node} drops for ${request.durationMs / 1000} s (Ctrl-C: that is enough)`);
  await stopwatch.measure('watch', () => wait(request.durationMs));
  say(`reading what ${node} dropped`);
  const raw = await stopwatch.measure('read the watch', () => watch.stop());
  const after = await stopwatch.measure('read the node again', read);
  const [first] = before.snapshots;
  const [second] = after.snapshots;
  const evidence = {
    node,
    facts,
    ...(pod ? { pod } : {}),
    ...(first ? { before: first } : {}),
    ...(second ? { after: second } : {}),
    watch: raw,
    notChecked: [...(note === undefined ? [] : [note]), ...before.notChecked, ...after.notChecked, ...facts.notRead],
  };
  const judged = await stopwatch.measure('judge', async () => judgeDrops(evidence, ports.now().toISOString()));
  return { ...judged, timings: stopwatch.read() };
};
