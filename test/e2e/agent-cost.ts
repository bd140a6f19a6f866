import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeCgroup } from '../lab/cgroups.ts';
import type { Lab } from '../lab/handle.ts';

/** What one agent took of its node. */
export interface AgentCost {
  node: string;
  cpuSeconds: number;
  /** The most at any time, page cache included. */
  memoryMiB: number;
}

/** Agents ask for some CPU and so are burstable. */
const podsBelow = (controller: string, lab: string, node: string): string =>
  join('/sys/fs/cgroup', controller, nodeCgroup(lab, node), 'kubepods/burstable');

const podsOf = async (lab: Lab, node: string): Promise<string[]> =>
  (await readdir(podsBelow('memory', lab.name, node)).catch(() => [])).filter((name) => name.startsWith('pod'));

const numberIn = async (file: string): Promise<number> => Number(await readFile(file, 'utf8').catch(() => '0'));

/** Follows the cgroups of pods that come while `work` runs: the agents'. */
export const withAgentCost = async <Result>(lab: Lab, work: () => Promise<Result>): Promise<{ result: Result; costs: AgentCost[] }> => {
  const before = new Set((await Promise.all(lab.nodes.map((node) => podsOf(lab, node)))).flat());
  const costs = new Map<string, AgentCost>();
  const look = async (): Promise<void> => {
    for (const node of lab.nodes)
      for (const pod of await podsOf(lab, node)) {
        if (before.has(pod)) continue;
        const [cpu, memory] = await Promise.all([
          numberIn(join(podsBelow('cpuacct', lab.name, node), pod, 'cpuacct.usage')),
          numberIn(join(podsBelow('memory', lab.name, node), pod, 'memory.max_usage_in_bytes')),
        ]);
        const known = costs.get(pod);
        const cpuSeconds = Math.max(known?.cpuSeconds ?? 0, cpu / 1e9);
        costs.set(pod, { node, cpuSeconds, memoryMiB: Math.max(known?.memoryMiB ?? 0, memory / 2 ** 20) });
      }
  };
  let looking = Promise.resolve();
  const timer = setInterval(() => {
    looking = looking.then(look);
  }, 50);
  try {
    return { result: await work(), costs: [...costs.values()] };
  } finally {
    clearInterval(timer);
    await looking;
  }
};
