import type { V1ContainerStatus, V1Pod, V1SecurityContext } from '@kubernetes/client-node';
import type { AgentSession } from '../agent-session.ts';
import { type ApiClient, apiPath } from '../api/client.ts';
import { ApiError, CliError, EXIT } from '../errors.ts';
import { runInContainer } from '../exec/exec.ts';
import type { PodFacts } from '../facts.ts';
import { randomSuffix } from './identity.ts';
import type { AgentOptions } from './options.ts';
import { type AgentProblem, podProblem } from './problem.ts';

/** What the user has to say yes to, before: it cannot be undone. */
export const ephemeralQuestion = ({ namespace, name }: PodFacts, image: string): string =>
  `An ephemeral container (image ${image}) will be added to pod ${namespace}/${name}. Its process ends by itself, but its entry stays in the pod's spec until the pod is deleted.`;

/** Process 1 of its own namespace has no default action for TERM, and the pod's deletion must not wait for it. */
const COMMAND = `trap 'exit 0' TERM INT; sleep "$0" & wait`;

const NETWORK_RIGHTS: V1SecurityContext = { runAsUser: 0, runAsNonRoot: false, capabilities: { add: ['NET_ADMIN', 'NET_RAW'] } };

/** Pod Security's `restricted`: reads links, routes and neighbours, connects, but neither pings raw nor captures. */
const RESTRICTED: V1SecurityContext = {
  runAsUser: 65_532,
  runAsNonRoot: true,
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  seccompProfile: { type: 'RuntimeDefault' },
};

const POLL_MS = 100;

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

const addContainer = async (
  client: ApiClient,
  path: string,
  name: string,
  options: AgentOptions,
  targetContainer: string | undefined,
): Promise<void> => {
  const patch = (securityContext: V1SecurityContext): Promise<unknown> =>
    client.request('PATCH', `${path}/ephemeralcontainers`, {
      contentType: 'application/strategic-merge-patch+json',
      body: {
        spec: {
          ephemeralContainers: [
            {
              name,
              image: options.image,
              ...(options.pullPolicy ? { imagePullPolicy: options.pullPolicy } : {}),
              command: ['sh', '-c', COMMAND, String(options.deadlineSeconds)],
              terminationMessagePolicy: 'FallbackToLogsOnError',
              ...(targetContainer ? { targetContainerName: targetContainer } : {}),
              securityContext,
            },
          ],
        },
      },
    });
  try {
    await patch(NETWORK_RIGHTS);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 404) throw new CliError('error: ephemeral containers are disabled for this cluster', EXIT.forbidden);
    if (error.status !== 403 || error.detail.includes('cannot patch resource')) throw error;
    await patch(RESTRICTED);
  }
};

const statusOf = (pod: V1Pod, name: string): V1ContainerStatus | undefined =>
  pod.status?.ephemeralContainerStatuses?.find((status) => status.name === name);

/**
 * Enters one pod by a container that is added to it: for users who may not make pods on nodes. Ask `ephemeralQuestion` first.
 * @returns a session that sees this pod's network namespace and nothing else of its node
 * @throws CliError when the API server refuses
 */
export const startEphemeral = async (
  client: ApiClient,
  pod: PodFacts,
  options: AgentOptions,
  targetContainer?: string,
): Promise<AgentSession | AgentProblem> => {
  const node = pod.node ?? '';
  const path = apiPath('api/v1/namespaces', pod.namespace, 'pods', pod.name);
  const name = `netdoctor-${randomSuffix(5)}`;
  await addContainer(client, path, name, options, targetContainer);
  const startedAt = Date.now();
  for (;;) {
    const now = await client.request<V1Pod>('GET', path);
    const status = statusOf(now, name);
    if (status?.state?.running) break;
    const problem = podProblem(node, options.image, { ...now, status: { ...now.status, containerStatuses: status ? [status] : [] } });
    if (problem) return problem;
    if (Date.now() - startedAt > options.startTimeoutMs) {
      const state = status?.state?.waiting?.reason ?? 'no status';
      return {
        node,
        reason: 'timeout',
        message: `${node}: the ephemeral container did not start within ${options.startTimeoutMs / 1000}s (${state})`,
      };
    }
    await pause(POLL_MS);
  }
  return {
    node,
    reach: 'pod',
    description: `ephemeral container ${name} of ${pod.namespace}/${pod.name} (image ${options.image})`,
    run: (script, run) => runInContainer(client.connection, { node, namespace: pod.namespace, pod: pod.name, container: name }, script, run),
  };
};
