import type { Endpoint } from '../cluster/endpoint.ts';
import type { PodFacts } from '../cluster/facts.ts';
import { hostNetns } from '../forwarding/world.ts';
import type { NodeSnapshot } from '../node/snapshot.ts';
import type { TapRequest } from '../probe/tap/tap-output.ts';
import { entryPid } from './plan.ts';
import type { DoorRequest, NodeDoor } from './ports.ts';

/** A Service can have backends on every node of a large cluster; more nodes than this are not entered for it. */
const MOST_BACKEND_NODES = 3;

/** The pods at the ends, with the backends of a Service. */
export const podsOf = (...endpoints: Endpoint[]): PodFacts[] =>
  endpoints.flatMap(({ kind, pod, backends }) => (pod ? [pod] : kind === 'service' ? backends : []));

/** Nodes the packet can pass, the two ends' first. */
export const involvedNodes = (from: Endpoint, to: Endpoint): DoorRequest[] => {
  const requests = new Map<string, DoorRequest>();
  const add = (node: string | undefined, pod?: PodFacts): void => {
    if (node !== undefined && !requests.has(node))
      requests.set(node, { node, ...(pod ? { pod: { namespace: pod.namespace, name: pod.name, uid: pod.uid } } : {}) });
  };
  for (const { node, pod } of [from, to]) add(node?.name ?? pod?.node, pod);
  const backendNodes = [...new Set(to.kind === 'service' ? to.backends.flatMap(({ node }) => node ?? []) : [])];
  for (const node of backendNodes.slice(0, MOST_BACKEND_NODES)) {
    add(
      node,
      to.backends.find((pod) => pod.node === node),
    );
  }
  return [...requests.values()];
};

/** Host namespaces of every open node, and those of the pods at the ends. */
export const tapRequests = (doors: NodeDoor[], snapshots: NodeSnapshot[], pods: PodFacts[]): TapRequest[] =>
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
