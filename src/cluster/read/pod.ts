import type { V1ContainerPort, V1ContainerStatus, V1Pod } from '@kubernetes/client-node';
import type { ContainerFacts, PodFacts, Protocol } from '../facts.ts';

/** TCP → tcp; the API's default when it is left out. */
export const protocolOf = (protocol: string | undefined): Protocol => (protocol ?? 'TCP').toLowerCase() as Protocol;

const withoutRuntime = (id: string): string => id.replace(/^[a-z0-9-]+:\/\//, '');

const reasonOf = (status: V1ContainerStatus | undefined): string | undefined => status?.state?.waiting?.reason ?? status?.state?.terminated?.reason;

const portsOf = (ports: V1ContainerPort[] | undefined): ContainerFacts['ports'] =>
  (ports ?? []).map((port) => ({ ...(port.name ? { name: port.name } : {}), port: port.containerPort, protocol: protocolOf(port.protocol) }));

const containersOf = (pod: V1Pod): ContainerFacts[] =>
  (pod.spec?.containers ?? []).map(({ name, ports }) => {
    const status = pod.status?.containerStatuses?.find((candidate) => candidate.name === name);
    const reason = reasonOf(status);
    return {
      name,
      ports: portsOf(ports),
      ready: status?.ready ?? false,
      restarts: status?.restartCount ?? 0,
      ...(reason ? { reason } : {}),
      ...(status?.containerID ? { id: withoutRuntime(status.containerID) } : {}),
    };
  });

const ipsOf = (pod: V1Pod): string[] => {
  const { podIP, podIPs = [] } = pod.status ?? {};
  return [...new Set([podIP, ...podIPs.map(({ ip }) => ip)])].filter((ip): ip is string => Boolean(ip));
};

export const podFacts = (pod: V1Pod): PodFacts => {
  const { metadata = {}, spec, status } = pod;
  const owner = metadata.ownerReferences?.find(({ controller }) => controller);
  const initPorts = (spec?.initContainers ?? []).flatMap(({ ports }) => portsOf(ports));
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name ?? '',
    // a static pod's processes live under the UID the kubelet gave it, not under its mirror's
    uid: metadata.annotations?.['kubernetes.io/config.hash'] ?? metadata.uid ?? '',
    ...(spec?.nodeName ? { node: spec.nodeName } : {}),
    ips: ipsOf(pod),
    hostNetwork: spec?.hostNetwork ?? false,
    phase: status?.phase ?? 'Unknown',
    ready: status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ?? false,
    deleting: metadata.deletionTimestamp !== undefined,
    labels: metadata.labels ?? {},
    annotations: metadata.annotations ?? {},
    ...(owner ? { owner: `${owner.kind}/${owner.name}` } : {}),
    containers: containersOf(pod),
    ...(initPorts.length > 0 ? { initPorts } : {}),
    ...(spec?.serviceAccountName ? { serviceAccount: spec.serviceAccountName } : {}),
    ...(spec?.runtimeClassName ? { runtimeClass: spec.runtimeClassName } : {}),
  };
};
