import type { Lab } from '../handle.ts';
import { pauseAgent, restartAgent } from './agents.ts';
import { type Fault, nodePlan, onBridge, victim, withFlannel } from './fault.ts';
import { takeAway } from './take-away.ts';

const podCidrs = (lab: Lab): readonly string[] => Object.values(nodePlan(lab, victim.node).podCidr);

/** With a gateway per subnet flanneld looks at its routes every 10 seconds, so it has to hold still. */
const holdFlannel = async (lab: Lab): Promise<void> => {
  if (withFlannel(lab.plan.options)) await pauseAgent(lab, victim.peer, 'flanneld');
};

const restoreRoutes = async (lab: Lab): Promise<void> => {
  if (withFlannel(lab.plan.options)) return restartAgent(lab, victim.peer, 'flanneld');
  const { podCidr, address } = nodePlan(lab, victim.node);
  for (const family of lab.plan.families)
    await lab.nodeExec(victim.peer, ['ip', 'route', 'replace', podCidr[family] ?? '', 'via', address[family] ?? '']);
};

export const podRouteMissing: Fault = {
  name: 'pod-route-missing',
  title: "one node has no route to the other node's pods",
  appliesTo: onBridge,
  inject: async (lab) => {
    await holdFlannel(lab);
    for (const cidr of podCidrs(lab)) await lab.nodeExec(victim.peer, ['ip', 'route', 'del', cidr]);
  },
  undo: restoreRoutes,
};

export const podRouteWrong: Fault = {
  name: 'pod-route-wrong',
  title: "one node routes the other node's pods to its default gateway",
  appliesTo: onBridge,
  inject: async (lab) => {
    await holdFlannel(lab);
    const { podCidr } = nodePlan(lab, victim.node);
    const { gateway } = nodePlan(lab, victim.peer);
    for (const family of lab.plan.families) {
      await lab.nodeExec(victim.peer, ['ip', 'route', 'del', podCidr[family] ?? '']);
      await lab.nodeExec(victim.peer, ['ip', 'route', 'add', podCidr[family] ?? '', 'via', gateway[family] ?? '']);
    }
  },
  undo: async (lab) => {
    for (const cidr of podCidrs(lab)) await takeAway(lab, victim.peer, ['ip', 'route', 'del', cidr]);
    await restoreRoutes(lab);
  },
};
