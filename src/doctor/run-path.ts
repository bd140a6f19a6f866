import type { ApiReader } from '../cluster/api/reader.ts';
import type { Endpoint } from '../cluster/endpoint.ts';
import { CliError, EXIT } from '../cluster/errors.ts';
import type { ClusterFacts, PodFacts, Protocol } from '../cluster/facts.ts';
import { readCluster } from '../cluster/read/cluster.ts';
import { sameAddress } from '../forwarding/address.ts';
import { hostNetns } from '../forwarding/world.ts';
import type { NodeSnapshot } from '../node/snapshot.ts';
import { joinDrops } from '../probe/drops/join-drops.ts';
import { probeLengths } from '../probe/drops/lengths.ts';
import { echoSizes } from '../probe/live/probe-plan.ts';
import { answered, type ProbeRequest, type ProbeResult } from '../probe/probe.ts';
import { joinSightings } from '../probe/tap/join-sightings.ts';
import { probeKeys } from '../probe/tap/probe-keys.ts';
import { parseTaps, type TapRaw, type TapRequest, traceText } from '../probe/tap/tap-output.ts';
import { withTapTimes } from '../probe/tap/tap-times.ts';
import type { PathReport } from '../report/report.ts';
import { duplicateAddresses } from '../topology/duplicates.ts';
import { involvedNodes, podsOf, tapRequests } from './involved.ts';
import { judgePath } from './judge-path.ts';
import { entryPid, planProbes, type Question } from './plan.ts';
import { type DoorRequest, isOpen, type NodeDoor, type OpenDoors } from './ports.ts';
import type { Say } from './progress.ts';
import { makeQuestion } from './question.ts';
import { readNodes } from './read-nodes.ts';
import type { Stopwatch } from './stopwatch.ts';

/** What `path A B` was asked, flags read. */
export interface PathRequest {
  from: string;
  to: string;
  namespace: string;
  port?: number | string;
  protocol?: Protocol;
  count: number;
  timeoutMs: number;
}

/** Everything outside: live, recorded or replayed. */
export interface PathPorts {
  api: ApiReader;
  open: OpenDoors;
  /** SessionMark number of the probes. */
  mark: number;
  now: () => Date;
  /** Read the links of every pod of the nodes, not only what this question needs. */
  thorough: boolean;
  say: Say;
  stopwatch: Stopwatch;
}

/** An answer that differs from attempt to attempt is asked again, often enough to tell one in four from one in three. */
const MORE_ATTEMPTS = 15;

/** The cluster's DNS domain as CoreDNS's own Corefile has it. */
const dnsDomainOf = (facts: ClusterFacts): string => {
  const corefile = Object.entries(facts.configMaps).find(([name]) => name.endsWith('/coredns'))?.[1].Corefile;
  return /^\s*kubernetes\s+([a-z0-9.-]+?)\.?\s/m.exec(corefile ?? '')?.[1] ?? 'cluster.local';
};

const byNode = <Item extends { node: string }>(items: Item[]): Map<string, Item[]> => Map.groupBy(items, ({ node }) => node);

const sendAll = async (doors: NodeDoor[], requests: ProbeRequest[]): Promise<ProbeResult[]> => {
  const groups = byNode(requests);
  const results = await Promise.all(
    [...groups].map(async ([node, group]): Promise<ProbeResult[]> => {
      const door = doors.find((candidate) => candidate.node === node);
      return door ? door.probe(group) : group.map((request) => ({ request, attempts: [], notRun: `node ${node} could not be entered` }));
    }),
  );
  const all = results.flat();
  return requests.flatMap((request) => all.find((result) => result.request.id === request.id) ?? []);
};

const isMixed = (result: ProbeResult): boolean => answered(result) > 0 && answered(result) < result.attempts.length;

/** A second holder of an address answers now and then: a few answers from the right one prove nothing. */
const isContested = ({ source, destination, to }: Question, snapshots: NodeSnapshot[]): boolean => {
  const ours = [source, destination, ...to.backends.flatMap(({ ips }) => ips)];
  return snapshots.flatMap(duplicateAddresses).some(({ address }) => ours.some((own) => sameAddress(own, address)));
};

/** Asks the question again where the answers differ, or are known to be a matter of luck; the attempts of both rounds count as one. */
const askMore = async (doors: NodeDoor[], results: ProbeResult[], contested: boolean): Promise<ProbeResult[]> => {
  const [main, ...others] = results;
  if (!main || !(isMixed(main) || (contested && answered(main) > 0))) return results;
  const [more] = await sendAll(doors, [{ ...main.request, id: `${main.request.id}-again`, count: MORE_ATTEMPTS }]);
  return [{ ...main, attempts: [...main.attempts, ...(more?.attempts ?? [])] }, ...others];
};

interface Watched {
  probes: ProbeResult[];
  raw: TapRaw[];
}

