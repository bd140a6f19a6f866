import { mkdir, readdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { configureBridge } from './addons/bridge-cni.ts';
import { coredns } from './addons/coredns.ts';
import { flannel } from './addons/flannel.ts';
import { kubeProxy } from './addons/kube-proxy.ts';
import { makeCertificates } from './certificates.ts';
import { makeCgroups } from './cgroups.ts';
import { step, waitFor } from './clock.ts';
import { importImage, waitForContainerd } from './containerd.ts';
import { controlPlaneServices, waitForApi } from './control-plane.ts';
import { down } from './down.ts';
import { writeExternalHost } from './external-host.ts';
import { buildImages } from './images/archives.ts';
import { apply, kubectl } from './kubectl.ts';
import { execIn, type Machine, startMachine } from './machine.ts';
import { nodeServices, registerNodes, releaseKubelet, writeNodeFiles } from './node.ts';
import type { LabOptions } from './options.ts';
import { buildParts, type Parts } from './parts.ts';
import { type LabPlan, planLab } from './plan.ts';
import { writeServices } from './services.ts';
import { claimSlot } from './slots.ts';
import { kubeconfigPath, labDirectory, programsDirectory, saveState } from './state.ts';
import { waitForTraffic } from './traffic.ts';
import { connectUnderlay } from './underlay.ts';
import { namespace, workloads } from './workloads.ts';

const underlayName = 'underlay';

const writeFiles = async (plan: LabPlan): Promise<void> => {
  const lab = plan.options.name;
  const addresses = (of: object): readonly string[] => Object.values(of);
  await makeCertificates(lab, {
    server: plan.apiUrl,
    serverNames: [
      'kubernetes',
      'kubernetes.default',
      'kubernetes.default.svc',
      'localhost',
      '127.0.0.1',
      ...addresses(plan.api),
      ...addresses(plan.kubernetesService),
    ],
    nodes: plan.nodes.map(({ name, address }) => ({ name, addresses: addresses(address) })),
  });
  await writeServices(lab, underlayName, controlPlaneServices(plan, underlayName));
  await writeServices(lab, plan.external.name, await writeExternalHost(plan));
  for (const node of plan.nodes) {
    await writeNodeFiles(plan, node);
    await writeServices(lab, node.name, nodeServices(node));
  }
};

/** The lab's own kubectl for people and for kubectl.ts, and every other program beside it. */
const linkPrograms = async (lab: string, { directories }: Parts): Promise<void> => {
  await mkdir(programsDirectory(lab), { recursive: true });
  for (const directory of directories)
    for (const file of await readdir(directory))
      if (file !== 'manifest.json') await symlink(join(directory, file), join(programsDirectory(lab), file));
};

const startMachines = async (plan: LabPlan, { cache, path }: Parts): Promise<Readonly<Record<string, Machine>>> => {
  const lab = plan.options.name;
  await makeCgroups(
    lab,
    plan.nodes.map(({ name }) => name),
  );
  const names = [underlayName, plan.external.name, ...plan.nodes.map(({ name }) => name)];
  const machines = await Promise.all(
    names.map((name) => startMachine(lab, name, { kind: plan.nodes.some((node) => node.name === name) ? 'node' : 'plain', cache, path })),
  );
  await saveState({ options: plan.options, slot: plan.slot, path, machines: Object.fromEntries(machines.map(({ name, init }) => [name, init])) });
  return Object.fromEntries(machines.map((machine) => [machine.name, machine]));
};

const importImages = async (nodes: readonly Machine[], archives: readonly string[]): Promise<void> => {
  await Promise.all(
    nodes.map(async (node) => {
      await waitForContainerd(node);
      for (const archive of archives) await importImage(node, archive);
    }),
  );
};

const waitForNodes = (plan: LabPlan): Promise<void> =>
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
    { interval: 250 },
  );

/** The flannel plugin is configured before flanneld has a subnet for it; pods made in between would wait for kubelet's next try. */
const waitForSubnets = async (nodes: readonly Machine[]): Promise<void> => {
  for (const node of nodes)
    await waitFor(
      `flanneld's subnet on ${node.name}`,
      async () => (await execIn(node, ['test', '-s', '/run/flannel/subnet.env'], { reject: false })).exitCode === 0,
    );
};

/** Its health endpoint answers well only after the first round of rules; CoreDNS, started before, waits 10 seconds for its next try. */
const waitForKubeProxy = async (nodes: readonly Machine[]): Promise<void> => {
  for (const node of nodes)
    await waitFor(`kube-proxy on ${node.name}`, async () =>
      (await execIn(node, ['responder', 'get', 'http://localhost:10256/healthz'])).stdout.includes('lastUpdated'),
    );
};

const waitForPods = async (lab: string): Promise<void> => {
  await kubectl(lab, ['rollout', 'status', '--namespace', 'kube-system', 'deployment/coredns', '--timeout=60s']);
  for (const deployment of ['web', 'echo'])
    await kubectl(lab, ['rollout', 'status', '--namespace', namespace, `deployment/${deployment}`, '--timeout=60s']);
  await kubectl(lab, ['wait', '--namespace', namespace, '--for=condition=Ready', 'pods', '--all', '--timeout=60s']);
};

export const up = async (options: LabOptions): Promise<string> => {
  const parts = await buildParts();
  const archives = await buildImages(parts);
  await down(options.name);
  const lab = options.name;
  const plan = planLab(options, await claimSlot(options, parts.path));
  await mkdir(labDirectory(lab), { recursive: true, mode: 0o700 });
  await linkPrograms(lab, parts);
  const machines = await step('machines and underlay', async () => {
    await writeFiles(plan);
    const started = await startMachines(plan, parts);
    const [underlay, external] = [started[underlayName], started[plan.external.name]];
    const nodes = plan.nodes.flatMap(({ name }) => started[name] ?? []);
    if (!underlay || !external) throw new Error('the underlay has not started');
    await connectUnderlay(plan, { underlay, external, nodes });
    return { nodes, started };
  });
  await Promise.all([step('API server answers', () => waitForApi(lab)), step('images imported', () => importImages(machines.nodes, archives))]);
  await registerNodes(plan);
  await apply(lab, [...kubeProxy(plan), ...(options.backend === 'bridge' ? [] : flannel(plan))]);
  for (const node of machines.nodes) await releaseKubelet(node);
  if (options.backend === 'bridge') for (const node of plan.nodes) await configureBridge(plan, node, machines.started[node.name] as Machine);
  await step('all nodes Ready', () => waitForNodes(plan));
  if (options.backend !== 'bridge') await waitForSubnets(machines.nodes);
  await waitForKubeProxy(machines.nodes);
  await apply(lab, [...coredns(plan), ...workloads(plan)]);
  await step('all pods Ready', () => waitForPods(lab));
  await step('traffic flows', () => waitForTraffic(plan));
  return kubeconfigPath(lab);
};
