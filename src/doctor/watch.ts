import { setTimeout } from 'node:timers/promises';
import type { PodFacts } from '../cluster/facts.ts';
import { vanishing } from '../diagnosis/causes/full-size.ts';
import { familyOf, sameAddress } from '../forwarding/address.ts';
import { hostNetns } from '../forwarding/world.ts';
import type { NodeSnapshot } from '../node/snapshot.ts';
import { carriedLengths, probeLengths } from '../probe/drops/lengths.ts';
import { answered, type Outcome, type ProbeRequest, type ProbeResult } from '../probe/probe.ts';
import type { RuleTraceRaw } from '../probe/rules/rule-trace.ts';
import type { TapRaw, TapRequest } from '../probe/tap/tap-output.ts';
import { duplicateAddresses } from '../topology/duplicates.ts';
import { carriersOf } from './carriers.ts';
import { fittingSize } from './mtu.ts';
import { entryPid, type Question } from './plan.ts';
import type { NodeDoor } from './ports.ts';
import { type NodesRead, readNodes } from './read-nodes.ts';
import type { Stopwatch } from './stopwatch.ts';

/** Where a run looks: nodes that are open, as they were read, and the pods of the question. */
export interface Scene {
  doors: NodeDoor[];
  question: Question;
  pods: PodFacts[];
  /** SessionMark number of the probes. */
  mark: number;
  /** Let the kernels say which rules the probes meet. */
  traceRules: boolean;
  stopwatch: Stopwatch;
}

/** What was sent and what came of it. */
export interface Look {
  probes: ProbeResult[];
  /** Captures, and after a loss what the kernels dropped. */
  raw: TapRaw[];
  /** Empty unless it was asked for. */
  rules: RuleTraceRaw[];
  /** The nodes once more, after a loss: counters that rose name the rule. */
  after?: NodesRead;
}

/** An answer that differs from attempt to attempt is asked again, often enough to tell one in four from one in three. */
const MORE_ATTEMPTS = 15;

/** The kernel gives up on a neighbour after three questions a second apart, and drops what waited for it only then (neigh_timer_handler). */
const NEIGHBOUR_TIMEOUT_MS = 3_300;

/** Host namespaces of every open node, and those of the pods at the ends. */
export const tapRequests = ({ doors, pods }: Pick<Scene, 'doors' | 'pods'>, snapshots: NodeSnapshot[]): TapRequest[] =>
  snapshots.flatMap((snapshot): TapRequest[] => {
    const { node } = snapshot;
    const reach = doors.find((door) => door.node === node)?.reach;
    const host = hostNetns(snapshot);
    const uids = new Set(pods.map(({ uid }) => uid));
    const inPods = snapshot.namespaces.flatMap(({ inode, podUid }): TapRequest[] => {
      const pid = podUid !== undefined && uids.has(podUid) ? entryPid(snapshot, podUid) : undefined;
      return pid === undefined ? [] : [{ node, netns: inode, from: { netns: 'pid', pid } }];
    });
    return [...(host && reach === 'node' ? [{ node, netns: host.inode, from: { netns: 'host' as const } }] : []), ...inPods];
  });

const byNode = <Item extends { node: string }>(items: Item[]): Map<string, Item[]> => Map.groupBy(items, ({ node }) => node);

