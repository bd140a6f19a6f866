import { CliError, EXIT } from '../cluster/errors.ts';
import type { ClusterFacts, PodFacts } from '../cluster/facts.ts';
import { readCluster } from '../cluster/read/cluster.ts';
import type { NodeSnapshot } from '../node/snapshot.ts';
import { involvedNodes, podsOf } from './involved.ts';
import type { Question } from './plan.ts';
import { isOpen, type NodeDoor } from './ports.ts';
import { makeQuestion } from './question.ts';
import type { PathPorts, PathRequest, ResolvePair } from './run-path.ts';
import { readAll } from './watch.ts';

/** The question, and all that was read for it before anything is sent. */
export interface SceneRead {
  question: Question;
  pods: PodFacts[];
  doors: NodeDoor[];
  facts: ClusterFacts;
  snapshots: NodeSnapshot[];
  /** What could not be read, in words. */
  notChecked: string[];
}

/** The API server's default (--service-node-port-range). */
const NODE_PORTS = { first: 30_000, last: 32_767 };

/** Only the Services themselves tell whose a node port is, and they can be anywhere. */
const asksNodePort = ({ to, port }: Question): boolean =>
  to.kind === 'node' && port !== undefined && port >= NODE_PORTS.first && port <= NODE_PORTS.last;

/**
 * Finds the two ends, enters the nodes that matter and reads them.
 * @throws CliError where no packet can go from one end to the other, or no node can be entered
 */
export const readScene = async (request: PathRequest, resolve: ResolvePair, ports: PathPorts): Promise<SceneRead> => {
  const { api, stopwatch, say } = ports;
  say(`finding ${request.from} and ${request.to}`);
  const { from, to } = await stopwatch.measure('find the ends', () => resolve(api, request.from, request.to, request.namespace));
  const question = makeQuestion(from, to, request);
  if (typeof question === 'string') throw new CliError(question, EXIT.usage);
  const involved = involvedNodes(from, to);
  const pods = podsOf(from, to);

  say(`entering ${involved.map(({ node }) => node).join(', ')}`);
  const namespaces = [...new Set([from, to].flatMap(({ pod, service }) => pod?.namespace ?? service?.namespace ?? []))];
  const [opened, { facts }] = await Promise.all([
    stopwatch.measure('start agents', () => ports.open(involved)),
    stopwatch.measure('read the API', () =>
      readCluster(api, {
        nodes: involved.map(({ node }) => node),
        serviceNamespaces: asksNodePort(question) ? 'all' : namespaces,
        policies: ports.thorough ? 'all' : namespaces,
      }),
    ),
  ]);
  const doors = opened.filter(isOpen);
  const closed = opened.flatMap((door) => (isOpen(door) ? [] : [`node ${door.node}: ${door.closed}`]));
  if (doors.length === 0) throw new CliError(`error: no node could be entered: ${closed.join('; ')}`, EXIT.agent);

  say(`reading ${doors.map(({ node }) => node).join(', ')}`);
  const { snapshots, notChecked } = await stopwatch.measure('read nodes', () => readAll({ doors, pods }, ports.thorough ? { all: true } : {}));
  return { question, pods, doors, facts, snapshots, notChecked: [...closed, ...notChecked] };
};
