import { type Flow, flowsOf, type Narrowing, protocolNumber } from '../../capture/flows.ts';
import type { Way } from '../../capture/ways.ts';
import type { ApiReader } from '../../cluster/api/reader.ts';
import type { Endpoint } from '../../cluster/endpoint.ts';
import { CliError, EXIT } from '../../cluster/errors.ts';
import type { ClusterFacts, Protocol } from '../../cluster/facts.ts';
import { readCluster } from '../../cluster/read/cluster.ts';
import { parseWord } from '../../cluster/words/word.ts';
import { familyOf } from '../../forwarding/address.ts';
import type { NodeSnapshot } from '../../node/snapshot.ts';
import { flowFilter, pingFilter } from '../../probe/stream/flow-filter.ts';
import { captureFilter } from '../../probe/tap/capture-filter.ts';
import type { TapRequest } from '../../probe/tap/tap-output.ts';
import { type TunnelPorts, USUAL_TUNNEL_PORTS } from '../../probe/tap/tunnel.ts';
import { involvedNodes, podsOf } from '../involved.ts';
import type { Question } from '../plan.ts';
import { isOpen, type LiveDoor, type OpenDoors } from '../ports.ts';
import type { Say } from '../progress.ts';
import { makeQuestion } from '../question.ts';
import type { ResolvePair } from '../run-path.ts';
import { readAll, tapRequests } from '../watch.ts';
import { predictWays } from './predict.ts';

/** What a capture is of. */
export interface CaptureQuestion {
  from: string;
  to: string;
  namespace: string;
  port?: number | string;
  protocol?: Protocol;
  count: number;
  timeoutMs: number;
  /** Users' own traffic instead of probes. */
  live: boolean;
  /** The user's own pcap-filter(7) expression. */
  filter?: string;
}

export interface PreparePorts {
  api: ApiReader;
  open: OpenDoors<LiveDoor>;
  /** SessionMark number. */
  mark: number;
  say: Say;
}

/** Everything that is known before a packet is captured. */
export interface Prepared {
  question: Question;
  /** Node whose clock is everybody's. */
  first: string;
  facts: ClusterFacts;
  snapshots: NodeSnapshot[];
  doors: LiveDoor[];
  ways: Way[];
  taps: TapRequest[];
  tunnels: TunnelPorts;
  /** A pcap-filter(7) expression for all captures. */
  filter: string;
  traffic?: { flows: Flow[]; narrowing: Narrowing };
  /** What could not be entered or read, and what is left out. */
  notes: string[];
}

/** The kubelet's port: the captured packets themselves go that way, and would be captured again. */
const KUBELET_PORT = 10_250;

/** The question once for each address family both ends have, the preferred one first. */
const inEachFamily = (question: Question): Question[] => {
  const { from, to, destination } = question;
  const others = to.ips.filter((ip) => familyOf(ip) !== familyOf(destination)).slice(0, 1);
  return [
    question,
    ...others.flatMap((other) => {
      const source = from.ips.find((ip) => familyOf(ip) === familyOf(other));
      return source === undefined ? [] : [{ ...question, source, destination: other }];
    }),
  ];
};

/** A port counts when it was asked for; the first one a pod declares is no reason to leave out the others. */
const narrowingOf = (request: CaptureQuestion, { protocol, port }: Question): Narrowing => {
  const word = parseWord(request.to, request.namespace);
  const ports = port !== undefined && (request.port !== undefined || word.port !== undefined);
  const asked = request.protocol ?? (ports ? protocol : undefined);
  return { ports, ...(asked === undefined ? {} : { protocol: asked }) };
};

/** The usual ports and those of the nodes' own devices. */
const tunnelPorts = (snapshots: NodeSnapshot[]): TunnelPorts => {
  const own = snapshots.flatMap(({ namespaces }) => namespaces.flatMap(({ links }) => links.flatMap(({ vxlan }) => vxlan?.port ?? [])));
  return { ...USUAL_TUNNEL_PORTS, vxlan: [...new Set([...USUAL_TUNNEL_PORTS.vxlan, ...own])] };
};

const isHost = ({ node, pod }: Endpoint): boolean => node !== undefined || pod?.hostNetwork === true;

