import { openLab } from './handle.ts';
import { kubectl } from './kubectl.ts';
import { isAlive } from './processes.ts';
import { labNames, loadState } from './state.ts';

const describeMachines = async (name: string): Promise<readonly string[]> => {
  const machines = Object.entries((await loadState(name))?.machines ?? {});
  return Promise.all(machines.map(async ([machine, init]) => `${machine} ${(await isAlive(init)) ? `pid ${init.pid}` : 'is gone'}`));
};

/** One paragraph per lab: what it was asked to be, whether its machines live, and its nodes as its API sees them. */
export const status = async (): Promise<string> => {
  const paragraphs = (await labNames()).map(async (name) => {
    const { plan, kubeconfig } = await openLab(name);
    const { backend, proxy, ip, subnets } = plan.options;
    const nodes = await kubectl(name, ['get', 'nodes', '-o', 'wide', '--request-timeout=2s']).catch(() => 'the API server does not answer');
    return `${name}: ${backend}, kube-proxy ${proxy}, IP ${ip}, subnets ${subnets}\n${kubeconfig}\n${(await describeMachines(name)).join(', ')}\n${nodes}\n`;
  });
  return (await Promise.all(paragraphs)).join('\n') || 'no lab is up';
};
