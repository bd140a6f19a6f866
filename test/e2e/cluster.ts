import { execa } from 'execa';
import { type Lab, openLab } from '../lab/handle.ts';

/** The lab under test; absent on any other cluster, where what injects faults is skipped. */
export const lab: Lab | undefined = process.env.NETDOCTOR_E2E_LAB ? await openLab(process.env.NETDOCTOR_E2E_LAB) : undefined;

export const kubectl = async (args: string[], input?: string): Promise<string> => {
  const { stdout } = await execa('kubectl', args, { timeout: 60_000, ...(input === undefined ? { stdin: 'ignore' as const } : { input }) });
  return stdout;
};

export interface Pod {
  metadata: { namespace: string; name: string; uid: string; labels?: Record<string, string> };
  spec: { nodeName?: string; hostNetwork?: boolean; containers: { ports?: { containerPort: number; protocol?: string }[] }[] };
  status: { phase: string; podIP?: string; podIPs?: { ip: string }[]; conditions?: { type: string; status: string }[] };
}

export const allPods = async (): Promise<Pod[]> => (JSON.parse(await kubectl(['get', 'pods', '-A', '-o', 'json'])) as { items: Pod[] }).items;

const isReady = ({ status }: Pod): boolean => status.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ?? false;

const declaresTcp = ({ spec }: Pod): boolean => spec.containers.some(({ ports }) => ports?.some(({ protocol = 'TCP' }) => protocol === 'TCP'));

export const nameOf = ({ metadata }: Pod): string => `${metadata.namespace}/${metadata.name}`;

/** What the questions of the healthy tests are put to: on the lab its own workloads, elsewhere whatever runs there. */
export interface Subjects {
  /** On one node. */
  client: Pod;
  neighbour: Pod;
  /** On another node, with a TCP port. */
  server: Pod;
}

/** @throws Error when the cluster has no two nodes with ready pods */
export const findSubjects = async (): Promise<Subjects> => {
  const pods = (await allPods()).filter((pod) => isReady(pod) && !pod.spec.hostNetwork && pod.status.podIP !== undefined);
  const inDemo = pods.filter(({ metadata }) => metadata.namespace === 'demo');
  const usable = inDemo.length > 0 ? inDemo : pods;
  const servers = usable.filter(declaresTcp);
  for (const server of servers) {
    for (const neighbour of servers) {
      const client = usable.find(
        (pod) => pod !== neighbour && pod.spec.nodeName === neighbour.spec.nodeName && pod.spec.nodeName !== server.spec.nodeName,
      );
      if (client) return { client, neighbour, server };
    }
  }
  throw new Error('the cluster has no two nodes with ready pods that declare a TCP port');
};