const isLost = (probes: ProbeResult[]): boolean =>
  probes.some((probe) => probe.request.purpose === 'main' && answered(probe) < probe.attempts.length);

/** A neighbour that does not answer is one of those on the way: whose questions and claims are of interest, too. */
const MOST_GATEWAYS = 32;

const gatewaysOf = (snapshots: NodeSnapshot[]): string[] => {
  const routes = snapshots.flatMap(({ namespaces }) => namespaces).flatMap((netns) => netns.routes);
  const gateways = routes.flatMap(({ gateway, nexthops }) => [gateway, ...nexthops.map((hop) => hop.gateway)]);
  return [...new Set(gateways.filter((gateway) => gateway !== undefined))].slice(0, MOST_GATEWAYS);
};

/** Captures armed, probes sent, captures ended: the captures end whatever happens to the probes. */
const watch = async (
  doors: NodeDoor[],
  snapshots: NodeSnapshot[],
  question: Question,
  requests: ProbeRequest[],
  taps: TapRequest[],
  ports: PathPorts,
): Promise<Watched> => {
  const ends = [question.source, question.destination, ...requests.map(({ destination }) => destination)];
  const addresses = [...new Set([...ends, ...gatewaysOf(snapshots)])];
  const lengths = requests.flatMap((request) => probeLengths(request, echoSizes(requests.length + 1)));
  const portsAsked = [...new Set(requests.flatMap(({ port }) => port ?? []))];
  const groups = byNode(taps);
  const armed = await ports.stopwatch.measure('arm captures', () =>
    Promise.all(doors.map((door) => door.tap(groups.get(door.node) ?? [], { mark: ports.mark, addresses, ports: portsAsked }, lengths))),
  );
  try {
    const probes = await ports.stopwatch.measure('probe', async () =>
      askMore(doors, await sendAll(doors, requests), isContested(question, snapshots)),
    );
    const drops = isLost(probes);
    const raw = await ports.stopwatch.measure('read captures', () => Promise.all(armed.map((tap) => tap.stop({ drops }))));
    return { probes, raw };
  } catch (error) {
    await Promise.allSettled(armed.map((tap) => tap.stop()));
    throw error;
  }
};

export type ResolvePair = (api: ApiReader, from: string, to: string, namespace: string) => Promise<{ from: Endpoint; to: Endpoint }>;

/** One `path` run: resolve, enter, read, watch, send, judge. */
export const runPath = async (request: PathRequest, resolve: ResolvePair, ports: PathPorts): Promise<PathReport> => {
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
    stopwatch.measure('read the API', () => readCluster(api, { nodes: involved.map(({ node }) => node), serviceNamespaces: namespaces })),
  ]);
  const doors = opened.filter(isOpen);
  const notChecked = opened.flatMap((door) => (isOpen(door) ? [] : [`node ${door.node}: ${door.closed}`]));
  if (doors.length === 0) throw new CliError(`error: no node could be entered: ${notChecked.join('; ')}`, EXIT.agent);

  say(`reading ${doors.map(({ node }) => node).join(', ')}`);
  const uidsOn = (node: string): string[] => pods.filter((pod) => pod.node === node && !pod.hostNetwork).map(({ uid }) => uid);
  const { snapshots, notChecked: unread } = await stopwatch.measure('read nodes', () =>
    readNodes(doors, ({ node }) => ({ scope: 'full', pods: uidsOn(node), ...(ports.thorough ? { all: true } : {}) })),
  );

  const requests = planProbes(question, facts, snapshots, dnsDomainOf(facts));
  const unsent = typeof requests === 'string' ? [`no probe was sent: ${requests}`] : [];
  say('sending probes');
  const { probes, raw } =
    typeof requests === 'string'
      ? { probes: [], raw: [] }
      : await watch(doors, snapshots, question, requests, tapRequests(doors, snapshots, pods), ports);
  const taps = joinSightings(
    raw.flatMap((one) => parseTaps(one)),
    probeKeys(probes),
  );

  const lost = isLost(probes);
  // counters before and after the probes name the rule that ate them; nothing was lost, nothing to compare
  const again = lost
    ? await stopwatch.measure('read nodes again', () => readNodes(doors, ({ node }) => ({ scope: 'full', pods: uidsOn(node) })))
    : undefined;
  const complete = again?.snapshots.length === snapshots.length;
  const evidence = {
    question,
    facts,
    snapshots: complete ? again.snapshots : snapshots,
    ...(complete ? { before: snapshots } : {}),
    probes: withTapTimes(probes, taps),
    taps,
    drops: lost ? raw.map((one) => joinDrops(one.node, traceText(one), taps)) : [],
    notChecked: [...notChecked, ...unread, ...(again?.notChecked ?? []), ...unsent],
  };
  const judged = await stopwatch.measure('judge', async () => judgePath(evidence, ports.now().toISOString()));
  return { ...judged, timings: stopwatch.read() };
};