/** Each node's probes from that node, all at the same time; results in the order of the requests. */
export const sendAll = async (doors: NodeDoor[], requests: ProbeRequest[]): Promise<ProbeResult[]> => {
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

const HEARD = new Set<Outcome>(['answered', 'refused', 'reset']);

/** Somebody answers, be it with a refusal: asking again takes no time. */
const isHeard = ({ attempts }: ProbeResult): boolean => attempts.some(({ outcome }) => HEARD.has(outcome));

/** A second holder of an address answers now and then: a few answers from the right one prove nothing. */
const isContested = ({ source, destination, to }: Question, snapshots: NodeSnapshot[]): boolean => {
  const ours = [source, destination, ...to.backends.flatMap(({ ips }) => ips)];
  return snapshots.flatMap(duplicateAddresses).some(({ address }) => ours.some((own) => sameAddress(own, address)));
};

/** Asks the question again where the answers differ, or are known to be a matter of luck; the attempts of both rounds count as one. */
const askMore = async (doors: NodeDoor[], results: ProbeResult[], contested: boolean): Promise<ProbeResult[]> => {
  const [main, ...others] = results;
  if (!main || !(isMixed(main) || (contested && isHeard(main)))) return results;
  const [more] = await sendAll(doors, [{ ...main.request, id: `${main.request.id}-again`, count: MORE_ATTEMPTS }]);
  return [{ ...main, attempts: [...main.attempts, ...(more?.attempts ?? [])] }, ...others];
};

const askFitting = async (doors: NodeDoor[], results: ProbeResult[]): Promise<ProbeResult[]> => {
  const request = fittingSize(results);
  if (!request) return results;
  const at = results.findIndex(({ request: { purpose } }) => purpose === request.purpose);
  return results.toSpliced(at + 1, 0, ...(await sendAll(doors, [request])));
};

/** Something to find the reason of. */
export const isLost = (probes: ProbeResult[]): boolean =>
  probes.some(({ request, attempts }) => request.purpose === 'main' && attempts.some(({ outcome }) => outcome !== 'answered')) ||
  vanishing(probes) !== undefined;

/** A neighbour that does not answer is one of those on the way: whose questions and claims are of interest, too. */
const MOST_GATEWAYS = 32;

const gatewaysOf = (snapshots: NodeSnapshot[]): string[] => {
  const routes = snapshots.flatMap(({ namespaces }) => namespaces).flatMap((netns) => netns.routes);
  const gateways = routes.flatMap(({ gateway, nexthops }) => [gateway, ...nexthops.map((hop) => hop.gateway)]);
  return [...new Set(gateways.filter((gateway) => gateway !== undefined))].slice(0, MOST_GATEWAYS);
};

/** Every namespace that may send or answer has TCP time stamps on; hosts outside are taken to have what is the default. */
const speakTimestamps = ({ pods }: Scene, snapshots: NodeSnapshot[]): boolean => {
  const uids = new Set(pods.map(({ uid }) => uid));
  const speakers = snapshots.flatMap(({ namespaces }) => namespaces.filter(({ role, podUid }) => role === 'host' || uids.has(podUid ?? '')));
  return speakers.every(({ sysctls }) => sysctls['net.ipv4.tcp_timestamps'] === '1');
};

/** What is read of a node: everything of its host and of the pods of the question. */
export const readAll = ({ doors, pods }: Pick<Scene, 'doors' | 'pods'>, more: { all?: true } = {}): Promise<NodesRead> =>
  readNodes(doors, ({ node }) => ({
    scope: 'full',
    pods: pods.filter((pod) => pod.node === node && !pod.hostNetwork).map(({ uid }) => uid),
    ...more,
  }));

/**
 * Captures armed, probes sent, captures ended: the captures end whatever happens to the probes.
 * @param patient wait for what the kernel drops late
 */
export const look = async (scene: Scene, snapshots: NodeSnapshot[], requests: ProbeRequest[], { patient } = { patient: false }): Promise<Look> => {
  const { doors, question, mark, stopwatch } = scene;
  const ends = [question.source, question.destination, ...requests.map(({ destination }) => destination)];
  const addresses = [...new Set([...ends, ...gatewaysOf(snapshots)])];
  const timestamps = speakTimestamps(scene, snapshots);
  const bare = requests.flatMap((request) => probeLengths(request, { timestamps }));
  const lengths = carriedLengths(bare, carriersOf(snapshots, familyOf(question.destination)));
  const ports = [...new Set(requests.flatMap(({ port }) => port ?? []))];
  const groups = byNode(tapRequests(scene, snapshots));
  const [armed, traces] = await stopwatch.measure('arm captures', () =>
    Promise.all([
      Promise.all(doors.map((door) => door.tap(groups.get(door.node) ?? [], { mark, addresses, ports }, lengths))),
      Promise.all(scene.traceRules ? doors.map((door) => door.traceRules()) : []),
    ]),
  );
  const end = async (drops: boolean): Promise<Pick<Look, 'raw' | 'rules'>> =>
    stopwatch.measure('read captures', async () => {
      const [raw, rules] = await Promise.all([
        Promise.all(armed.map((tap) => tap.stop({ drops }))),
        Promise.all(traces.map((trace) => trace.stop())),
      ]);
      return { raw, rules };
    });
  try {
    const late = patient ? setTimeout(NEIGHBOUR_TIMEOUT_MS) : undefined;
    const probes = await stopwatch.measure('probe', async () =>
      askFitting(doors, await askMore(doors, await sendAll(doors, requests), isContested(question, snapshots))),
    );
    if (!isLost(probes)) return { probes, ...(await end(false)) };
    await late;
    const [seen, after] = await Promise.all([end(true), stopwatch.measure('read nodes again', () => readAll(scene))]);
    return { probes, ...seen, after };
  } catch (error) {
    await Promise.allSettled([...armed.map((tap) => tap.stop()), ...traces.map((trace) => trace.stop())]);
    throw error;
  }
};
