import type { V1Pod } from '@kubernetes/client-node';
import { agentImage } from '../cluster/agent-image.ts';
import type { AgentSession } from '../cluster/agent-session.ts';
import { ephemeralQuestion, startEphemeral } from '../cluster/agents/ephemeral.ts';
import { type AgentOptions, DEFAULT_AGENT_NAMESPACE, DEFAULT_DEADLINE_SECONDS, DEFAULT_START_TIMEOUT_MS } from '../cluster/agents/options.ts';
import { preflight } from '../cluster/agents/preflight.ts';
import { isProblem } from '../cluster/agents/problem.ts';
import type { Registry } from '../cluster/agents/registry.ts';
import { startAgents } from '../cluster/agents/start.ts';
import { type ApiClient, createClient } from '../cluster/api/client.ts';
import { createReader, type RecordingReader } from '../cluster/api/reader.ts';
import { connect } from '../cluster/kubeconfig/connection.ts';
import { readCluster } from '../cluster/read/cluster.ts';
import { pods } from '../cluster/read/paths.ts';
import { podFacts } from '../cluster/read/pod.ts';
import type { ClosedDoor, DoorRequest, LiveDoor, OpenDoors } from '../doctor/ports.ts';
import { collectNode } from '../node/collect.ts';
import { type ProbeRecord, runProbes } from '../probe/live/run-probes.ts';
import type { SessionMark } from '../probe/live/session-mark.ts';
import { armRuleTrace } from '../probe/rules/arm-rule-trace.ts';
import { filterProblem } from '../probe/stream/check-filter.ts';
import { openStream, stopStreams } from '../probe/stream/open-stream.ts';
import { armTaps } from '../probe/tap/arm-taps.ts';
import { armWatch } from '../probe/watch/arm-watch.ts';
import { askYesNo } from './ask.ts';
import { type AgentFlags, type ConnectionFlags, connectionOptions, durationOf } from './connection-options.ts';
import type { Context } from './context.ts';
import type { Progress } from './progress.ts';

/** Captures that nobody stops end by themselves. */
const LONGEST_CAPTURE_SECONDS = 60;

/** A cluster that is really there. */
export interface Live {
  client: ApiClient;
  api: RecordingReader;
  namespace: string;
  close: () => void;
}

export const goLive = async (flags: ConnectionFlags, context: Context): Promise<Live> => {
  const connection = await connect(connectionOptions(flags), context.env);
  const client = createClient(connection);
  return { client, api: createReader(client), namespace: connection.namespace, close: connection.close };
};

/** @param seconds how long the agents are needed at least */
export const agentOptions = (flags: AgentFlags, env: NodeJS.ProcessEnv, seconds = 0): AgentOptions => ({
  image: agentImage(flags.image, env),
  ...(flags.imagePullPolicy === undefined ? {} : { pullPolicy: flags.imagePullPolicy }),
  ...(flags.imagePullSecret === undefined ? {} : { pullSecrets: flags.imagePullSecret }),
  namespace: flags.agentNamespace ?? DEFAULT_AGENT_NAMESPACE,
  ...(flags.agentPrivileged === undefined ? {} : { privileged: flags.agentPrivileged }),
  startTimeoutMs: durationOf('agent-timeout', flags.agentTimeout) ?? DEFAULT_START_TIMEOUT_MS,
  deadlineSeconds: Math.max(DEFAULT_DEADLINE_SECONDS, Math.ceil(seconds)),
});

export interface DoorOptions {
  registry: Registry;
  mark: SessionMark;
  onProbes: (record: ProbeRecord) => void;
  /** How long the agents are needed at least, in seconds. */
  seconds?: number;
}

interface Stoppable<Wanted, Answer> {
  stop: (wanted?: Wanted) => Promise<Answer>;
}

/** What an interrupted run has running on a node, or is about to, ends before its agent does: a trace in the kernel would outlive it. */
const armed = async <Wanted, Answer>(registry: Registry, arming: Promise<Stoppable<Wanted, Answer>>): Promise<Stoppable<Wanted, Answer>> => {
  const forget = registry.addInside(async () => (await arming).stop());
  const running = await arming.catch((error: unknown) => {
    forget();
    throw error;
  });
  return { stop: (wanted) => running.stop(wanted).finally(forget) };
};

const doorOf = (session: AgentSession, { mark, onProbes, registry, seconds }: DoorOptions): LiveDoor => ({
  node: session.node,
  reach: session.reach,
  collect: (request) => collectNode(session, request),
  probe: (requests, onPlan) => runProbes(session, requests, { mark, onRecord: onProbes, ...(onPlan ? { onPlan } : {}) }),
  tap: (requests, filter, lengths) => armed(registry, armTaps(session, requests, { filter, lengths, maxSeconds: LONGEST_CAPTURE_SECONDS })),
  watchDrops: (request) => armed(registry, armWatch(session, { ...request, maxSeconds: seconds ?? LONGEST_CAPTURE_SECONDS })),
  traceRules: () => armed(registry, armRuleTrace(session, mark.number, LONGEST_CAPTURE_SECONDS)),
  stream: (tap, options) => openStream(session, tap, options),
  stopStreams: (streams) => stopStreams(session, streams),
  filterProblem: (expression) => filterProblem(session, expression),
});

/** Doors by an ephemeral container in each pod that is an end of the question: for users who may not make pods on nodes. */
export const podDoors = (
  live: Live,
  flags: AgentFlags,
  context: Context,
  progress: Pick<Progress, 'stop'>,
  doors: DoorOptions,
): OpenDoors<LiveDoor> => {
  const options = agentOptions(flags, context.env, doors.seconds);
  const open = async ({ node, pod }: DoorRequest): Promise<LiveDoor | ClosedDoor> => {
    if (!pod) return { node, closed: 'an ephemeral container needs a pod, and no pod of the question runs there' };
    const facts = podFacts(await live.api.get<V1Pod>(pods(pod.namespace, pod.name)));
    progress.stop();
    if (!flags.yes && !(await askYesNo(ephemeralQuestion(facts, options.image), context)))
      return { node, closed: `no ephemeral container was added to ${pod.namespace}/${pod.name}` };
    const session = await startEphemeral(live.client, facts, options);
    return isProblem(session) ? { node, closed: session.message } : doorOf(session, doors);
  };
  return async (requests) => {
    const opened: (LiveDoor | ClosedDoor)[] = [];
    // one after the other: two questions at the same time cannot be answered
    for (const request of requests) opened.push(await open(request));
    return opened;
  };
};

/** Doors by agent pods on the nodes. The permission check starts now, so that it is answered by the time the nodes are known. */
export const nodeDoors = (live: Live, options: AgentOptions, context: Context, doors: DoorOptions): OpenDoors<LiveDoor> => {
  const checked = preflight(live.client, options);
  // awaited by whoever opens a door; a run that fails before must not end with an unhandled rejection
  checked.catch(() => undefined);
  return async (requests: DoorRequest[]) => {
    if (requests.length === 0) return [];
    // a refusal holds for every node alike: the run ends with it instead of repeating it for each
    await checked;
    const { facts } = await readCluster(live.api, { nodes: requests.map(({ node }) => node), serviceNamespaces: [] });
    const { sessions } = startAgents(live.client, facts.nodes, options, checked, context.registry);
    return Promise.all(
      requests.map(async ({ node }) => {
        const session = await sessions.get(node);
        if (session === undefined) return { node, closed: 'no such node in this cluster' };
        return isProblem(session) ? { node, closed: session.message } : doorOf(session, doors);
      }),
    );
  };
};
