import type { Lab } from './handle.ts';
import { namespace } from './workloads.ts';

/** A pod of the demo namespace with the two ends of its link. */
export interface PodLink {
  readonly name: string;
  readonly node: string;
  readonly ips: readonly string[];
  /** The pod's network namespace as containerd pinned it on the node. */
  readonly netns: string;
  /** The end that stays on the node. */
  readonly hostInterface: string;
  readonly mac: string;
}

interface JsonLink {
  readonly ifname: string;
  readonly ifindex: number;
  readonly link_index?: number;
  readonly address: string;
}

const links = async (lab: Lab, node: string, command: readonly string[]): Promise<readonly JsonLink[]> =>
  JSON.parse((await lab.nodeExec(node, [...command, 'ip', '-json', 'address', 'show'])).stdout) as readonly JsonLink[];

export const inNetns = (netns: string): readonly string[] => ['nsenter', `--net=${netns}`, '--'];

interface Sandbox {
  readonly Spec: { readonly linux: { readonly namespaces: readonly { readonly type: string; readonly path?: string }[] } };
}

/** Asked of containerd and not found by address: an address is what some faults duplicate or take away. */
const findNetns = async (lab: Lab, node: string, pod: string): Promise<string> => {
  const ctr = ['ctr', '--namespace', 'k8s.io', 'containers'];
  const filter = `labels."io.kubernetes.pod.name"==${pod},labels."io.kubernetes.pod.namespace"==${namespace},labels."io.cri-containerd.kind"==sandbox`;
  const ids = (await lab.nodeExec(node, [...ctr, 'list', '--quiet', filter])).stdout.split('\n').filter(Boolean);
  for (const id of ids) {
    const sandbox = JSON.parse((await lab.nodeExec(node, [...ctr, 'info', id])).stdout) as Sandbox;
    const path = sandbox.Spec.linux.namespaces.find(({ type }) => type === 'network')?.path;
    if (path) return path;
  }
  throw new Error(`containerd on ${node} has no sandbox of ${pod}`);
};

export const findPod = async (lab: Lab, name: string): Promise<PodLink> => {
  const pod = JSON.parse(await lab.kubectl(['get', 'pod', '--namespace', namespace, name, '-o', 'json'])) as {
    readonly spec: { readonly nodeName: string };
    readonly status: { readonly podIPs: readonly { readonly ip: string }[] };
  };
  const node = pod.spec.nodeName;
  const netns = await findNetns(lab, node, name);
  const eth0 = (await links(lab, node, inNetns(netns))).find(({ ifname }) => ifname === 'eth0');
  const host = (await links(lab, node, [])).find(({ ifindex }) => ifindex === eth0?.link_index);
  if (!eth0 || !host) throw new Error(`the link of ${name} is not whole on ${node}`);
  return { name, node, ips: pod.status.podIPs.map(({ ip }) => ip), netns, hostInterface: host.ifname, mac: eth0.address };
};
