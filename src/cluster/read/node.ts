import type { V1Node } from '@kubernetes/client-node';
import type { NodeFacts } from '../facts.ts';

/** Why the node is not ready, in the words of its Ready condition. */
const notReadyReason = (node: V1Node): string | undefined => {
  const ready = node.status?.conditions?.find(({ type }) => type === 'Ready');
  if (!ready) return 'it has no Ready condition';
  if (ready.status === 'True') return undefined;
  return [ready.reason, ready.message].filter(Boolean).join(': ') || `Ready is ${ready.status}`;
};

export const nodeFacts = (node: V1Node): NodeFacts => {
  const { metadata = {}, spec = {}, status = {} } = node;
  const why = notReadyReason(node);
  const { nodeInfo } = status;
  return {
    name: metadata.name ?? '',
    ips: (status.addresses ?? []).filter(({ type }) => type === 'InternalIP').map(({ address }) => address),
    podCidrs: spec.podCIDRs ?? (spec.podCIDR ? [spec.podCIDR] : []),
    ready: why === undefined,
    ...(why === undefined ? {} : { notReadyReason: why }),
    os: nodeInfo?.operatingSystem ?? metadata.labels?.['kubernetes.io/os'] ?? '',
    arch: nodeInfo?.architecture ?? metadata.labels?.['kubernetes.io/arch'] ?? '',
    kernel: nodeInfo?.kernelVersion ?? '',
    labels: metadata.labels ?? {},
    annotations: metadata.annotations ?? {},
    unschedulable: spec.unschedulable ?? false,
    taints: (spec.taints ?? []).map(({ key, value, effect }) => `${key}${value ? `=${value}` : ''}:${effect}`),
  };
};
