import type { Lab } from '../handle.ts';
import { findPod, inNetns } from '../pods.ts';
import { type Fault, nodePlan, onBridge, podGateway, victim } from './fault.ts';
import { takeAway } from './take-away.ts';

const routesToPod = async (lab: Lab, ...words: readonly string[]): Promise<readonly (readonly string[])[]> =>
  (await findPod(lab, victim.pod)).ips.map((address) => ['ip', address.includes(':') ? '-6' : '-4', 'route', ...words, address]);

const refusing = (type: 'blackhole' | 'unreachable' | 'prohibit', node: string, whose: string): Fault => ({
  name: `${type}-route`,
  title: `${whose} node has ${type === 'unreachable' ? 'an' : 'a'} ${type} route to the pod`,
  appliesTo: onBridge,
  inject: async (lab) => {
    for (const command of await routesToPod(lab, 'add', type)) await lab.nodeExec(node, command);
  },
  undo: async (lab) => {
    for (const command of await routesToPod(lab, 'del', type)) await takeAway(lab, node, command);
  },
});

export const blackholeRoute = refusing('blackhole', victim.node, "the pod's");
export const unreachableRoute = refusing('unreachable', victim.node, "the pod's");
export const prohibitRoute = refusing('prohibit', victim.peer, "the client's");

/** Without a default route either: nothing says where the pod is. */
export const ownPodRouteMissing: Fault = {
  name: 'own-pod-route-missing',
  title: 'a node has no route to its own pods, and no default route',
  appliesTo: onBridge,
  inject: async (lab) => {
    for (const family of lab.plan.families) {
      const ip = ['ip', `-${family}`, 'route', 'del'];
      await lab.nodeExec(victim.node, [...ip, nodePlan(lab, victim.node).podCidr[family] ?? '', 'dev', 'cni0']);
      await lab.nodeExec(victim.node, [...ip, 'default']);
    }
  },
  undo: async (lab) => {
    const node = nodePlan(lab, victim.node);
    for (const family of lab.plan.families) {
      const ip = ['ip', `-${family}`, 'route', 'replace'];
      const own = family === 4 ? ['scope', 'link', 'src', podGateway(node, 4)] : ['metric', '256'];
      await lab.nodeExec(victim.node, [...ip, node.podCidr[family] ?? '', 'dev', 'cni0', 'proto', 'kernel', ...own]);
      await lab.nodeExec(victim.node, [...ip, 'default', 'via', node.gateway[family] ?? '']);
    }
  },
};

/** What the bridge plugin gives a pod: its link, the pods' network and everything else by the bridge. */
const podRoutes = (lab: Lab, family: 4 | 6, address: string): readonly (readonly string[])[] => {
  const node = nodePlan(lab, victim.node);
  const link = family === 4 ? ['scope', 'link', 'src', address] : ['metric', '256'];
  const gateway = ['via', podGateway(node, family)];
  return [
    [node.podCidr[family] ?? '', 'dev', 'eth0', 'proto', 'kernel', ...link],
    [lab.plan.clusterCidr[family] ?? '', ...gateway],
    ['default', ...gateway],
  ];
};

const eachPodRoute = async (lab: Lab, change: (route: readonly string[]) => readonly string[]): Promise<void> => {
  const pod = await findPod(lab, victim.pod);
  for (const address of pod.ips) {
    const family = address.includes(':') ? 6 : 4;
    for (const route of podRoutes(lab, family, address))
      await lab.nodeExec(pod.node, [...inNetns(pod.netns), 'ip', `-${family}`, 'route', ...change(route)]);
  }
};

/** Requests arrive, and no answer finds the way out. */
export const podWithoutRoutes: Fault = {
  name: 'pod-without-routes',
  title: 'the pod has no route back to whoever asks',
  appliesTo: onBridge,
  inject: (lab) => eachPodRoute(lab, ([prefix = '']) => ['del', prefix]),
  undo: (lab) => eachPodRoute(lab, (route) => ['replace', ...route]),
};
