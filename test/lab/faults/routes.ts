import type { Lab } from '../handle.ts';
import type { NodePlan } from '../plan.ts';
import { pauseAgent, restartAgent } from './agents.ts';
import { type Fault, victim } from './fault.ts';

const planOf = (lab: Lab, name: string): NodePlan => {
  const found = lab.plan.nodes.find((node) => node.name === name);
  if (!found) throw new Error(`${name} is not part of lab ${lab.name}`);
  return found;
};

const podCidrs = (lab: Lab): readonly string[] => Object.values(planOf(lab, victim.node).podCidr);

const hasFlannel = (lab: Lab): boolean => lab.plan.options.backend !== 'bridge';

/** With a gateway per subnet flanneld looks at its routes every 10 seconds, so it has to hold still. */
const holdFlannel = async (lab: Lab): Promise<void> => {
  if (hasFlannel(lab)) await pauseAgent(lab, victim.peer, 'flanneld');
};

const restoreRoutes = async (lab: Lab): Promise<void> => {
  if (hasFlannel(lab)) return restartAgent(lab, victim.peer, 'flanneld');
  const { podCidr, address } = planOf(lab, victim.node);
  for (const family of lab.plan.families)
    await lab.nodeExec(victim.peer, ['ip', 'route', 'replace', podCidr[family] ?? '', 'via', address[family] ?? '']);
};

export const podRouteMissing: Fault = {
  name: 'pod-route-missing',
  title: "one node has no route to the other node's pods",
  inject: async (lab) => {
    await holdFlannel(lab);
    for (const cidr of podCidrs(lab)) await lab.nodeExec(victim.peer, ['ip', 'route', 'del', cidr]);
  },
  undo: restoreRoutes,
};

export const podRouteWrong: Fault = {
  name: 'pod-route-wrong',
  title: "one node routes the other node's pods to its default gateway",
  inject: async (lab) => {
    await holdFlannel(lab);
    const { podCidr } = planOf(lab, victim.node);
    const { gateway } = planOf(lab, victim.peer);
    for (const family of lab.plan.families) {
      await lab.nodeExec(victim.peer, ['ip', 'route', 'del', podCidr[family] ?? '']);
      await lab.nodeExec(victim.peer, ['ip', 'route', 'add', podCidr[family] ?? '', 'via', gateway[family] ?? '']);
    }
  },
  undo: async (lab) => {
    for (const cidr of podCidrs(lab)) await lab.nodeExec(victim.peer, ['ip', 'route', 'del', cidr], { reject: false });
    await restoreRoutes(lab);
  },
};
