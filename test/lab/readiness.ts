import { waitFor } from './clock.ts';
import { kubectl } from './kubectl.ts';
import { execIn, type Machine } from './machine.ts';
import type { LabPlan } from './plan.ts';
import { namespace } from './workloads.ts';

export const waitForNodes = (plan: LabPlan): Promise<void> =>
  waitFor(
    'all nodes Ready',
    async () => {
      const ready = await kubectl(plan.options.name, [
        'get',
        'nodes',
        '-o',
        'jsonpath={range .items[*]}{.status.conditions[?(@.type=="Ready")].status} {end}',
      ]);
      return ready.split(' ').filter((status) => status === 'True').length === plan.nodes.length;
    },
    // Cilium compiles its programs before it lets a node be Ready
    { interval: 250, timeout: 180_000 },
  );

export const waitForFile =
  (path: string, what: string) =>
  (node: Machine): Promise<void> =>
    waitFor(`${what} on ${node.name}`, async () => (await execIn(node, ['test', '-s', path], { reject: false })).exitCode === 0);

/** Its health endpoint answers well only after the first round of rules; CoreDNS, started before, waits 10 seconds for its next try. */
export const waitForKubeProxy = async (nodes: readonly Machine[]): Promise<void> => {
  for (const node of nodes)
    await waitFor(`kube-proxy on ${node.name}`, async () =>
      (await execIn(node, ['responder', 'get', 'http://localhost:10256/healthz'])).stdout.includes('lastUpdated'),
    );
};

export const waitForPods = async (lab: string): Promise<void> => {
  await kubectl(lab, ['rollout', 'status', '--namespace', 'kube-system', 'deployment/coredns', '--timeout=60s']);
  for (const deployment of ['web', 'echo'])
    await kubectl(lab, ['rollout', 'status', '--namespace', namespace, `deployment/${deployment}`, '--timeout=60s']);
  await kubectl(lab, ['wait', '--namespace', namespace, '--for=condition=Ready', 'pods', '--all', '--timeout=60s']);
};