/** What users' traffic between the ends looks like, and the expression for it. */
const trafficFilter = (flows: Flow[], narrowing: Narrowing, tunnels: TunnelPorts, withoutKubelet: boolean): string => {
  const { protocol } = narrowing;
  const numbers = protocol === undefined ? {} : { protocol: { 4: protocolNumber(protocol, 4), 6: protocolNumber(protocol, 6) } };
  const filter = flowFilter({ flows, tunnels, ...numbers });
  return withoutKubelet ? `(${filter}) and not tcp port ${KUBELET_PORT}` : filter;
};

const questionOf = (from: Endpoint, to: Endpoint, request: CaptureQuestion): Question => {
  const { protocol, ...rest } = request;
  // without a port, users' traffic of a protocol is followed at whatever port it has
  const asked = request.live && request.port === undefined ? rest : { ...rest, ...(protocol === undefined ? {} : { protocol }) };
  const question = makeQuestion(from, to, asked);
  if (typeof question === 'string') throw new CliError(question, EXIT.usage);
  return question;
};

/** Finds the ends, enters and reads their nodes, predicts the ways, and makes the filter. @throws CliError */
export const prepareCapture = async (request: CaptureQuestion, resolve: ResolvePair, ports: PreparePorts): Promise<Prepared> => {
  const { api, say, mark } = ports;
  say(`finding ${request.from} and ${request.to}`);
  const { from, to } = await resolve(api, request.from, request.to, request.namespace);
  const question = questionOf(from, to, request);
  const involved = involvedNodes(from, to);
  const pods = podsOf(from, to);

  say(`entering ${involved.map(({ node }) => node).join(', ')}`);
  const serviceNamespaces = [...new Set([from, to].flatMap(({ pod, service }) => pod?.namespace ?? service?.namespace ?? []))];
  const [opened, { facts }] = await Promise.all([
    ports.open(involved),
    readCluster(api, { nodes: involved.map(({ node }) => node), serviceNamespaces }),
  ]);
  const doors = opened.filter(isOpen);
  const closed = opened.flatMap((door) => (isOpen(door) ? [] : [`node ${door.node}: ${door.closed}`]));
  const [door] = doors;
  if (!door) throw new CliError(`error: no node could be entered: ${closed.join('; ')}`, EXIT.agent);

  say(`reading ${doors.map(({ node }) => node).join(', ')}`);
  const [{ snapshots, notChecked }, problem] = await Promise.all([
    readAll({ doors, pods }),
    request.filter === undefined ? undefined : door.filterProblem(request.filter),
  ]);
  if (problem !== undefined) throw new CliError(`error: invalid argument "${request.filter}" for "--filter": ${problem}`, EXIT.usage);

  const questions = request.live ? inEachFamily(question) : [question];
  const ways = questions.flatMap((one) => predictWays(one, facts, snapshots));
  const tunnels = tunnelPorts(snapshots);
  const narrowing = narrowingOf(request, question);
  const ends = questions.map(({ source, destination, port }) => ({
    source,
    destination,
    ...(narrowing.ports && port !== undefined ? { port } : {}),
  }));
  const flows = [...ends, ...flowsOf(ways, narrowing)];
  const withoutKubelet = request.live && !narrowing.ports && isHost(from) && isHost(to);
  const base = request.live
    ? trafficFilter(flows, narrowing, tunnels, withoutKubelet)
    : captureFilter({
        mark,
        tunnels,
        addresses: [...new Set(flows.flatMap(({ source, destination }) => [source, destination]))],
        ports: [
          ...new Set([...(question.port === undefined ? [] : [question.port]), ...flowsOf(ways, { ports: true }).flatMap(({ port }) => port ?? [])]),
        ],
      });
  const own = request.filter === undefined ? base : `(${base}) and (${request.filter})`;
  return {
    question,
    first: from.node?.name ?? from.pod?.node ?? door.node,
    facts,
    snapshots,
    doors,
    ways,
    taps: tapRequests({ doors, pods }, snapshots),
    tunnels,
    filter: `(${own}) or ${pingFilter(mark)}`,
    ...(request.live ? { traffic: { flows, narrowing } } : {}),
    notes: [
      ...closed,
      ...notChecked,
      ...(withoutKubelet ? [`TCP port ${KUBELET_PORT} is left out: it is the way the captured packets themselves come`] : []),
    ],
  };
};
