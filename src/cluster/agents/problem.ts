import type { V1ContainerStatus, V1Pod } from '@kubernetes/client-node';
import type { NodeFacts } from '../facts.ts';
import { NOT_ENOUGH } from './manifest.ts';

/** Why one node could not be entered; the others go on. */
export interface AgentProblem {
  node: string;
  reason: 'image' | 'node' | 'refused' | 'failed' | 'timeout' | 'stopped';
  /** One line, complete: `node2: …`. */
  message: string;
}

export const isProblem = (result: object): result is AgentProblem => 'reason' in result && 'message' in result && 'node' in result;

const OTHER_IMAGE =
  'use an image that the node has or can pull with --image (any with sh, ip and nsenter serves), --image-pull-secret or NETDOCTOR_IMAGE';

/** Waiting reasons that a little more time does not heal (pkg/kubelet/images, kuberuntime). */
const IMAGE_REASONS = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
  'ErrImageNeverPull',
  'ImageInspectError',
  'RegistryUnavailable',
  'SignatureValidationFailed',
]);
const CONTAINER_REASONS = new Set(['CreateContainerConfigError', 'CreateContainerError', 'RunContainerError', 'StartError', 'CrashLoopBackOff']);

/** Known before anything is created. */
export const nodeProblem = (node: NodeFacts): AgentProblem | undefined => {
  if (node.os !== '' && node.os !== 'linux')
    return { node: node.name, reason: 'node', message: `${node.name}: it runs ${node.os}; netdoctor reads Linux nodes only` };
  if (!node.ready)
    return {
      node: node.name,
      reason: 'node',
      message: `${node.name}: the node is NotReady (${node.notReadyReason ?? 'no reason given'}), no agent can start there`,
    };
  return undefined;
};

/** Where the pull failed, without containerd's three-fold repetition of the image name. */
const tidy = (message: string | undefined): string => {
  const text = (message ?? '').replace(/\s+/g, ' ').trim();
  const deep = /failed to resolve (?:image|reference "[^"]*"): (.*)$/.exec(text)?.[1] ?? text;
  return deep.slice(0, 300);
};

const containerProblem = (node: string, image: string, status: V1ContainerStatus): AgentProblem | undefined => {
  const { waiting, terminated } = status.state ?? {};
  if (waiting?.reason && IMAGE_REASONS.has(waiting.reason))
    return {
      node,
      reason: 'image',
      message: `${node}: image ${image} cannot be pulled (${waiting.reason}: ${tidy(waiting.message)}); ${OTHER_IMAGE}`,
    };
  if (waiting?.reason && CONTAINER_REASONS.has(waiting.reason))
    return { node, reason: 'refused', message: `${node}: the agent's container cannot be made (${waiting.reason}: ${tidy(waiting.message)})` };
  if (!terminated) return undefined;
  const said = tidy(terminated.message) || terminated.reason || 'no message';
  if (terminated.exitCode === NOT_ENOUGH) return { node, reason: 'refused', message: `${node}: the agent may not look at the node (${said})` };
  if (terminated.reason === 'StartError' || terminated.exitCode === 127 || terminated.exitCode === 128)
    return { node, reason: 'image', message: `${node}: image ${image} does not start a shell (${said}); ${OTHER_IMAGE}` };
  return { node, reason: 'failed', message: `${node}: the agent ended with exit code ${terminated.exitCode} (${said})` };
};

/** What keeps this agent from ever running; undefined while it may still come. */
export const podProblem = (node: string, image: string, pod: V1Pod): AgentProblem | undefined => {
  const { status = {}, metadata = {} } = pod;
  for (const container of status.containerStatuses ?? []) {
    const problem = containerProblem(node, image, container);
    if (problem) return problem;
  }
  if (metadata.deletionTimestamp !== undefined)
    return { node, reason: 'failed', message: `${node}: somebody else deleted the agent ${metadata.name}` };
  // Evicted, OutOfpods, NodeAffinity, UnexpectedAdmissionError: the kubelet's own no
  if (status.phase === 'Failed')
    return { node, reason: 'failed', message: `${node}: the node refused the agent (${status.reason ?? 'Failed'}: ${tidy(status.message)})` };
  return undefined;
};
