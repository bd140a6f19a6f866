import { mkdir, readdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { coredns } from './addons/coredns.ts';
import { kubeProxy } from './addons/kube-proxy.ts';
import { networks } from './addons/networks.ts';
import { makeCertificates } from './certificates.ts';
import { makeCgroups } from './cgroups.ts';
import { step } from './clock.ts';
import { importImage, waitForContainerd } from './containerd.ts';
import { controlPlaneServices, waitForApi } from './control-plane.ts';
import { removeLab } from './down.ts';
import { writeExternalHost } from './external-host.ts';
import { buildImages } from './images/archives.ts';
import { apply } from './kubectl.ts';
import { labLock, withLock } from './lock.ts';
import { type Machine, startMachine } from './machine.ts';
import { nodeServices, registerNodes, releaseKubelet, writeNodeFiles } from './node.ts';
import type { LabOptions } from './options.ts';
import { buildParts, type Parts } from './parts.ts';
import { type LabPlan, planLab } from './plan.ts';
import { waitForKubeProxy, waitForNodes, waitForPods } from './readiness.ts';
import { writeServices } from './services.ts';
import { claimSlot } from './slots.ts';
import { kubeconfigPath, labDirectory, programsDirectory, saveState } from './state.ts';
import { waitForTraffic } from './traffic.ts';
import { connectUnderlay } from './underlay.ts';
import { workloads } from './workloads.ts';

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

const startMachines = async (plan: LabPlan, { cache, path }: Parts): Promise<readonly Machine[]> => {
  const lab = plan.options.name;
  const nodeNames = plan.nodes.map(({ name }) => name);
  await makeCgroups(lab, nodeNames);
  const start = (kind: 'node' | 'plain') => (name: string) => startMachine(lab, name, { kind, cache, path });
  const [underlay, external, ...nodes] = await Promise.all([
    start('plain')(underlayName),
    start('plain')(plan.external.name),
    ...nodeNames.map(start('node')),
  ]);
  const machines = Object.fromEntries([underlay, external, ...nodes].map(({ name, init }) => [name, init]));
  await saveState({ options: plan.options, slot: plan.slot, path, machines });
  await connectUnderlay(plan, { underlay, external, nodes });
  return nodes;
};

const importImages = async (nodes: readonly Machine[], archives: readonly string[]): Promise<void> => {
  await Promise.all(
    nodes.map(async (node) => {
      await waitForContainerd(node);
      for (const archive of archives) await importImage(node, archive);
    }),
  );
};

const make = async (options: LabOptions): Promise<string> => {
  const parts = await buildParts(options);
  const archives = await buildImages(parts);
  await removeLab(options.name);
  const lab = options.name;
  const plan = planLab(options, await claimSlot(options, parts.path));
  await mkdir(labDirectory(lab), { recursive: true, mode: 0o700 });
  await linkPrograms(lab, parts);
  const nodes = await step('machines and underlay', async () => {
    await writeFiles(plan);
    return startMachines(plan, parts);
  });
  await Promise.all([step('API server answers', () => waitForApi(lab)), step('images imported', () => importImages(nodes, archives))]);
  await registerNodes(plan);
  const network = networks[options.backend];
  await apply(lab, [...kubeProxy(plan), ...(await network.manifests(plan))]);
  for (const node of nodes) await network.prepare?.(plan, node);
  for (const node of nodes) await releaseKubelet(node);
  await step('all nodes Ready', () => waitForNodes(plan));
  for (const node of nodes) await network.ready?.(node);
  await waitForKubeProxy(nodes);
  await apply(lab, [...coredns(plan), ...workloads(plan)]);
  await step('all pods Ready', () => waitForPods(lab));
  await step('traffic flows', () => waitForTraffic(plan));
  return kubeconfigPath(lab);
};

/** Brings a lab up in place of what has its name, and returns its kubeconfig's path. */
export const up = (options: LabOptions): Promise<string> => withLock(labLock(options.name), () => make(options));
