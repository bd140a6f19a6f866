import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { nodeCgroup } from '../cgroups.ts';
import type { Manifest } from '../kubectl.ts';
import { execIn, type Machine } from '../machine.ts';
import { type LabPlan, primary } from '../plan.ts';

/** Rendered from the chart of the module that is built; render.sh beside it does it again. */
const rendered = join(import.meta.dirname, '../parts/cilium/manifests.yaml');

/** Cilium as its Helm chart deploys it. */
export const cilium = async (plan: LabPlan): Promise<readonly Manifest[]> => {
  const text = (await readFile(rendered, 'utf8')).replaceAll('api.example', primary(plan.api));
  return parseAllDocuments(text).flatMap((document) => (document.contents === null ? [] : [document.toJS() as Manifest]));
};

/** Programs for sockets hang on a cgroup of version 2: each node has its own, at the place where the chart looks for it. */
export const giveCgroup = async (plan: LabPlan, machine: Machine): Promise<void> => {
  const own = `/sys/fs/cgroup/unified/${nodeCgroup(plan.options.name, machine.name)}`;
  const script =
    '[ -d "$0" ] || { echo "Cilium needs the cgroup version 2 hierarchy at /sys/fs/cgroup/unified" >&2; exit 1; }; mkdir -p "$1" && mount --bind "$0" "$1"';
  await execIn(machine, ['sh', '-c', script, own, '/run/cilium/cgroupv2']);
};
