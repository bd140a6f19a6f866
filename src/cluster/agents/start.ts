import type { V1Pod } from '@kubernetes/client-node';
import type { AgentSession } from '../agent-session.ts';
import { type ApiClient, apiPath } from '../api/client.ts';
import { ApiError, CliError } from '../errors.ts';
import type { NodeFacts } from '../facts.ts';
import { type Identity, isInUse, MANAGED_BY, MANAGED_BY_LABEL, OWNER_ANNOTATION, SESSION_LABEL } from './identity.ts';
import { AGENT_CONTAINER, agentPod } from './manifest.ts';
import type { AgentOptions } from './options.ts';
import type { Preflight } from './preflight.ts';
import { type AgentProblem, nodeProblem, podProblem } from './problem.ts';
import type { Registry } from './registry.ts';

export interface Agents {
  /** Node → what became of its agent; settles on its own for each node and never rejects. */
  sessions: Map<string, Promise<AgentSession | AgentProblem>>;
  /** Deletes every agent, in a few seconds at most, and gives the names of those it could not delete. Calling it again does no harm. */
  stop: () => Promise<string[]>;
}

/** Looks often while the image is there already, which is the usual case, and seldom while it is being pulled. */
const pollDelayMs = (elapsedMs: number): number => {
  if (elapsedMs < 2000) return 50;
  return elapsedMs < 8000 ? 250 : 500;
};

const pass = (): void => undefined;

const STOP_TIMEOUT_MS = 5000;

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

const isRunning = (pod: V1Pod): boolean => pod.status?.containerStatuses?.some(({ state }) => state?.running !== undefined) ?? false;

/** A run that was killed left a pod that its deadline has ended since; the same user's next run takes it away. */
const isOwnLeftover = (pod: V1Pod, { owner, session }: Identity): boolean =>
  pod.metadata?.annotations?.[OWNER_ANNOTATION] === owner &&
  pod.metadata.labels?.[SESSION_LABEL] !== session &&
  (pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded') &&
  !isInUse(pod);

const problemOf = (node: string, error: unknown): AgentProblem => ({
  node,
  reason: 'refused',
  message: `${node}: ${error instanceof Error ? error.message : String(error)}`,
});

/**
 * One agent pod per node, all at the same time.
 * @param nodes with their conditions, so that nothing is created where it cannot run
 */
export const startAgents = (
  client: ApiClient,
  nodes: NodeFacts[],
  options: AgentOptions,
  checked: Promise<Preflight>,
  registry: Registry,
): Agents => {
  const podsPath = apiPath('api/v1/namespaces', options.namespace, 'pods');
  const created = new Set<string>();
  const creating = new Set<Promise<unknown>>();
  const leftovers = new Set<string>();
  let stopped = false;

  const create = async (node: string, identity: Identity, privileged: boolean): Promise<string> => {
    const pod = agentPod(node, identity, options, privileged);
    const name = pod.metadata?.name ?? '';
    created.add(name);
    const request = client.request<V1Pod>('POST', podsPath, { body: pod }).catch((error: unknown) => {
      // our own name: an earlier try of the same request came through
      if (error instanceof ApiError && error.reason === 'AlreadyExists') return;
      throw error;
    });
    creating.add(request);
    await request.finally(() => creating.delete(request));
    return name;
  };

  const remove = async (name: string): Promise<void> => {
    const query = { gracePeriodSeconds: '0' };
    try {
      await client.request('DELETE', `${podsPath}/${name}`, { query, timeoutMs: STOP_TIMEOUT_MS });
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404)) throw error;
    }
  };

  /** One list for all nodes, shared by everyone who waits. */
  let listing: Promise<Map<string, V1Pod>> | undefined;
  const list = (identity: Identity): Promise<Map<string, V1Pod>> => {
    listing ??= client
      .request<{ items: V1Pod[] }>('GET', podsPath, { query: { labelSelector: `${MANAGED_BY_LABEL}=${MANAGED_BY}` } })
      .then(({ items }) => {
        for (const pod of items) if (isOwnLeftover(pod, identity)) leftovers.add(pod.metadata?.name ?? '');
        return new Map(items.map((pod) => [pod.metadata?.name ?? '', pod]));
      })
      .finally(() => {
        listing = undefined;
      });
    return listing;
  };

  const waitUntilRunning = async (node: string, name: string, identity: Identity, startedAt: number): Promise<AgentProblem | undefined> => {
    let last: V1Pod | undefined;
    for (;;) {
      if (stopped) return { node, reason: 'stopped', message: `${node}: stopped` };
      // the list that is under way may be older than this agent; the next one is not
      last = (await list(identity)).get(name) ?? (await list(identity)).get(name);
      const elapsed = Date.now() - startedAt;
      if (!last) return { node, reason: 'failed', message: `${node}: somebody else deleted the agent ${name}` };
      const problem = podProblem(node, options.image, last);
      if (problem) return problem;
      if (isRunning(last)) return undefined;
      if (elapsed > options.startTimeoutMs) break;
      await pause(pollDelayMs(elapsed));
    }
    const state = last.status?.containerStatuses?.[0]?.state?.waiting?.reason ?? last.status?.phase ?? 'no status';
    return {
      node,
      reason: 'timeout',
      message: `${node}: the agent did not start within ${options.startTimeoutMs / 1000}s (${state}); --agent-timeout allows more`,
    };
  };

  // WebSockets take a while to load, and agents to start
  const execution = import('../exec/exec.ts');

  const sessionOf = (node: string, pod: string): AgentSession => ({
    node,
    reach: 'node',
    description: `${pod} in ${options.namespace} (image ${options.image})`,
    run: async (script, run) => {
      const { runInContainer } = await execution;
      return runInContainer(client.connection, { node, namespace: options.namespace, pod, container: AGENT_CONTAINER }, script, run);
    },
  });

  const start = async (node: NodeFacts): Promise<AgentSession | AgentProblem> => {
    const known = nodeProblem(node);
    if (known) return known;
    try {
      const { identity, privileged } = await checked;
      const startedAt = Date.now();
      for (const mode of privileged ? [true] : [false, true]) {
        if (stopped) return { node: node.name, reason: 'stopped', message: `${node.name}: stopped` };
        const name = await create(node.name, identity, mode);
        const problem = await waitUntilRunning(node.name, name, identity, startedAt);
        if (!problem) return sessionOf(node.name, name);
        // capabilities may not be enough where an LSM has its own opinion; for all else more rights do not help
        if (mode || problem.reason !== 'refused') return problem;
      }
    } catch (error) {
      return problemOf(node.name, error);
    }
    return problemOf(node.name, new CliError('no agent was started', 7));
  };

  const stop = async (): Promise<string[]> => {
    stopped = true;
    // unref: the limit must not keep the process alive once the requests are answered
    const limit = new Promise((resolve) => setTimeout(resolve, STOP_TIMEOUT_MS).unref());
    await Promise.race([Promise.allSettled([...creating]), limit]);
    // somebody's leftovers are a courtesy; only what this run made is worth a word
    const courtesy = Promise.allSettled([...leftovers].map(remove));
    await Promise.all([...created].map((name) => remove(name).then(() => created.delete(name), pass)));
    await courtesy;
    if (created.size === 0) forget();
    return [...created];
  };
  const forget = registry.add(stop);

  return { sessions: new Map(nodes.map((node) => [node.name, start(node)])), stop };
};
